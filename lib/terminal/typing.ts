/**
 * A person at a keyboard: what is being typed, by characters as they are seen and with the keys of
 * Emacs and of most shells, until it is entered; and what is asked about that.
 */

import type { Input } from "./keyboard.ts";
import { type Edited, segmenter } from "./rows.ts";

/** More lines than this at once are not sent unasked. */
const LINES_MAX = 5;
/** No word is longer; what is further away need not be looked at. */
const WORD_LENGTH_MAX = 2048;

/** What Alt-B, Alt-F and the like go over: a word, and what stands between it and the cursor. */
const WORD_BEFORE = /[\p{L}\p{N}\p{M}_]*[^\p{L}\p{N}\p{M}_]*$/u;
const WORD_AFTER = /^[^\p{L}\p{N}\p{M}_]*[\p{L}\p{N}\p{M}_]*/u;
/** What Ctrl-W goes over. */
const TEXT_BEFORE = /\S*\s*$/;

/** A command: a slash and one word of letters, and perhaps more behind a space. */
const COMMAND = /^\/\p{L}+(?=$|[^\S\n].*$)/u;

/** What `/help` shows, on a screen of 80 columns and 24 rows. */
export const HELP = `\
/quit, /q      quit once everything is sent; so does Ctrl-D on an empty line
/who           show who is here, as far as is known
/time          show when lines arrive, or stop showing it
/help          show this
//...          send a line that begins with a slash
Enter          send the line; an empty one connects now, if not connected
Tab            complete a name; again for the next one
Up, Down       lines entered before
Ctrl-A, -E     to the start or the end of the line; so do Home and End
Alt-B, -F      back or forward a word; so do Ctrl-Left and Ctrl-Right
Ctrl-W, Alt-D  delete the word before or after the cursor
Ctrl-U, -K     delete everything before or after the cursor
Ctrl-Y         put back what these have deleted
Ctrl-L         clear the screen
Ctrl-Z         suspend; fg comes back
Ctrl-C         clear the line; if empty, quit now: unsent lines are dropped
`;

const EMPTY: Edited = { before: "", after: "" };

/** What becomes of what is typed. */
export interface Uses {
  send(line: string): void;
  /**
   * What is done at once, by what is entered: a command of small letters, with its slash, or nothing;
   * or by what is pressed while nothing is typed: Ctrl-C or Ctrl-D.
   */
  readonly commands: ReadonlyMap<string, () => void>;
  /** What Tab makes of the text before the cursor. */
  complete(before: string): string;
}

/** What is typed, of one line or a few, and sometimes a question that is to be answered first. */
export class Typing {
  readonly #uses: Uses;
  /** What was entered, for Up and Down, as long as the program runs; the last one first. */
  readonly #entered: string[] = [];
  /** Which of them is shown, the last one is 1; 0 is the line that was being typed. */
  #back = 0;
  #typed = EMPTY;
  /** What was deleted last, for Ctrl-Y; and whether the last key has deleted some of it. */
  #killed = "";
  #isKilling = false;
  /** What is not entered yet: lines, or the answer to the question. */
  line = EMPTY;
  /** What is to be answered first: after a yes `lines` are sent, otherwise `line` is typed on. */
  question: { text: string; lines: readonly string[]; line: Edited } | undefined;

  constructor(uses: Uses) {
    this.#uses = uses;
  }

