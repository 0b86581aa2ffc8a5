/** The keyboard of this terminal in raw mode, where keys come as they are pressed. */

import { type Input, Keyboard } from "./keyboard.ts";

/** stdin, which is a terminal. Opened once, at most. */
export class RawInput {
  readonly #take: (inputs: Input[]) => void;
  readonly #keyboard = new Keyboard();
  readonly #decoder = new TextDecoder();
  #quiet: Timer | undefined;

  /** @param take given what was typed or pasted, as it comes */
  constructor(take: (inputs: Input[]) => void) {
    this.#take = take;
    process.stdin.on("data", (chunk: Buffer) => {
      clearTimeout(this.#quiet);
      this.#taken(this.#keyboard.push(this.#decoder.decode(chunk, { stream: true })));
    });
    this.open();
  }

  /** Takes the keyboard, also back from another program that may have changed its mode. */
  open(): void {
    this.lend();
    process.stdin.setRawMode(true);
  }

  /** Gives the keyboard to another program, for a while. */
  lend(): void {
    process.stdin.setRawMode(false);
  }

  /** Reads no more. */
  close(): void {
    clearTimeout(this.#quiet);
    process.stdin.pause();
    this.lend();
  }

  #taken(inputs: Input[]): void {
    this.#take(inputs);
    const { waitsMs } = this.#keyboard;
    if (waitsMs !== undefined)
      this.#quiet = setTimeout(() => this.#taken(this.#keyboard.quiet()), waitsMs);
  }
}
