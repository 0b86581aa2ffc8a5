/**
 * What comes from a keyboard, taken apart: text, keys, and pastes, each of them whole. A terminal
 * in bracketed paste mode (`ESC [ ? 2004 h`, of xterm) says where a paste starts and ends. From one
 * that knows no such mode, more than one line at once is a paste, as nobody types so fast.
 */

import { sanitise } from "./sanitise.ts";

/** Text, which was pasted if there is an LF in it; or a key, by the characters that it sends. */
export type Input = { text: string } | { key: string };

const PASTE_START = "\x1b[200~";
const PASTE_END = "\x1b[201~";
/**
 * An end within a paste is a part of it. So the paste is over when nothing comes after its end for
 * this long; and when its end was lost on the way, for the longer time.
 */
const PASTE_QUIET_MS = 50;
const PASTE_LOST_MS = 3000;
/** How long what follows ESC may take: it may be the key of that name, or the start of another. */
const ESCAPE_MS = 500;

/**
 * Text, in which a TAB that others follow was not pressed; what a mouse sends, or a terminal that was
 * asked something, for a program before this one; keys that send control sequences (CSI and SS3 of
 * ECMA-48), or ESC before one, or before a character, with Alt; Enter; a control character.
 */
const PARTS = new RegExp(
  [
    /(?:[^\x00-\x1f\x7f]|\t(?!$))+/,
    /\x1b\[M[^]{3}|\x1b[\]P^_][^\x07\x1b]*(?:\x07|\x1b\\)/,
    /\x1b{1,2}\[\[?[0-?]*[ -/]*[@-~]|\x1bO?[^\x00-\x1f]/,
    /\r\n?|[\x00-\x1f\x7f]/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gu",
);
const MORE_THAN_A_LINE = /[^\r\n][\r\n]+[^\r\n]/;
const KEYS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const UNFINISHED = /\x1b{1,2}(?:\[\[?[0-?]*[ -/]*|O)?$/;
/** What nobody can type; a paste has LF besides. */
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Takes apart what a terminal in raw mode sends, however it is cut into chunks. */
export class Keyboard {
  readonly #take: (inputs: Input[]) => void;
  #held = "";
  #afterReturn = false;
  #paste: { chunks: string[]; last: string; ended: boolean; hasMarks: boolean } | undefined;
  #quiet: Timer | undefined;

  /** @param take given what is complete: at once, or when nothing more has come for a while */
  constructor(take: (inputs: Input[]) => void) {
    this.#take = take;
  }

  /** Takes a chunk of what was typed or pasted. */
  push(chunk: string): void {
    clearTimeout(this.#quiet);
    this.#give(this.#complete(chunk));
  }

  #give(inputs: Input[]): void {
    this.#take(inputs);
    const escapeMs = this.#held === "" ? undefined : ESCAPE_MS;
    const pasteMs = this.#paste?.ended ? PASTE_QUIET_MS : PASTE_LOST_MS;
    const waitMs = this.#paste ? pasteMs : escapeMs;
    if (waitMs !== undefined) this.#quiet = setTimeout(() => this.#give(this.#rest()), waitMs);
  }

  /** What a chunk completes. */
  #complete(chunk: string): Input[] {
    // Without marks, a key that edits or the marks of another one tell that a paste is over.
    if (this.#paste && !this.#paste.hasMarks && KEYS.test(chunk))
      return [...this.#rest(), ...this.#complete(chunk)];
    if (this.#paste) {
      const last = this.#paste.last + chunk;
      this.#paste.ended ||= last.includes(PASTE_END);
      this.#paste.last = last.slice(-PASTE_END.length);
      this.#paste.chunks.push(chunk);
      return [];
    }
    // Of the CR LF of a paste, half may come later.
    const isHalf = this.#afterReturn && chunk.startsWith("\n");
    const text = this.#held + (isHalf ? chunk.slice(1) : chunk);
    this.#afterReturn = chunk.endsWith("\r");
    if (MORE_THAN_A_LINE.test(text) && !KEYS.test(text)) {
      this.#paste = { chunks: [text], last: "", ended: true, hasMarks: false };
      return [];
    }
    const start = text.indexOf(PASTE_START);
    const typed = start < 0 ? text.replace(UNFINISHED, "") : text.slice(0, start);
    this.#held = start < 0 ? text.slice(typed.length) : "";
    const inputs = partsOf(typed);
    if (start < 0) return inputs;
    this.#paste = { chunks: [], last: "", ended: false, hasMarks: true };
    return [...inputs, ...this.#complete(text.slice(start + PASTE_START.length))];
  }

  /** What is complete as nothing more has come: a paste, or ESC. */
  #rest(): Input[] {
    const escape = this.#held;
    this.#held = "";
    if (!this.#paste) return escape === "" ? [] : [{ key: escape }];
    const all = this.#paste.chunks.join("");
    this.#paste = undefined;
    const end = all.lastIndexOf(PASTE_END);
    const paste = end < 0 ? all : all.slice(0, end);
    // Two that come at once have become one.
    const lines = paste.replaceAll(PASTE_END + PASTE_START, "").replace(/\r\n?/g, "\n");
    const after = end < 0 ? [] : this.#complete(all.slice(end + PASTE_END.length));
    return [{ text: visible(lines) }, ...after];
  }
}

function partsOf(typed: string): Input[] {
  return (typed.match(PARTS) ?? []).map((part) =>
    /^[\x00-\x1f\x7f]/.test(part) && !/^\t./s.test(part) ? { key: part } : { text: visible(part) },
  );
}

/** What is sent is what can be seen: a control character that was pasted is sent as it is shown. */
function visible(text: string): string {
  return text.replace(CONTROLS, (control) => sanitise(control));
}
