/**
 * A person at a keyboard: what is being typed, by characters as they are seen and with the keys of
 * Emacs and of most shells, until it is entered; what is asked about that; and names for Tab.
 */

import type { Input } from "./keyboard.ts";
import { type Edited, segmenter } from "./screen.ts";
import { SENDER } from "./transcript.ts";

/** A paste of more lines than this is not sent unasked. */
const PASTED_LINES_MAX = 5;
/** So many names are known to Tab. */
const NAMES_MAX = 200;
/** No word is longer; what is further away need not be looked at. */
const WORD_LENGTH_MAX = 2048;

/** What Alt-B, Alt-F and the like go over: a word, or what stands between words. */
const WORD_BEFORE = /([\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]+)?\s*$/u;
const WORD_AFTER = /^\s*([\p{L}\p{N}\p{M}_]+|[^\p{L}\p{N}\p{M}_\s]+)?/u;

/** What `/help` shows, on a screen of 80 columns and 24 rows. */
export const HELP = `\
/quit          quit once everything is sent; so does Ctrl-D on an empty line
/time          show when lines arrive, or stop showing it
/help          show this; so does a command that there is not
//...          send a line that begins with a slash
Tab            complete a name seen lately; again for the next one
Up, Down       lines entered before
Ctrl-A, -E     to the start or the end of the line; so do Home and End
Alt-B, -F      back or forward a word; so do Ctrl-Left and Ctrl-Right
Ctrl-W, Alt-D  delete the word before or after the cursor
Ctrl-U, -K     delete everything before or after the cursor
Ctrl-L         clear the screen
Ctrl-Z         suspend; fg comes back
Ctrl-C         quit at once, without sending what is still waiting
`;

const atEnd = (before: string): Edited => ({ before, after: "" });

/** A line, and sometimes a question that is to be answered first. */
export class Typing {
  readonly #send: (line: string) => void;
  readonly #commands: ReadonlyMap<string, () => void>;
  readonly names = new Completion();
  /** Lines that were entered, for Up and Down, as long as the program runs; the last one first. */
  readonly #entered: Edited[] = [];
  /** Which of them is shown, the last one is 1; 0 is the line that was being typed. */
  #back = 0;
  #typed = atEnd("");
  /** What is not entered yet: a line, or the answer to the question. */
  line = atEnd("");
  /** What is to be answered first; then `line` is typed on, after a yes what `yes` leaves. */
  question: { text: string; line: Edited; yes: () => void } | undefined;

  /** @param commands by the lines they are; Ctrl-D on an empty line is `/quit` */
  constructor(send: (line: string) => void, commands: ReadonlyMap<string, () => void>) {
    this.#send = send;
    this.#commands = commands;
  }