  /** Takes what was typed or pasted; keys that mean nothing here do nothing. */
  take({ key = "", text = "" }: Input): void {
    const { before, after } = this.line;
    const isEmpty = before + after === "";
    const wasKilling = this.#isKilling;
    this.#isKilling = false;
    if (text.includes("\n")) this.#paste(text);
    else if (text) this.line = { before: before + text, after };
    else if (/^[\r\n]/.test(key)) this.#enter(before + after);
    else if (key === "\x03" || (key === "\x04" && isEmpty))
      if (isEmpty && !this.question) this.#uses.commands.get(key)?.();
      else this.#clear();
    else if (key === "\x19") this.line = { before: before + this.#killed, after };
    else if (/^(\x10|\x1b[[O]A)$/.test(key)) this.#recall(1);
    else if (/^(\x0e|\x1b[[O]B)$/.test(key)) this.#recall(-1);
    else if (key === "\t") {
      const named = this.#uses.complete(before); // It ends with a space, which may be there.
      this.line = { before: named, after: named === before ? after : after.replace(/^ /, "") };
    } else {
      this.line = edit(this.line, key);
      const { before: kept, after: rest } = this.line;
      const deleted = [before.slice(kept.length), after.slice(0, after.length - rest.length)];
      this.#isKilling = KILLS.some(([, , , kills]) => kills.test(key)) && deleted.join("") !== "";
      // What several in a row delete comes back as one.
      if (this.#isKilling) this.#killed = deleted.join(wasKilling ? this.#killed : "");
    }
  }

  #clear(): void {
    this.line = this.question?.line ?? EMPTY;
    this.question = undefined;
    this.#back = 0;
  }

  /** Shows the line before, or the next one with `by` -1. */
  #recall(by: 1 | -1): void {
    if (this.#back === 0) this.#typed = this.line;
    this.#back = Math.max(0, Math.min(this.#entered.length, this.#back + by));
    const before = this.#entered[this.#back - 1];
    this.line = before === undefined ? this.#typed : { before, after: "" };
  }

  /** A paste waits for Enter, whatever its end is; one of too many lines for an answer. */
  #paste(paste: string): void {
    if (this.question) return; // Only a yes that was typed is one.
    const { before, after } = this.line;
    const pasted = { before: before + paste.replace(/\n$/, ""), after };
    const lines = (pasted.before + after).split("\n");
    if (lines.length > LINES_MAX) this.#ask(lines, this.line);
    else this.line = pasted;
  }

  /** Sends lines only after a yes, without which `line` is typed on. */
  #ask(lines: readonly string[], line: Edited, question = `send ${lines.length} lines?`): void {
    this.question = { text: `${question} [y/N] `, lines, line };
    this.line = EMPTY;
  }

  /** Sends or obeys what was typed, unless it is an answer. */
  #enter(typed: string): void {
    const { question } = this;
    this.#clear();
    if (question) {
      if (!/^\s*y(es)?\s*$/i.test(typed)) return;
      this.line = EMPTY;
      return question.lines.forEach((line) => this.#uses.send(line));
    }
    if (typed.trim() === "") return this.#uses.commands.get("")?.();
    if (typed !== this.#entered[0]) this.#entered.unshift(typed);
    const line = { before: typed, after: "" };
    const lines = typed.split("\n");
    const [command] = COMMAND.exec(typed) ?? [];
    const obey = command && this.#uses.commands.get(command.toLowerCase());
    if (obey) obey();
    else if (command) this.#ask(lines, line, `unknown command ${command}; send it as a message?`);
    else if (lines.length > LINES_MAX) this.#ask(lines, line);
    else if (lines.length > 1) for (const one of lines) this.#uses.send(one);
    else this.#uses.send(typed.replace(/^\/\//, "/"));
  }
}

/**
 * A line after a key, given as the characters it sends; the same if it is no key that edits.
 * `node:readline` would delete by code points instead, and lay the whole line out at each key: 25 ms
 * at 100,000 characters.
 */
export function edit({ before, after }: Edited, key: string): Edited {
  const found = KEYS.find(([, , ...keys]) => keys.some((some) => some.test(key)));
  const [partBefore, partAfter, moves] = found ?? [none, none, NO_KEY];
  const [left, right] = [partBefore(before), partAfter(after)];
  const kept = before.slice(0, before.length - left.length);
  const rest = after.slice(right.length);
  return moves.test(key)
    ? { before: kept + right, after: left + rest }
    : { before: kept, after: rest };
}

/** What a key goes over, or deletes: the end of the text before the cursor, or the start after it. */
type Part = (text: string) => string;

const none: Part = () => "";
const all: Part = (text) => text;
const characterBefore: Part = (text) => characterAt(text, text.length - 1);
const characterAfter: Part = (text) => characterAt(text, 0);
const textBefore: Part = (text) => match(TEXT_BEFORE, text.slice(-WORD_LENGTH_MAX));
const wordBefore: Part = (text) => match(WORD_BEFORE, text.slice(-WORD_LENGTH_MAX));
const wordAfter: Part = (text) => match(WORD_AFTER, text.slice(0, WORD_LENGTH_MAX));

const match = (pattern: RegExp, text: string) => pattern.exec(text)?.[0] ?? "";
/** The character, as it is seen, to which a code unit belongs; empty if there is none. */
const characterAt = (text: string, at: number) =>
  segmenter.segment(text).containing(at)?.segment ?? "";

const NO_KEY = /^(?!)/;

/** By what xterm, rxvt, the Linux console and their kin send: keys that go there, or delete it. */
const KEYS: [before: Part, after: Part, moves: RegExp, deletes: RegExp][] = [
  [characterBefore, none, /^(\x02|\x1b[[O]D)$/, /^[\x08\x7f]$/],
  [none, characterAfter, /^(\x06|\x1b[[O]C)$/, /^(\x04|\x1b\[3~)$/],
  [textBefore, none, NO_KEY, /^\x17$/],
  [wordBefore, none, /^\x1b(b|\[(1;[35]|5)D|Od|\x1b\[D)$/, /^\x1b[\x08\x7f]$/],
  [none, wordAfter, /^\x1b(f|\[(1;[35]|5)C|Oc|\x1b\[C)$/, /^\x1b(d|\[3;[35]~|\[3\^)$/],
  [all, none, /^(\x01|\x1b([[O]H|\[[17]~))$/, /^\x15$/],
  [none, all, /^(\x05|\x1b([[O]F|\[[48]~))$/, /^\x0b$/],
];

/** What deletes more than a character. */
const KILLS = KEYS.slice(2);
