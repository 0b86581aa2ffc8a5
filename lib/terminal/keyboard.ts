/**
 * What comes from a keyboard, taken apart: text, keys, and pastes, each of them whole. A terminal
 * in bracketed paste mode (`ESC [ ? 2004 h`, of xterm) says where a paste starts and ends. From one
 * that knows no such mode, many lines at once are a paste, and so are some that may hold a command:
 * fewer may have been typed while this program was held up.
 */

import { harmless } from "./transcript.ts";

/**
 * Text, which was pasted if there is an LF in it, and harmless: what is sent is what can be seen. Or a
 * key, by the characters that it sends.
 */
export type Input = { text?: string; key?: string };

const PASTE_START = "\x1b[200~";
const PASTE_END = "\x1b[201~";
/**
 * An end within a paste is a part of it, so it is over when nothing comes after that for so long; and
 * when its end was lost on the way, for the longer time.
 */
const PASTE_QUIET_MS = 50;
const PASTE_LOST_MS = 3000;
/** How long what follows ESC may take: it may be the key of that name, or the start of another. */
const ESCAPE_MS = 500;

/**
 * Text, in which a TAB that text follows was not pressed; keys that send control sequences (CSI and
 * SS3 of ECMA-48), or ESC before one, or before a character, with Alt; Enter; a control character.
 */
const PARTS =
  /(?:(?<!\t)\t*\P{Cc})+|\x1b{1,2}\[\[?[0-?]*[ -/]*[@-~]|\x1bO?[^\0-\x1f]|\r\n?|\p{Cc}/gu;
const LOOKS_PASTED = /^\/.*[\r\n]+.|.[\r\n]+\/|(?:^.+[\r\n]+){6}/m;
const KEYS = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const UNFINISHED = /(?:\x1b{1,2}(?:\[\[?[0-?]*[ -/]*|O)?)?$/;

/** Takes apart what a terminal in raw mode sends, however it is cut into chunks. */
export class Keyboard {
  readonly #take: (input: Input) => void;
  /** What is not complete: the start of a key, or a paste. */
  #held = "";
  #paste: "marked" | "unmarked" | undefined;
  #quiet: Timer | undefined;

  /** @param take given what is complete: at once, or when nothing more has come for a while */
  constructor(take: (input: Input) => void) {
    this.#take = take;
  }

  push(chunk: string): void {
    clearTimeout(this.#quiet);
    // Without marks, a key that edits or the marks of another one tell that a paste is over.
    if (this.#paste === "unmarked" && KEYS.test(chunk)) this.#finish();
    this.#held += chunk;
    if (!this.#paste) this.#takeTyped();
    if (this.#held === "") return;
    const quietMs = this.#paste ? PASTE_QUIET_MS : ESCAPE_MS;
    const finish = () => this.push(this.#finish());
    this.#quiet = setTimeout(() => {
      const isWhole = this.#paste !== "marked" || this.#held.includes(PASTE_END);
      if (isWhole) finish();
      else this.#quiet = setTimeout(finish, PASTE_LOST_MS);
    }, quietMs);
  }

  /** Takes what is complete, up to a paste or a key that has only begun. */
  #takeTyped(): void {
    const text = this.#held;
    const start = text.indexOf(PASTE_START);
    if (start >= 0) this.#paste = "marked";
    else if (LOOKS_PASTED.test(text) && !KEYS.test(text)) this.#paste = "unmarked";
    const typed = text.slice(0, this.#paste ? Math.max(0, start) : text.search(UNFINISHED));
    this.#held = text.slice(typed.length).replace(PASTE_START, "");
    for (const part of typed.match(PARTS) ?? []) {
      const isKey = /^\p{Cc}/u.test(part) && !/^\t./.test(part);
      this.#take(isKey ? { key: part } : { text: harmless(part) });
    }
  }

  /** Takes a paste, or ESC, as nothing more has come; returns what came after the paste. */
  #finish(): string {
    const [held, paste] = [this.#held, this.#paste];
    [this.#held, this.#paste] = ["", undefined];
    const mark = paste === "marked" ? held.lastIndexOf(PASTE_END) : -1;
    const end = mark < 0 ? held.length : mark;
    // Two that come at once have become one.
    const text = held.slice(0, end).replaceAll(PASTE_END + PASTE_START, "");
    if (paste) this.#take({ text: harmless(text.replace(/\r\n?/g, "\n")) });
    else this.#take({ key: held });
    return held.slice(end + PASTE_END.length);
  }
}
