/** A person at a keyboard: what is being typed, until it is entered, and what that asks for. */

import { type Command, meaningOf } from "./commands.ts";
import type { Completion, Edited } from "./completion.ts";
import { Editor } from "./editor.ts";
import { History } from "./history.ts";
import type { Input } from "./keyboard.ts";

/** A paste of more lines than this is not sent unasked. */
const PASTED_LINES_MAX = 5;

/** A line, and sometimes a question about it that is to be answered first. */
export class Typing {
  readonly #send: (line: string) => void;
  readonly #obey: (command: Command) => void;
  readonly #completion: Completion;
  readonly #history = new History();
  readonly #editor = new Editor();
  #question: { text: string; answer: Editor; yes: () => void } | undefined;

  /**
   * @param send given each line that was entered
   * @param obey given each command; Ctrl-D on an empty line is `quit`
   * @param completion what Tab does
   */
  constructor(
    send: (line: string) => void,
    obey: (command: Command) => void,
    completion: Completion,
  ) {
    this.#send = send;
    this.#obey = obey;
    this.#completion = completion;
  }

  /** The line that is not entered yet. */
  get line(): string {
    return this.#editor.line;
  }

  /** What is to be answered, if anything is. */
  get question(): string | undefined {
    return this.#question?.text;
  }

  /** What the keys go to: the line, or the answer to the question. */
  get edited(): Edited {
    const { line, cursor } = this.#question?.answer ?? this.#editor;
    return { line, cursor };
  }

  /** Takes what was typed or pasted; keys that mean nothing here do nothing. */
  take(input: Input): void {
    const editor = this.#question?.answer ?? this.#editor;
    if ("text" in input && input.text.includes("\n")) this.#paste(input.text);
    else if ("text" in input) editor.insert(input.text);
    else if (input.key === "\x04" && editor.line === "") this.#leave();
    else if (editor.press(input.key)) return;
    else if (/^[\r\n]/.test(input.key)) this.#enter();
    else if (!this.#question) this.#find(input.key);
  }

  /** Keys that bring another line. */
  #find(key: string): void {
    const { line } = this.#editor;
    if (/^(\x10|\x1b[[O]A)$/.test(key)) this.#editor.set(this.#history.go(1, line));
    else if (/^(\x0e|\x1b[[O]B)$/.test(key)) this.#editor.set(this.#history.go(-1, line));
    else if (key === "\t") {
      const completed = this.#completion.complete(this.edited);
      if (completed) this.#editor.set(completed.line, completed.cursor);
    }
  }

  #leave(): void {
    if (this.#question) this.#question = undefined;
    else this.#obey("quit");
  }

  #enter(): void {
    const asked = this.#question;
    this.#question = undefined;
    if (!asked) this.#enterLine(this.#editor.line, { line: "", cursor: 0 });
    else if (/^\s*y(es)?\s*$/i.test(asked.answer.line)) asked.yes();
  }

  /** The lines of a paste go into the line that is being typed, and the last of them stays there. */
  #paste(paste: string): void {
    if (this.#question) return; // Nobody answers by a paste.
    const { line, cursor } = this.#editor;
    const lines = (line.slice(0, cursor) + paste).split("\n");
    const before = lines.pop() ?? "";
    const left = { line: before + line.slice(cursor), cursor: before.length };
    const sendAll = () => {
      for (const one of lines) this.#send(one);
      this.#editor.set(left.line, left.cursor);
    };
    const [first] = lines;
    if (first !== undefined && lines.length === 1) this.#enterLine(first, left);
    else if (lines.length <= PASTED_LINES_MAX) sendAll();
    else this.#ask(`send ${lines.length} lines? [y/N] `, sendAll);
  }

  /** Does what a line means; what is left of it is then being typed. */
  #enterLine(line: string, left: Edited): void {
    const meaning = meaningOf(line);
    const enter = () => {
      this.#history.add(line);
      this.#editor.set(left.line, left.cursor);
    };
    const sendAsIs = () => {
      enter();
      this.#send(line);
    };
    if ("ask" in meaning) return this.#ask(meaning.ask, sendAsIs);
    enter();
    if ("send" in meaning) this.#send(meaning.send);
    else this.#obey(meaning.obey);
  }

  #ask(text: string, yes: () => void): void {
    this.#question = { text, answer: new Editor(), yes };
  }
}
