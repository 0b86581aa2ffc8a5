/** A simulated member of a room of several servers, and what it has to hear. */

import type { Life, RoomSocket } from "../../../lib/room/socket.ts";
import { Violation } from "../state.ts";

/** What a member of a server that has lost the thread is told. */
const LAST_WORD = "* this server has lost the thread of the room\n";
/** What one is told that comes before it has found it again. */
const REFUSAL = "* this server is not in the room at the moment\n";

export class SharedSeat implements RoomSocket {
  declare data: Life;
  readonly name: string;
  /** How many bytes it takes before it drains. */
  space: number;
  isPaused = false;
  /** Whether it has said its last, and whether the server has. */
  hasEnded = false;
  isShut = false;
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

  constructor(name: string, space: number) {
    this.name = name;
    this.space = space;
  }

  /** Something was said in its room, and it was there. */
  owe(lines: string): void {
    for (const line of lines.match(/[^\n]*\n/g) ?? [])
      if (!line.startsWith(`${this.name}:`)) this.expected += line;
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
    const isSentAway = this.heard.endsWith(LAST_WORD) || this.heard === REFUSAL;
    const isEnd = this.hasEnded && !isSentAway && this.lastLine !== "\n";
    if (isEnd && !this.isSaid) throw new Violation(`${this.name} leaves before its last line`);
    if (!isSentAway && this.heard.length < this.owedAtLeast)
      throw new Violation(`${this.name} misses ${this.expected.slice(this.heard.length)}`);
  }

  end(): void {
    this.terminate();
  }

  terminate(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.data.closed();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  /** It hears what it has to, and then perhaps a last word. */
  #check(): void {
    const { heard, expected } = this;
    if (expected.startsWith(heard) || (expected === "" && REFUSAL.startsWith(heard))) return;
    const at = heard.lastIndexOf("*");
    if (at >= 0 && expected.startsWith(heard.slice(0, at)) && LAST_WORD.startsWith(heard.slice(at)))
      return;
    throw new Violation(`${this.name} hears ${heard.slice(-60)} instead of ${expected.slice(-60)}`);
  }
}
