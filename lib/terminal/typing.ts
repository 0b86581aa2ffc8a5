/** A person at a keyboard: what is being typed, until it is entered, and what that asks for. */

import { atEnd, edit, type Edited, insert } from "./editor.ts";
import type { Input } from "./keyboard.ts";
import { Completion } from "./names.ts";

/** A paste of more lines than this is not sent unasked. */
const PASTED_LINES_MAX = 5;
const ENTERED_MAX = 1000;

/** Lines that begin with a slash are for this client and not for the room. */
const COMMANDS = ["quit", "help", "time"] as const;
export type Command = (typeof COMMANDS)[number];

/** What `/help` shows, on a screen of 80 columns and 24 rows. */
export const HELP = `\
/quit          quit once everything is sent; so does Ctrl-D on an empty line
/time          show when lines arrive, or stop showing it
/help          show this
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

/** A line, and sometimes a question about it that is to be answered first. */
export class Typing {
  readonly #send: (line: string) => void;
  readonly #obey: (command: Command) => void;
  /** The names that Tab completes. */
  readonly names = new Completion();
  /** Lines that were entered, for Up and Down, as long as the program runs. */
  readonly #entered: Edited[] = [];
  /** Which of them is shown, the last one is 1; 0 is the line that was being typed. */
  #back = 0;
  #typed = atEnd("");
  /** The line that is not entered yet. */
  line = atEnd("");
  /** What is to be answered, and what is done after a yes. */
  question: { text: string; answer: Edited; yes: () => void } | undefined;

  /** @param obey given each command; Ctrl-D on an empty line is `quit` */
  constructor(send: (line: string) => void, obey: (command: Command) => void) {
    this.#send = send;
    this.#obey = obey;
  }

  /** Takes what was typed or pasted; keys that mean nothing here do nothing. */
  take(input: Input): void {
    if (this.question) this.#answer(this.question, input);
    else if ("key" in input) this.#press(input.key);
    else if (input.text.includes("\n")) this.#paste(input.text);
    else this.line = insert(this.line, input.text);
  }

  /** Only a yes that was typed is one. */
  #answer(question: { answer: Edited; yes: () => void }, input: Input): void {
    const { answer } = question;
    const key = "key" in input ? input.key : "";
    const isEnter = /^[\r\n]/.test(key);
    if (isEnter || (key === "\x04" && answer.line === "")) this.question = undefined;
    if (isEnter && /^\s*y(es)?\s*$/i.test(answer.line)) question.yes();
    else if (key) question.answer = edit(answer, key);
    else if ("text" in input && !input.text.includes("\n"))
      question.answer = insert(answer, input.text);
  }

  #press(key: string): void {
    const { line } = this.line;
    if (/^[\r\n]/.test(key)) this.#enter(line, atEnd(""));
    else if (key === "\x04" && line === "") this.#obey("quit");
    else if (/^(\x10|\x1b[[O]A)$/.test(key)) this.#recall(1);
    else if (/^(\x0e|\x1b[[O]B)$/.test(key)) this.#recall(-1);
    else if (key === "\t") this.line = this.names.complete(this.line);
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
    const { line, cursor } = this.line;
    const lines = (line.slice(0, cursor) + paste).split("\n");
    const left = insert({ line: line.slice(cursor), cursor: 0 }, lines.pop() ?? "");
    const sendAll = () => {
      for (const one of lines) this.#send(one);
      this.line = left;
    };
    const [first] = lines;
    if (first !== undefined && lines.length === 1) this.#enter(first, left);
    else if (lines.length <= PASTED_LINES_MAX) sendAll();
    else this.#ask(`send ${lines.length} lines? [y/N] `, sendAll);
  }

  /** Sends or obeys a line, or asks if it may have been meant as a command; `left` is typed on. */
  #enter(line: string, left: Edited): void {
    const command = COMMANDS.find((name) => line.trimEnd() === `/${name}`);
    const enter = () => {
      this.#back = 0;
      const isNew = line.trim() !== "" && line !== this.#entered[0]?.line;
      if (isNew) this.#entered.unshift(atEnd(line));
      this.#entered.splice(ENTERED_MAX);
      this.line = left;
      if (command) this.#obey(command);
      else this.#send(line.replace(/^\/\//, "/"));
    };
    if (command || !/^\/(?!\/)/.test(line)) return enter();
    const [word] = /^\S{1,30}/.exec(line) ?? [];
    this.#ask(`unknown command ${word}; send it as a message? [y/N] `, enter);
  }

  #ask(text: string, yes: () => void): void {
    this.question = { text, answer: atEnd(""), yes };
  }
}
