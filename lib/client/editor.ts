/** A line being edited: by characters as they are seen, with the keys of Emacs and of most shells. */

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
/** No character and no word takes more; what is further away need not be looked at. */
const CHARACTER_LENGTH_MAX = 256;
const WORD_LENGTH_MAX = 2048;

/** What Alt-B, Alt-F and the like go over: a word, or what stands between words. */
const WORD_BEFORE = /(?:[\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]+)?\s*$/u;
const WORD_AFTER = /^\s*(?:[\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]+)?/u;

/** One line of text and a cursor in it. */
export class Editor {
  #before = "";
  #after = "";

  get line(): string {
    return this.#before + this.#after;
  }

  /** How many UTF-16 code units are before the cursor. */
  get cursor(): number {
    return this.#before.length;
  }

  /** Replaces the line; the cursor goes to its end, unless it is told where. */
  set(line: string, cursor = line.length): void {
    this.#before = line.slice(0, cursor);
    this.#after = line.slice(cursor);
  }

  /** Inserts text at the cursor. */
  insert(text: string): void {
    this.#before += text;
  }

  /**
   * Does what a key does.
   *
   * @param key the characters it sends
   * @returns whether it is one that edits
   */
  press(key: string): boolean {
    const edit = KEYS.get(key);
    if (edit) [this.#before, this.#after] = edit(this.#before, this.#after);
    return edit !== undefined;
  }
}

/** Made of what is before the cursor and after it: both anew. */
type Edit = (before: string, after: string) => [before: string, after: string];

const move = (by: number, before: string, after: string): [string, string] => {
  const line = before + after;
  return [line.slice(0, before.length + by), line.slice(before.length + by)];
};

const left: Edit = (before, after) => move(-characterBefore(before), before, after);
const right: Edit = (before, after) => move(characterAfter(after), before, after);
const wordLeft: Edit = (before, after) => move(-wordBefore(before), before, after);
const wordRight: Edit = (before, after) => move(wordAfter(after), before, after);
const home: Edit = (before, after) => ["", before + after];
const end: Edit = (before, after) => [before + after, ""];
const erase: Edit = (before, after) => [
  before.slice(0, before.length - characterBefore(before)),
  after,
];
const remove: Edit = (before, after) => [before, after.slice(characterAfter(after))];
const eraseWord: Edit = (before, after) => [
  before.slice(0, before.length - wordBefore(before)),
  after,
];
const removeWord: Edit = (before, after) => [before, after.slice(wordAfter(after))];
const eraseAll: Edit = (_, after) => ["", after];
const removeAll: Edit = (before) => [before, ""];

/** By what xterm, rxvt, the Linux console and their kin send. */
const KEYS = new Map<string, Edit>(
  (
    [
      [left, "\x02", "\x1b[D", "\x1bOD"],
      [right, "\x06", "\x1b[C", "\x1bOC"],
      [wordLeft, "\x1bb", "\x1b[1;5D", "\x1b[1;3D", "\x1b[5D", "\x1bOd", "\x1b\x1b[D"],
      [wordRight, "\x1bf", "\x1b[1;5C", "\x1b[1;3C", "\x1b[5C", "\x1bOc", "\x1b\x1b[C"],
      [home, "\x01", "\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"],
      [end, "\x05", "\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"],
      [erase, "\x7f", "\x08"],
      [remove, "\x04", "\x1b[3~"],
      [eraseWord, "\x17", "\x1b\x7f"],
      [removeWord, "\x1bd", "\x1b[3;5~", "\x1b[3;3~", "\x1b[3^"],
      [eraseAll, "\x15"],
      [removeAll, "\x0b"],
    ] satisfies [Edit, ...string[]][]
  ).flatMap(([edit, ...keys]) => keys.map((key) => [key, edit] as const)),
);

function characterBefore(text: string): number {
  let length = 0;
  for (const { segment } of segmenter.segment(text.slice(-CHARACTER_LENGTH_MAX)))
    length = segment.length;
  return length;
}

function characterAfter(text: string): number {
  for (const { segment } of segmenter.segment(text.slice(0, CHARACTER_LENGTH_MAX)))
    return segment.length;
  return 0;
}

function wordBefore(text: string): number {
  return WORD_BEFORE.exec(text.slice(-WORD_LENGTH_MAX))?.[0].length ?? 0;
}

function wordAfter(text: string): number {
  return WORD_AFTER.exec(text.slice(0, WORD_LENGTH_MAX))?.[0].length ?? 0;
}
