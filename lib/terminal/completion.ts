/** Names that were seen lately, and the one that a person means by its beginning. */

const NAMES_MAX = 200;
const SENDER = /^([^\s:\p{C}]{1,32}):(?= |$)/gmu;

/** A line and the cursor in it. */
export type Edited = { line: string; cursor: number };

/** Completes names, those that have sent last first. */
export class Completion {
  readonly #own: string;
  /** In the order in which they have sent, the last at the end. */
  readonly #names = new Set<string>();
  /** What the last Tab has made of a line, and what further ones make of that. */
  #shown: Edited | undefined;
  #further: Iterator<Edited> | undefined;

  /** @param own a name that is not to be completed */
  constructor(own: string) {
    this.#own = own;
  }

  /** Sees who has sent some lines. */
  see(lines: string): void {
    for (const [, name = ""] of lines.matchAll(SENDER)) {
      this.#names.delete(name);
      if (name !== this.#own) this.#names.add(name);
    }
    for (const name of this.#names) if (this.#names.size > NAMES_MAX) this.#names.delete(name);
  }

  /**
   * What Tab makes of a line: the word before the cursor becomes a name that begins so, and with the
   * next Tab another one. Undefined if there is no such name.
   */
  complete(edited: Edited): Edited | undefined {
    const { line, cursor } = this.#shown ?? {};
    if (line !== edited.line || cursor !== edited.cursor)
      this.#further = completions(edited, [...this.#names].reverse());
    const result = this.#further?.next();
    return (this.#shown = result?.done ? undefined : result?.value);
  }
}

/** A line with each name that fits, round and round. */
function* completions({ line, cursor }: Edited, names: string[]): Generator<Edited, undefined> {
  const start = line.slice(0, cursor).search(/\S*$/u);
  const typed = line.slice(start, cursor).toLowerCase();
  const fitting = names.filter((name) => name.toLowerCase().startsWith(typed));
  while (fitting.length > 0)
    for (const name of fitting) {
      const before = `${line.slice(0, start)}${name}${start === 0 ? ": " : " "}`;
      yield { line: before + line.slice(cursor), cursor: before.length };
    }
}
