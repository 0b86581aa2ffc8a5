/** A simulated member of a room of several servers, and what it has to hear. */

import type { AcceptedSocket } from "../../../lib/doors/door.ts";
import { DISCONNECTS, REFUSALS, serverMessage } from "../../../lib/program/server-messages.ts";
import type { Life } from "../../../lib/room/socket.ts";
import { Violation } from "../seat.ts";

/** What a client receives first in a room with names. */
const GREETING = "* say your name first";

/** Whole lines, one by one. */
export function linesOf(lines: string): string[] {
  return lines.match(/[^\n]*\n/g) ?? [];
}

/** Whose line it is. */
export function speakerOf(line: string): string {
  return /^(?:\w+: )?(\d+\.\d+):/.exec(line)?.[1] ?? "";
}

export class SharedSeat implements AcceptedSocket {
  declare data: Life;
  readonly remoteAddress = "10.0.0.1";
  readonly remotePort: number;
  /** Told when it is closed. */
  onClosed = () => {};
  readonly name: string;
  /** In a room with names: what it is to be called, and whether it has said so, and is called so. */
  readonly title: string;
  hasSaidTitle = false;
  isNamed = false;
  /** How many bytes it takes before it drains. */
  space: number;
  isPaused = false;
  /** Whether it has said its last, and whether the server has. */
  hasEnded = false;
  isShut = false;
  /** Whether its server has lost the others since it joined: then it gets nothing more of them. */
  isOutOfSync = false;
  isClosed = false;
  /** What it has to hear, and how much of it it has. */
  expected = "";
  heard = "";
  /** How much it has to have heard, at the least, when the server ends it. */
  owedAtLeast = 0;
  /** Whether its last line has a place. */
  isSaid = false;
  /** How many lines it has said. */
  lines = 0;
  /** What it is about to say; what it has said of a line; and its last whole line. */
  unsaid = "";
  started = "";
  lastLine = "\n";

  constructor(name: string, space: number, title = "") {
    this.title = title;
    if (title !== "") this.unsaid = `${title}\n`;
    this.name = name;
    this.space = space;
    this.remotePort = Number(name.replace(/.*\./, "")) + 1;
  }

  /** What it has heard, without the greeting. */
  get heardLines(): string {
    if (!this.heard.startsWith(GREETING)) return GREETING.startsWith(this.heard) ? "" : this.heard;
    return this.heard.slice(this.heard.indexOf("\n") + 1 || this.heard.length);
  }

  /** Whether it was told that it has to go, or cannot come. */
  get isSentAway(): boolean {
    return this.#words.some((word) => this.heardLines.endsWith(word));
  }

  get #words(): string[] {
    const messages = [
      DISCONNECTS.outOfSync,
      REFUSALS.notInRoom,
      REFUSALS.nameTaken(this.title),
      REFUSALS.noNameWithin("1m"),
    ];
    return messages.map(serverMessage);
  }

  /** Something was said in its room, and it was there. */
  owe(lines: string): void {
    for (const line of linesOf(lines)) if (speakerOf(line) !== this.name) this.expected += line;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (this.isClosed) return -1;
    const taken = Math.min(length, this.space);
    this.space -= taken;
    this.heard += Buffer.from(bytes.subarray(offset, offset + taken)).toString("latin1");
    this.#check();
    return taken;
  }

  shutdown(): void {
    this.isShut = true;
    const { isSentAway } = this;
    const isEnd = this.hasEnded && !isSentAway && this.lastLine !== "\n";
    if (isEnd && !this.isSaid) throw new Violation(`${this.name} leaves before its last line`);
    if (!isSentAway && this.heardLines.length < this.owedAtLeast)
      throw new Violation(`${this.name} misses ${this.expected.slice(this.heardLines.length)}`);
  }

  end(): void {
    this.terminate();
  }

  terminate(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClosed();
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** It hears what it has to, and then perhaps a last word. */
  #check(): void {
    const { heardLines: heard, expected } = this;
    if (expected.startsWith(heard)) return;
    const at = heard.lastIndexOf("*");
    const isWord = this.#words.some((word) => word.startsWith(heard.slice(at)));
    if (at >= 0 && expected.startsWith(heard.slice(0, at)) && isWord) return;
    throw new Violation(`${this.name} hears ${heard.slice(-60)} instead of ${expected.slice(-60)}`);
  }
}
