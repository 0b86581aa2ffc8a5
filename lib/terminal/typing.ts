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
const COMMAND = /^\/(\p{L}+)(?:\s[^]*)?$/u;

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

const atEnd = (before: string): Edited => ({ before, after: "" });

/** What a line does that is not sent. */
export interface Commands {
  /** By their names, without the slash. */
  readonly named: ReadonlyMap<string, () => void>;
  /** Enter on an empty line, and Ctrl-C on one; Ctrl-D is `quit`. */
  readonly empty: () => void;
  readonly interrupt: () => void;
  /** What Tab makes of the text before the cursor. */
  readonly complete: (before: string) => string;
}

/** What is typed, of one line or a few, and sometimes a question that is to be answered first. */
export class Typing {
  readonly #send: (line: string) => void;
  readonly #commands: Commands;
  /** What was entered, for Up and Down, as long as the program runs; the last one first. */
  readonly #entered: Edited[] = [];
  /** Which of them is shown, the last one is 1; 0 is the line that was being typed. */
  #back = 0;
  #typed = atEnd("");
  /** What was deleted last, for Ctrl-Y; and whether the last key has deleted some of it. */
  #killed = "";
  #isKilling = false;
  /** What is not entered yet: lines, or the answer to the question. */
  line = atEnd("");
  /** What is to be answered first; then `line` is typed on, after a yes what `yes` leaves. */
  question: { text: string; line: Edited; yes: () => void } | undefined;

  constructor(send: (line: string) => void, commands: Commands) {
    this.#send = send;
    this.#commands = commands;
  }

  /** Takes what was typed or pasted; keys that mean nothing here do nothing. */
  take({ key = "", text = "" }: Input): void {
    const { before, after } = this.line;
    const typed = before + after;
    const wasKilling = this.#isKilling;
    this.#isKilling = false;
    if (text.includes("\n")) this.#paste(text);
    else if (text) this.line = { before: before + text, after };
    else if (/^[\r\n]/.test(key)) this.#enter(typed);
    else if (key === "\x03" && (typed !== "" || this.question)) this.#clear();
    else if (key === "\x03") this.#commands.interrupt();
    else if (key === "\x04" && typed === "" && this.question) this.#clear();
    else if (key === "\x04" && typed === "") this.#commands.named.get("quit")?.();
    else if (key === "\x19") this.line = { before: before + this.#killed, after };
    else if (/^(\x10|\x1b[[O]A)$/.test(key)) this.#recall(1);
    else if (/^(\x0e|\x1b[[O]B)$/.test(key)) this.#recall(-1);
    else if (key === "\t") this.line = { before: this.#commands.complete(before), after };
    else {
      this.line = edit(this.line, key);
      if (KILLS.some(([, , deletes]) => deletes.test(key))) this.#kill(before, after, wasKilling);
    }
  }

  #clear(): void {
    this.line = this.question?.line ?? atEnd("");
    this.question = undefined;
    this.#back = 0;
  }

  /** Keeps what a key has deleted; what several in a row delete comes back as one. */
  #kill(before: string, after: string, isMore: boolean): void {
    const deletedBefore = before.slice(this.line.before.length);
    const deletedAfter = after.slice(0, after.length - this.line.after.length);
    this.#isKilling = deletedBefore + deletedAfter !== "" || isMore;
    if (!this.#isKilling) return;
    this.#killed = deletedBefore + (isMore ? this.#killed : "") + deletedAfter;
  }

  /** Shows the line before, or the next one with `by` -1. */
  #recall(by: 1 | -1): void {
    if (this.#back === 0) this.#typed = this.line;
    this.#back = Math.max(0, Math.min(this.#entered.length, this.#back + by));
    this.line = this.#entered[this.#back - 1] ?? this.#typed;
  }

  /** A paste waits for Enter, whatever its end is; one of too many lines for an answer. */
  #paste(paste: string): void {
    if (this.question) return; // Only a yes that was typed is one.
    const { before, after } = this.line;
    const pasted = { before: before + paste.replace(/\n$/, ""), after };
    const lines = (pasted.before + after).split("\n");
    if (lines.length > LINES_MAX) this.#sendAll(lines, this.line);
    else this.line = pasted;
  }

  /** Sends lines; many only after a yes, without which `left` is typed on. */
  #sendAll(lines: readonly string[], left: Edited): void {
    const send = () => lines.forEach((line) => this.#send(line));
    if (lines.length > LINES_MAX) this.#ask(`send ${lines.length} lines?`, left, send);
    else send();
  }

  #ask(question: string, left: Edited, yes: () => void): void {
    const sendIt = () => {
      this.line = atEnd("");
      yes();
    };
    this.question = { text: `${question} [y/N] `, line: left, yes: sendIt };
    this.line = atEnd("");
  }

  /** Sends or obeys what was typed, unless it is an answer. */
  #enter(typed: string): void {
    const { question } = this;
    this.#clear();
    if (question && /^\s*y(es)?\s*$/i.test(typed)) question.yes();
    if (question) return;
    if (typed.trim() === "") return this.#commands.empty();
    if (typed !== this.#entered[0]?.before) this.#entered.unshift(atEnd(typed));
    const lines = typed.split("\n");
    const [, command] = (lines.length === 1 && COMMAND.exec(typed)) || [];
    const obey = this.#commands.named.get(command?.toLowerCase() ?? "");
    if (obey) obey();
    else if (command !== undefined)
      this.#ask(`unknown command /${command}; send it as a message?`, atEnd(typed), () =>
        this.#send(typed),
      );
    else if (lines.length === 1) this.#send(typed.replace(/^\/\//, "/"));
    else this.#sendAll(lines, atEnd(typed));
  }
}

