/**
 * What a view of a room keeps for a person, be it the terminal or the page: who is here, and which
 * lines of a history were shown before. The page takes the text of each class into its script: so a
 * class uses nothing from outside of it, neither Bun nor a DOM, nor what else stands here.
 */

/** Who is in the room, as far as its greeting, notices and lines tell; for `/who` and for Tab. */
export class People {
  /** How a room that asks for a name tells who is here: the names, and how many more there are. */
  static readonly greeting = /^\* say your name first(?: \(here: (.+?)(?: and ([\d,]+) more)?\))?$/;
  /** What `--announce` tells; a member without a name has a number or an address there. */
  static readonly #notice =
    /^\* (?:(?:#\d+|[^\s:]*:\S*|(\S+)) (joined|left)|\d.* more .*?)(?: \(([\d,]+) here\))?$/;
  /** So many names are known. */
  static readonly #namesMax = 200;

  /** The user's name, which is not completed; or empty. */
  own: string;
  /** How many are here, with the user; undefined where nobody tells. */
  count: number | undefined;
  /** Whether somebody tells who joins and leaves, so that it stays right. */
  #isAnnounced = false;
  /** Those that are here, and all that were seen: those seen last at the end. */
  readonly here = new Set<string>();
  readonly #seen = new Set<string>();
  /** What the last Tab has made of the text, and what further ones make of that: round and round. */
  #completed: string | undefined;
  #further: string[] = [];

  constructor(own = "") {
    this.own = own;
  }

  /** Another connection: who is here is not known any more. */
  joined(): void {
    this.here.clear();
    this.count = undefined;
    this.#isAnnounced = false;
  }

  /**
   * Takes a line that the server may have sent.
   *
   * @param line with its `* ` and without its LF
   */
  told(line: string): void {
    const [isGreeting, names, more = "0"] = People.greeting.exec(line) ?? [];
    if (isGreeting !== undefined) {
      const told = names?.split(", ") ?? [];
      for (const name of told) this.sent(name);
      this.count = told.length + People.#number(more) + 1;
    }
    const [isNotice, name, what, count] = People.#notice.exec(line) ?? [];
    if (isNotice !== undefined) {
      this.#isAnnounced = true;
      if (name !== undefined) this.sent(name, what === "joined");
      if (what === "left") this.here.delete(name ?? "");
      this.count = count === undefined ? undefined : People.#number(count);
    }
  }

  /** Takes who has sent a line; the sender of one in the history need not be here any more. */
  sent(name: string, isHere = true): void {
    this.#seen.delete(name);
    if (name === this.own) return;
    this.#seen.add(name);
    if (isHere) this.here.add(name);
    // Where nobody tells who joins, it was right only once.
    if (!this.#isAnnounced && this.here.size >= (this.count ?? Infinity)) this.count = undefined;
    for (const names of [this.#seen, this.here])
      if (names.size > People.#namesMax) names.delete(names.keys().next().value ?? "");
  }

  /** What `/who` shows. */
  get list(): string {
    const names = [...this.here];
    if (this.own) names.unshift(`${this.own} (you)`);
    const more = (this.count ?? 0) - names.length;
    const both = [names.join(", "), more > 0 ? `${more} more` : ""];
    const all = both.filter((some) => some !== "").join(" and ");
    // Without names, notices do not tell which of them has left.
    if (this.count !== undefined) return `${this.count} here${more < 0 ? ", some of" : ""}: ${all}`;
    return `here, as far as is known: ${all || "nobody"}`;
  }

  /**
   * What Tab makes of the text before the cursor: its last word becomes a name that begins so, of
   * those seen last; and with the next Tab, given what the last one has made, another one.
   */
  complete(before: string): string {
    if (before !== this.#completed) {
      const start = before.replace(/\S*$/, "");
      const word = before.slice(start.length).toLowerCase();
      this.#further = [...this.#seen]
        .filter((name) => name.toLowerCase().startsWith(word))
        .map((name) => People.address(start, name));
    }
    this.#completed = this.#further.pop();
    if (this.#completed !== undefined) this.#further.unshift(this.#completed);
    return this.#completed ?? before;
  }

  /** Somebody's name behind some text, as people write it: at the start of a line, or in it. */
  static address(this: void, before: string, name: string): string {
    return before + name + (before ? " " : ": ");
  }

  static #number(digits: string): number {
    return Number(digits.replaceAll(",", ""));
  }
}

/** Of the class, for all others. */
export const { greeting: GREETING, address } = People;

/** Which lines were shown, so that of a history that is received again only the rest is. */
export class Shown {
  /** So many of the lines that were received, and of those that were sent, are known again. */
  static readonly #receivedMax = 200;
  static readonly #sentMax = 1000;
  #received: readonly string[] = [];
  readonly #sent = new Set<string>();

  /** @param lines without LF */
  received(lines: readonly string[]): void {
    const max = Shown.#receivedMax;
    this.#received = [...this.#received, ...lines.slice(-max)].slice(-max);
  }

  /** @param line of the user, as others receive it */
  sent(line: string): void {
    this.#sent.delete(line);
    this.#sent.add(line);
    if (this.#sent.size > Shown.#sentMax) this.#sent.delete(this.#sent.keys().next().value ?? "");
  }

  /** What of a history follows the last line that was received, without what the user has sent. */
  missed(history: readonly string[]): readonly string[] {
    // Where its own lines stand among others the client does not know; server messages are in none.
    const isOther = (line: string) => !line.startsWith("* ") && !this.#sent.has(line);
    const known = this.#received.filter(isOther);
    const others = history.flatMap((line, at) => (isOther(line) ? [{ line, at }] : []));
    /** Whether the last known lines are those before `end`, as far as both go back. */
    const isKnown = (end: number) => {
      for (let back = 1; back <= Math.min(end, known.length); back++)
        if (others[end - back]?.line !== known.at(-back)) return false;
      return known.length > 0;
    };
    const last = others.findIndex((_, at) => isKnown(at + 1));
    if (last < 0) return history;
    return history.slice((others[last]?.at ?? 0) + 1).filter((line) => !this.#sent.has(line));
  }
}