  /** Takes what was typed or pasted; keys that mean nothing here do nothing. */
  take({ key = "", text = "" }: Input): void {
    const { before, after } = this.line;
    if (text.includes("\n")) this.#paste(text);
    else if (text) this.line = { before: before + text, after };
    else if (/^[\r\n]/.test(key)) this.#enter(before + after);
    else if (key === "\x04" && before + after === "") this.#enter("/quit");
    else if (/^(\x10|\x1b[[O]A)$/.test(key)) this.#recall(1);
    else if (/^(\x0e|\x1b[[O]B)$/.test(key)) this.#recall(-1);
    else if (key === "\t") this.line = { before: this.names.complete(before), after };
    else this.line = edit(this.line, key);
  }

  /** Shows the line before, or the next one with `by` -1. */
  #recall(by: 1 | -1): void {
    if (this.#back === 0) this.#typed = this.line;
    this.#back = Math.max(0, Math.min(this.#entered.length, this.#back + by));
    this.line = this.#entered[this.#back - 1] ?? this.#typed;
  }

  /** The lines of a paste go into the line that is being typed, and the last of them stays there. */
  #paste(paste: string): void {
    if (this.question) return; // Only a yes that was typed is one.
    const { before, after } = this.line;
    const lines = (before + paste).split("\n");
    const left = { before: lines.pop() ?? "", after };
    const sendAll = () => {
      for (const one of lines) this.#send(one);
      this.line = left;
    };
    const [first = ""] = lines;
    if (lines.length === 1) return this.#enter(first, left);
    if (lines.length <= PASTED_LINES_MAX) return sendAll();
    this.question = { text: `send ${lines.length} lines? [y/N] `, line: this.line, yes: sendAll };
    this.line = atEnd("");
  }

  /** Sends or obeys a line, unless it is an answer; `left` is typed on. */
  #enter(line: string, left = atEnd("")): void {
    const { question } = this;
    this.#back = 0;
    this.line = question?.line ?? left;
    this.question = undefined;
    if (question && /^\s*y(es)?\s*$/i.test(line)) question.yes();
    if (question) return;
    if (line.trim() !== "" && line !== this.#entered[0]?.before) this.#entered.unshift(atEnd(line));
    // What looks like a command, and is none, shows which there are; Up brings it back.
    const command = this.#commands.get(line.trimEnd()) ?? this.#commands.get("/help");
    if (/^\/(?!\/)/.test(line)) command?.();
    else this.#send(line.replace(/^\/\//, "/"));
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
const wordLeft: Reach = (before) => -matchLength(WORD_BEFORE, before.slice(-WORD_LENGTH_MAX));
const wordRight: Reach = (_, after) => matchLength(WORD_AFTER, after.slice(0, WORD_LENGTH_MAX));

/** By what xterm, rxvt, the Linux console and their kin send: keys that go there, or delete it. */
const KEYS: [reach: Reach, moves: RegExp, deletes: RegExp][] = [
  [left, /^(\x02|\x1b[[O]D)$/, /^[\x08\x7f]$/],
  [right, /^(\x06|\x1b[[O]C)$/, /^(\x04|\x1b\[3~)$/],
  [wordLeft, /^\x1b(b|\[(1;[35]|5)D|Od|\x1b\[D)$/, /^(\x17|\x1b\x7f)$/],
  [wordRight, /^\x1b(f|\[(1;[35]|5)C|Oc|\x1b\[C)$/, /^\x1b(d|\[3;[35]~|\[3\^)$/],
  [home, /^(\x01|\x1b([[O]H|\[[17]~))$/, /^\x15$/],
  [end, /^(\x05|\x1b([[O]F|\[[48]~))$/, /^\x0b$/],
];

/** Of the character, as it is seen, to which a code unit belongs; 0 if there is none. */
function characterLength(text: string, at: number): number {
  return segmenter.segment(text).containing(at)?.segment.length ?? 0;
}

function matchLength(pattern: RegExp, text: string): number {
  return pattern.exec(text)?.[0].length ?? 0;
}

/** Completes names that were seen lately, those that have sent last first. */
export class Completion {
  /** In the order in which they have sent, the last at the end. */
  readonly #names = new Set<string>();
  /** What the last Tab has made of the text, and what further ones make of that: round and round. */
  #shown: string | undefined;
  #further: string[] = [];

  /** Sees who has sent some lines; the name `own` is not to be completed. */
  see(lines: string, own: string): void {
    for (const [, name = ""] of lines.matchAll(SENDER)) {
      this.#names.delete(name);
      if (name !== own) this.#names.add(name);
    }
    for (const name of this.#names) if (this.#names.size > NAMES_MAX) this.#names.delete(name);
  }

  /**
   * What Tab makes of the text before the cursor: its last word becomes a name that begins so, and
   * with the next Tab, given what the last one has made, another one.
   */
  complete(before: string): string {
    if (before !== this.#shown) {
      const start = before.slice(0, before.lastIndexOf(" ") + 1);
      const word = before.slice(start.length).toLowerCase();
      this.#further = [...this.#names]
        .filter((name) => name.toLowerCase().startsWith(word))
        .map((name) => `${start}${name}${start === "" ? ": " : " "}`);
    }
    this.#shown = this.#further.pop();
    if (this.#shown !== undefined) this.#further.unshift(this.#shown);
    return this.#shown ?? before;
  }
}
