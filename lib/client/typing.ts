/** A person at a keyboard: what is being typed, until it is entered, and what that asks for. */

import { type Command, meaningOf } from "./commands.ts";
import type { Completion, Edited } from "./completion.ts";
import { Editor } from "./editor.ts";
import type { History } from "./history.ts";
import type { Input } from "./keyboard.ts";

/** A paste of more lines than this is not said unasked. */
const PASTED_LINES_MAX = 5;

/** What can come of typing. */
export interface TypingEvents {
  /** A line was entered. */
  say(line: string): void;
  obey(command: Command): void;
  /** Ctrl-D was pressed where there was nothing to delete. */
  endInput(): void;
  /** A key was pressed that does not edit. */
  press(key: string): void;
}

/** A line, and sometimes a question about it that is to be answered first. */
export class Typing {
  readonly #events: TypingEvents;
  readonly #history: History;
  readonly #completion: Completion;
  readonly #editor = new Editor();
  #question: { text: string; answer: Editor; yes: () => void } | undefined;

  constructor(events: TypingEvents, history: History, completion: Completion) {
    this.#events = events;
    this.#history = history;
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

  take(input: Input): void {
    const editor = this.#question?.answer ?? this.#editor;
    if ("text" in input) editor.insert(input.text);
    else if ("paste" in input) this.#paste(input.paste);
    else if (input.key === "\x04" && editor.line === "") this.#endInput();
    else if (editor.press(input.key)) return;
    else if (/^[\r\n]/.test(input.key)) this.#enter();
    else if (this.#question || !this.#find(input.key)) this.#events.press(input.key);
  }

  /** Keys that bring another line. Returns whether this is one of them. */
  #find(key: string): boolean {
    const { line } = this.#editor;
    if (/^(\x10|\x1b[[O]A)$/.test(key)) this.#editor.set(this.#history.go(1, line));
    else if (/^(\x0e|\x1b[[O]B)$/.test(key)) this.#editor.set(this.#history.go(-1, line));
    else if (key === "\t") {
      const completed = this.#completion.complete(this.edited);
      if (completed) this.#editor.set(completed.line, completed.cursor);
    } else return false;
    return true;
  }

  #endInput(): void {
    if (this.#question) this.#question = undefined;
    else this.#events.endInput();
  }

  #enter(): void {
    const asked = this.#question;
    if (asked) {
      this.#question = undefined;
      if (/^\s*y(es)?\s*$/i.test(asked.answer.line)) asked.yes();
    } else this.#enterLine(this.#editor.line, { line: "", cursor: 0 });
  }

  /** Lines of a paste go into the line that is being typed, and the last of them stays there. */
  #paste(paste: string): void {
    if (this.#question) return; // Nobody answers by a paste.
    const { line, cursor } = this.#editor;
    const [first = "", ...more] = paste.split("\n");
    const last = more.pop();
    if (last === undefined) return this.#editor.insert(first);
    const lines = [line.slice(0, cursor) + first, ...more];
    const left = { line: last + line.slice(cursor), cursor: last.length };
    if (lines.length === 1) return this.#enterLine(lines[0] ?? "", left);
    const sayAll = () => {
      for (const one of lines) this.#events.say(one);
      this.#editor.set(left.line, left.cursor);
    };
    if (lines.length <= PASTED_LINES_MAX) sayAll();
    else this.#ask(`say ${lines.length} lines? [y/N] `, sayAll);
  }

  /** Does what a line means; what is left of it is then being typed. */
  #enterLine(line: string, left: Edited): void {
    const meaning = meaningOf(line);
    const enter = (said: string | undefined) => {
      this.#history.add(line);
      this.#editor.set(left.line, left.cursor);
      if (said !== undefined) this.#events.say(said);
    };
    if ("ask" in meaning) return this.#ask(meaning.ask, () => enter(line));
    enter("say" in meaning ? meaning.say : undefined);
    if ("obey" in meaning) this.#events.obey(meaning.obey);
  }

  #ask(text: string, yes: () => void): void {
    this.#question = { text, answer: new Editor(), yes };
  }
}
