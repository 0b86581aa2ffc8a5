/** This end of the conversation as a person has it: an editor on the keyboard, and a screen. */

import { fstatSync } from "node:fs";
import { isatty } from "node:tty";

import { type Colours, colourSpeakers, openColours, takesColours } from "./colour.ts";
import { Editor } from "./editor.ts";
import { type LocalEnd, type Notes, SILENCE } from "./local-end.ts";
import { sanitise } from "./sanitise.ts";
import { Screen } from "./screen.ts";
import { WholeLines } from "./whole-lines.ts";

/** Whether there is a person on both sides of this program, at a terminal that can be painted. */
export function isTerminal(): boolean {
  return isatty(0) && isatty(1) && process.env["TERM"] !== "dumb";
}

/** A terminal that takes part in a conversation. Opened once, at most. */
export class Terminal implements LocalEnd {
  readonly #notes: Notes;
  /** Whether the client speaks of itself on this screen, and not elsewhere. */
  readonly #speaksHere: boolean;
  readonly #colours: Colours = openColours(takesColours(1));
  readonly #prompt: string;
  readonly #heard = new WholeLines();
  readonly #screen: Screen;
  readonly #editor: Editor;
  #activity: string | undefined;

  /**
   * @param prefix put before each line sent, and shown as the prompt; empty for none
   * @param notes where the client speaks of itself, should stderr be something else
   *   than this terminal
   */
  constructor(prefix: string, notes: Notes) {
    this.#notes = notes;
    this.#speaksHere = notes !== SILENCE && isSameTerminal(1, 2);
    this.#prompt = prefix ? colourSpeakers(prefix, this.#colours) : this.#colours.dim("> ");
    this.#screen = new Screen(() => ({
      status: this.#activity === undefined ? undefined : this.#colours.dim(this.#activity),
      prompt: this.#promptNow(),
    }));
    const hungUp = () => {
      this.#screen.hangUp();
      this.#editor.end();
    };
    this.#editor = new Editor(prefix, {
      changed: () => this.#screen.paintSoon("at once"),
      entered: (line) => this.#screen.add(this.#asEntered(line)),
      clear: () => this.#screen.clear(),
      suspend: () => this.#suspend(),
      hungUp,
    });
    process.stdout.on("error", hungUp);
    process.on("SIGCONT", () => this.#resume());
    this.#screen.paintSoon("at once");
  }

  said(): AsyncIterable<Uint8Array> {
    return this.#editor.entered();
  }

  show(bytes: Uint8Array): Promise<boolean> {
    const run = this.#heard.push(bytes);
    if (run !== undefined) this.#screen.add(this.#harmless(run));
    return this.#screen.shown();
  }

  note(event: string): void {
    if (this.#speaksHere) this.#screen.add(`${this.#colours.dim(sanitise(event))}\n`);
    else this.#notes.note(event);
  }

  status(activity: string | undefined): void {
    if (!this.#speaksHere || activity === this.#activity) return;
    this.#activity = activity;
    this.#screen.paintSoon("at once");
  }

  /** Shows everything, leaves a half-typed line where it is, and gives the terminal back. */
  close(): Promise<void> {
    const rest = this.#heard.end();
    if (rest !== undefined) this.#screen.add(`${this.#harmless(rest)}\n`);
    this.#activity = undefined;
    this.#screen.add(this.#halfTyped());
    this.#editor.close();
    return this.#screen.close();
  }

  /** Ctrl-Z was pressed: does what the terminal itself does when it is not in raw mode. */
  #suspend(): void {
    this.#screen.leave(this.#halfTyped());
    this.#editor.setActive(false);
    process.kill(0, "SIGTSTP");
  }

  #resume(): void {
    if (this.#editor.typed === undefined) return;
    this.#editor.setActive(true);
    this.#screen.resume();
  }

  #promptNow(): { before: string; after: string } | undefined {
    const { typed } = this.#editor;
    if (typed === undefined) return undefined;
    const harmless = (part: string) => sanitise(part, this.#colours.mark);
    return { before: this.#prompt + harmless(typed.before), after: harmless(typed.after) };
  }

  /** What is being typed, as a line that stays; empty when there is nothing. */
  #halfTyped(): string {
    const { before, after } = this.#editor.typed ?? { before: "", after: "" };
    return before + after === "" ? "" : this.#asEntered(before + after);
  }

  #asEntered(line: string): string {
    return `${this.#prompt}${sanitise(line, this.#colours.mark)}\n`;
  }

  #harmless(run: Uint8Array): string {
    return colourSpeakers(sanitise(run, this.#colours.mark), this.#colours);
  }
}

function isSameTerminal(one: number, other: number): boolean {
  try {
    return isatty(other) && fstatSync(one).rdev === fstatSync(other).rdev;
  } catch {
    return false;
  }
}
