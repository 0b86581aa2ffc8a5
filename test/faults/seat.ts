/** A peer that numbers what it says and keeps account of what it hears. */

import { Peer, type PeerOptions } from "../harness.ts";

let named = 0;
/** A name of a speaker, never used twice, so that numbers of lines start again. */
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

interface SeatOptions {
  /** Whether others have spoken before. */
  late?: boolean;
  tls?: PeerOptions["tls"];
}

/** How the input of a connection ended. */
export type Ending = "end of input" | "reset";

/** Waits, for as long as it takes, until the input of a peer ends; the peer ends its own then. */
export async function endOf(peer: Peer): Promise<Ending> {
  if (!(await peer.endOfInput(Infinity))) return "reset";
  peer.endInput();
  return "end of input";
}

export class Seat {
  readonly name: string;
  /** How many lines it has said. */
  said = 0;
  /** How its input ended; it ends its own then. */
  readonly left: Promise<Ending>;

  private constructor(
    role: string,
    readonly peer: Peer,
    readonly heard: Ledger,
  ) {
    this.name = newName(role);
    this.left = endOf(peer);
  }

  /** Connects to the room of a port. */
  static async join(port: number, role: string, options: SeatOptions = {}): Promise<Seat> {
    const { late = false, tls } = options;
    const heard = new Ledger(late);
    const onBytes = (bytes: Buffer) => heard.enter(bytes.toString("latin1"));
    return new Seat(role, await Peer.connect(port, { onBytes, ...(tls && { tls }) }), heard);
  }

  /** Connects many at once. */
  static joinAll(port: number, role: string, count: number, options?: SeatOptions) {
    return Promise.all(Array.from({ length: count }, () => Seat.join(port, role, options)));
  }

  /** Says so many lines of a size; returns how many it has said that went out whole. */
  async say(count: number, paddingBytes = 10): Promise<number> {
    const padding = "=".repeat(paddingBytes);
    const someMax = Math.ceil((64 << 10) / (paddingBytes + 10));
    for (const end = this.said + count; this.said < end;) {
      const some = Math.min(end - this.said, someMax);
      const lines = Array.from(
        { length: some },
        (_, at) => `${this.name} ${this.said + at} ${padding}\n`,
      );
      if (!(await this.peer.sayAll(lines.join("")))) break;
      this.said += some;
    }
    return this.said;
  }

  /** Waits until it has heard all lines of a speaker before a number. */
  async hears(speaker: string, count: number): Promise<void> {
    const what = `${this.name} to hear ${count} lines of ${speaker}`;
    const done = () => this.heard.fault !== undefined || this.heard.count(speaker) >= count;
    await this.peer.until(what, done, HEARS_WITHIN_MS);
    if (this.heard.fault) throw new Error(`${this.name} has heard ${this.heard.fault}`);
  }
}
