/** Names that were seen lately, and the one that a person means by its beginning. */

const NAMES_MAX = 200;
/** Enough of a run of lines to see who speaks. */
const LOOKED_AT_LENGTH = 1 << 14;
const SPEAKER = /^([^\s:\p{C}]{1,32}):(?= |$)/gmu;

/** A line and the cursor in it. */
export type Edited = { line: string; cursor: number };

/** Completes names; the last that spoke comes first. */
export class Completion {
  readonly #own: string;
  /** In the order in which they spoke, the last at the end. */
  readonly #names = new Set<string>();
  /** What the last Tab has made of a line, and what the next one makes of that. */
  #cycle: { shown: Edited; start: number; end: string; names: string[]; next: number } | undefined;

  /** @param own a name that is not to be completed */
  constructor(own: string) {
    this.#own = own;
  }

  /** Sees who speaks. */
  see(lines: string): void {
    const whole = lines.indexOf("\n", lines.length - LOOKED_AT_LENGTH) + 1;
    const last = lines.length > LOOKED_AT_LENGTH ? lines.slice(whole) : lines;
    for (const [, name = ""] of last.matchAll(SPEAKER)) {
      this.#names.delete(name);
      if (name !== this.#own) this.#names.add(name);
    }
    for (const name of this.#names) if (this.#names.size > NAMES_MAX) this.#names.delete(name);
  }

  /**
   * What Tab makes of a line: the word before the cursor is completed as far as all names that begin
   * so agree, and the next Tab tries one after the other. Undefined if there is no such name.
   */
  complete({ line, cursor }: Edited): Edited | undefined {
    const { shown } = this.#cycle ?? {};
    if (!this.#cycle || shown?.line !== line || shown.cursor !== cursor) {
      const start = line.slice(0, cursor).search(/\S*$/u);
      const typed = line.slice(start, cursor);
      const names = [...this.#names].reverse().filter((name) => startsWith(name, typed));
      const [only, another] = names;
      if (only === undefined) return undefined;
      const common = names.reduce(commonStart);
      this.#cycle = { shown: { line, cursor }, start, end: line.slice(cursor), names, next: 0 };
      if (another !== undefined && common.length > typed.length) return this.#show(common);
    }
    const { start, names, next } = this.#cycle;
    this.#cycle.next = (next + 1) % names.length;
    return this.#show(`${names[next]}${start === 0 ? ": " : " "}`);
  }

  #show(word: string): Edited | undefined {
    if (!this.#cycle) return undefined;
    const { shown, start, end } = this.#cycle;
    const before = shown.line.slice(0, start) + word;
    return (this.#cycle.shown = { line: before + end, cursor: before.length });
  }
}

function startsWith(name: string, typed: string): boolean {
  return name.toLowerCase().startsWith(typed.toLowerCase());
}

/** The start that two names have in common, in capitals or not; as the first has it. */
function commonStart(one: string, other: string): string {
  let length = 0;
  while (length < one.length && startsWith(other, one.slice(0, length + 1))) length++;
  return one.slice(0, length);
}