/**
 * A line after a key, given as the characters it sends; the same if it is no key that edits.
 * `node:readline` would delete by code points instead, and lay the whole line out at each key: 25 ms
 * at 100,000 characters.
 */
export function edit(edited: Edited, key: string): Edited {
  const { before, after } = edited;
  const [reach, moves] = KEYS.find(([, ...keys]) => keys.some((some) => some.test(key))) ?? [];
  if (!reach || !moves) return edited;
  const by = reach(before, after);
  const to = before.length + by;
  const line = before + after;
  if (moves.test(key)) return { before: line.slice(0, to), after: line.slice(to) };
  return { before: before.slice(0, to), after: after.slice(Math.max(0, by)) };
}

/** How far a key goes, in UTF-16 code units; back if that is negative. */
type Reach = (before: string, after: string) => number;

const left: Reach = (before) => -characterLength(before, before.length - 1);
const right: Reach = (_, after) => characterLength(after, 0);
const home: Reach = (before) => -before.length;
const end: Reach = (_, after) => after.length;
const textLeft: Reach = (before) => -matchLength(TEXT_BEFORE, before.slice(-WORD_LENGTH_MAX));
const wordLeft: Reach = (before) => -matchLength(WORD_BEFORE, before.slice(-WORD_LENGTH_MAX));
const wordRight: Reach = (_, after) => matchLength(WORD_AFTER, after.slice(0, WORD_LENGTH_MAX));

const NO_KEY = /^(?!)/;

/** By what xterm, rxvt, the Linux console and their kin send: keys that go there, or delete it. */
const KEYS: [reach: Reach, moves: RegExp, deletes: RegExp][] = [
  [left, /^(\x02|\x1b[[O]D)$/, /^[\x08\x7f]$/],
  [right, /^(\x06|\x1b[[O]C)$/, /^(\x04|\x1b\[3~)$/],
  [textLeft, NO_KEY, /^\x17$/],
  [wordLeft, /^\x1b(b|\[(1;[35]|5)D|Od|\x1b\[D)$/, /^\x1b[\x08\x7f]$/],
  [wordRight, /^\x1b(f|\[(1;[35]|5)C|Oc|\x1b\[C)$/, /^\x1b(d|\[3;[35]~|\[3\^)$/],
  [home, /^(\x01|\x1b([[O]H|\[[17]~))$/, /^\x15$/],
  [end, /^(\x05|\x1b([[O]F|\[[48]~))$/, /^\x0b$/],
];

/** What deletes more than a character. */
const KILLS = KEYS.slice(2);

/** Of the character, as it is seen, to which a code unit belongs; 0 if there is none. */
function characterLength(text: string, at: number): number {
  return segmenter.segment(text).containing(at)?.segment.length ?? 0;
}

function matchLength(pattern: RegExp, text: string): number {
  return pattern.exec(text)?.[0].length ?? 0;
}
