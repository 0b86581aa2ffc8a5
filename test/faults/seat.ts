/** A peer that numbers what it says and keeps account of what it hears. */

import { Peer, type PeerOptions } from "../harness.ts";

/** Throws unless a condition holds. */
export function demand(condition: boolean, complaint: string): void {
  if (!condition) throw new Error(complaint);
}

let named = 0;
/** A name of a speaker, never used twice, so that numbers of lines start anew. */
export function newName(role: string): string {
  return `${role}${named++}`;
}

/**
 * A room goes on at the pace of its slowest reader, and Linux makes one slow when sockets run short of
 * memory: with a receive window below the 64 KiB of a segment on loopback, it gets a segment each 0.7 s.
 */
const HEARS_WITHIN_MS = 200_000;

/** What was heard of each speaker: their lines are numbered from 0, so that a loss shows. */
export class Ledger {
  /** How many lines of a speaker have come, and no line of it was missing. */
  readonly #counts = new Map<string, number>();
  /** The start of a line whose end has not come. */
  #cut = "";
  /** The first line that was not the one to come. */
  fault: string | undefined;
  lines = 0;

  /** @param late whether others may have spoken before; else the first line of each is number 0 */
  constructor(readonly late: boolean) {}

  count(speaker: string): number {
    return this.#counts.get(speaker) ?? 0;
  }

  /** Takes lines, `speaker number padding`, cut anywhere. */
  enter(text: string): void {
    const lines = (this.#cut + text).split("\n");
    this.#cut = lines.pop() ?? "";
    for (const line of lines) this.#enterLine(line);
  }

  #enterLine(line: string): void {
    if (line.startsWith("* ")) return; // From the server.
    const [speaker = "", number, padding] = line.split(" ");
    const due = this.#counts.get(speaker) ?? (this.late ? Number(number) : 0);
    if (padding === undefined || !/^=*$/.test(padding) || Number(number) !== due)
      this.fault ??= `${JSON.stringify(line.slice(0, 80))} instead of ${speaker} ${due}`;
    this.#counts.set(speaker, due + 1);
    this.lines++;
  }
}

/** How a connection ended. */
export type Ending = "end of input" | "reset";

/** All that are connected. */
const present = new Set<Seat>();

/** Resets whoever is still connected to a port, be it stopped or not. */
export function breakAll(port: number): void {
  for (const seat of present) if (seat.port === port) seat.break();
}

export interface SeatOptions {
  /** Whether others have spoken before. */
  late?: boolean;
  tls?: PeerOptions["tls"];
}

export class Seat {
  readonly heard: Ledger;
  /** How many lines it has said. */
  said = 0;
  /** How its input ended. */
  readonly left: Promise<Ending>;
  readonly #peer: Peer;

  private constructor(
    peer: Peer,
    heard: Ledger,
    readonly port: number,
    readonly name: string,
  ) {
    this.#peer = peer;
    this.heard = heard;
    present.add(this);
    this.left = peer.endOfInput(Infinity).then((inOrder) => {
      if (inOrder) this.finish();
      return inOrder ? "end of input" : "reset";
    });
    void peer.closed(Infinity).then(() => present.delete(this));
  }

  /** Connects to the room of a port. */
  static async join(port: number, name: string, options: SeatOptions = {}): Promise<Seat> {
    const { late = false, tls } = options;
    const heard = new Ledger(late);
    const onBytes = (bytes: Buffer) => heard.enter(bytes.toString("latin1"));
    const peer = await Peer.connect(port, { onBytes, ...(tls && { tls }) });
    return new Seat(peer, heard, port, name);
  }

  /** Says so many lines of a size; returns how many went out whole. */
  async say(count: number, paddingBytes = 10): Promise<number> {
    const padding = "=".repeat(paddingBytes);
    for (let left = count; left > 0;) {
      const some = Math.min(left, Math.ceil((64 << 10) / (paddingBytes + 10)));
      let text = "";
      for (let index = 0; index < some; index++)
        text += `${this.name} ${this.said + index} ${padding}\n`;
      if (!(await this.write(text))) break;
      this.said += some;
      left -= some;
    }
    return this.said;
  }

  /** Sends text as it is; returns whether all of it went out. */
  write(text: string): Promise<boolean> {
    return this.#peer.sayAll(text);
  }

  /** Waits until it has heard all lines of a speaker before a number. */
  async hears(speaker: string, count: number): Promise<void> {
    const what = `${this.name} to hear ${count} lines of ${speaker}`;
    const done = () => this.heard.fault !== undefined || this.heard.count(speaker) >= count;
    await this.#peer.until(what, done, HEARS_WITHIN_MS);
    if (this.heard.fault) throw new Error(`${this.name} has heard ${this.heard.fault}`);
  }

  stopReading(): void {
    this.#peer.pause();
  }

  /** Half-closes. */
  finish(): void {
    this.#peer.endInput();
  }

  /** Resets the connection. */
  break(): void {
    this.#peer.reset();
  }
}

/** Connects many at once. */
export function joinAll(
  port: number,
  name: string,
  count: number,
  options?: SeatOptions,
): Promise<Seat[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => Seat.join(port, `${name}-${index}`, options)),
  );
}
