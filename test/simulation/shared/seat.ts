/** A simulated client of one of several servers: what it sends, and what it has to receive. */

import { type AcceptedSocket, Arrival } from "../../../lib/doors/door.ts";
import { DISCONNECTS, REFUSALS, serverMessage } from "../../../lib/program/server-messages.ts";
import { Member } from "../../../lib/room/member.ts";
import type { Life } from "../../../lib/room/socket.ts";
import type { Random } from "../random.ts";
import { Violation } from "../seat.ts";

/** Whole lines, one by one. */
export function linesOf(lines: string): string[] {
  return lines.match(/[^\n]*\n/g) ?? [];
}

/** Whether a line is a join or leave notice. */
export function isNotice(line: string): boolean {
  return line.startsWith("* ");
}

/** The client whose line it is. */
export function speakerOf(line: string): string {
  return /^(?:\w+: )?(\d+\.\d+):/.exec(line)?.[1] ?? "";
}

export class SharedSeat implements AcceptedSocket {
  declare data: Life;
  readonly remoteAddress = "10.0.0.1";
  readonly remotePort: number;
  isPaused = false;
  isShut = false;
  isClosed = false;
  /** Whether it is called by its title, in a room with names. */
  isNamed = false;
  /** Whether its server was out of sync since it joined: then it gets nothing more of the others. */
  isOutOfSync = false;

  /** What it is about to send, what it has sent of a line, and its lines as they are relayed. */
  #unsent: string;
  #begun = "";
  readonly lines: string[] = [];
  #count = 0;
  #hasSentTitle: boolean;
  hasEnded = false;

  /** What it has to receive, and what it has received. */
  expected = "";
  #received = "";
  /** Whether it was asked for its name, in words that are not looked at here. */
  #isAsked: boolean;
  /** How much it has to get before its EOF at least; undefined before its last line is in the log. */
  #owed: number | undefined = 0;

  /**
   * @param title what it is to be called, in a room with names, or ""
   * @param space how many bytes it takes before it drains
   */
  constructor(
    readonly name: string,
    readonly title: string,
    public space: number,
    readonly onClosed: (seat: SharedSeat) => void,
  ) {
    this.remotePort = Number(name.replace(/.*\./, "")) + 1;
    this.#unsent = title === "" ? "" : `${title}\n`;
    this.#hasSentTitle = this.#isAsked = title === "";
  }

  /** Whether it is in the room, or on its way in. */
  get isHere(): boolean {
    return this.data instanceof Member || this.data instanceof Arrival;
  }

  /** Whether it is in the room, which has not been out of sync since. */
  get isMember(): boolean {
    return this.data instanceof Member && !this.isOutOfSync && !this.isClosed;
  }

  /** What it may be told last: that it has to go, or cannot join. */
  get #messages(): string[] {
    return [
      DISCONNECTS.outOfSync,
      REFUSALS.notInRoom,
      REFUSALS.nameTaken(this.title),
      REFUSALS.noNameWithin("1m"),
    ].map(serverMessage);
  }

  /** What it sends next: some bytes of lines that are all different. */
  speak(random: Random, lineBytesMax: number): string {
    for (let count = random.between(1, 4); count > 0; count--) {
      const line = `${this.name}:${String(this.#count++).padStart(3, "0")}`;
      const padded = line.padEnd(random.below(lineBytesMax), "~");
      this.#unsent += `${padded.slice(0, lineBytesMax - 1)}\n`;
    }
    const part = this.#unsent.slice(0, random.between(1, this.#unsent.length));
    this.#unsent = this.#unsent.slice(part.length);
    this.#send(part);
    return part;
  }

  /** Whether it can half-close: what is cut off has to be known as a line of its own. */
  get canFinish(): boolean {
    const isKnown = this.#begun === "" || /:\d{3}/.test(this.#begun);
    return isKnown && (this.title === "" || this.isNamed);
  }

  finish(): void {
    this.hasEnded = true;
    if (this.#begun !== "") this.#send("\n");
  }

  #send(part: string): void {
    if (this.data instanceof Member && this.data.isLeaving) return;
    this.#begun += part;
    for (const line of linesOf(this.#begun)) {
      this.#begun = this.#begun.slice(line.length);
      if (this.#hasSentTitle) {
        this.lines.push(this.title === "" ? line : `${this.title}: ${line}`);
        this.#owed = undefined;
      }
      this.#hasSentTitle = true;
    }
  }

  /** Lines are in the log of its server, perhaps with its own among them. */
  logged(lines: readonly string[]): void {
    const { isMember } = this;
    if (isMember) this.expected += lines.filter((line) => speakerOf(line) !== this.name).join("");
    const last = this.lines.at(-1);
    if (last === undefined || !lines.includes(last)) return;
    this.#owed = isMember && this.hasEnded ? this.expected.length : 0;
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (this.isClosed) return -1;
    const taken = Math.min(length, this.space);
    this.space -= taken;
    this.#received += Buffer.from(bytes.subarray(offset, offset + taken)).toString("latin1");
    if (!this.#isAsked && this.#received.endsWith("\n")) {
      this.#isAsked = true;
      this.#received = "";
    }
    if (this.#isAsked) this.#check();
    return taken;
  }

  /** It receives what it has to, and then perhaps a last message. */
  #check(): void {
    const [received, expected] = [this.#received, this.expected];
    if (expected.startsWith(received)) return;
    const at = received.lastIndexOf("*");
    const isMessage = this.#messages.some((message) => message.startsWith(received.slice(at)));
    if (at >= 0 && expected.startsWith(received.slice(0, at)) && isMessage) return;
    const [got, due] = [received.slice(-60), expected.slice(-60)];
    throw new Violation(`${this.name} gets ${got} instead of ${due}`);
  }

  /** Takes so much more; returns whether it took nothing before. */
  drain(space: number): boolean {
    const isDrained = this.space === 0;
    this.space = Math.max(this.space, space);
    if (isDrained && !this.isClosed) this.data.drained();
    if (this.isShut && !this.isClosed) this.terminate();
    return isDrained;
  }

  shutdown(): void {
    this.isShut = true;
    const received = this.#received;
    if (this.#messages.some((message) => received.endsWith(message))) return;
    if (this.#owed === undefined && this.hasEnded)
      throw new Violation(`${this.name} leaves before its last line`);
    if (received.length < (this.#owed ?? 0))
      throw new Violation(`${this.name} misses ${this.expected.slice(received.length)}`);
  }

  /** Nothing more will come. */
  checkRest(): void {
    if (this.isPaused) throw new Violation(`${this.name} stays paused`);
    if (this.isShut) return;
    const [received, expected] = [this.#received, this.expected];
    if (received !== expected)
      throw new Violation(`${this.name} never gets ${expected.slice(received.length)}`);
    if (this.hasEnded) throw new Violation(`${this.name} never gets its EOF`);
  }

  end(): void {
    this.terminate();
  }

  terminate(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClosed(this);
  }

  setNoDelay(): void {}
  setKeepAlive(): void {}

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }
}
