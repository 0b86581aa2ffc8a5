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

interface Hearing {
  /** Whether others may have spoken before; else the first line of each is number 0. */
  late?: boolean;
  /** Shared by those that hear all lines: the checksum of each, from the first to hear it. */
  order?: number[];
  /** Whether another of these looks at the numbers, and all that this one does is compare. */
  compares?: boolean;
}

/** What was heard of each speaker: their lines are numbered from 0, so that a loss shows. */
export class Ledger {
  readonly #hearing: Hearing;
  /** How many lines of a speaker have come, and no line of it was missing. */
  readonly #counts = new Map<string, number>();
  /** The start of a line whose end has not come. */
  #cut = "";
  /** The first line that was not the one to come. */
  fault: string | undefined;
  /** The last that the server has said itself. */
  message = "";
  lines = 0;

  constructor(hearing: Hearing = {}) {
    this.#hearing = hearing;
  }

  count(speaker: string): number {
    return this.#counts.get(speaker) ?? 0;
  }

  /** Takes lines, `speaker number padding`, cut anywhere. */
  enter(text: string): void {
    const lines = (this.#cut + text).split("\n");
    this.#cut = lines.pop() ?? "";
    for (const line of lines)
      if (line.startsWith("* ")) this.message = line;
      else this.#enterLine(line);
  }

  #enterLine(line: string): void {
    const { late, order, compares } = this.#hearing;
    if (order) {
      const sum = Bun.hash.crc32(line);
      if ((order[this.lines] ??= sum) !== sum) this.#fail(line, "where another has heard another");
    }
    this.lines++;
    if (compares) return;
    const [speaker = "", number, padding] = line.split(" ");
    const due = this.#counts.get(speaker) ?? (late ? Number(number) : 0);
    if (padding === undefined || !/^=*$/.test(padding) || Number(number) !== due)
      this.#fail(line, `instead of ${speaker} ${due}`);
    this.#counts.set(speaker, due + 1);
  }

  #fail(line: string, why: string): void {
    this.fault ??= `${JSON.stringify(line.slice(0, 80))} ${why}`;
  }
}

/** Where a client connects: a port, or a server, of which it is a member once it has joined. */
export type Place = number | { join(options: PeerOptions): Promise<Peer> };

export class Seat {
  readonly name: string;
  /** How many lines it has said. */
  said = 0;
  /** How its input ended, however long that takes; it ends its own then. */
  readonly left: Promise<"end of input" | "reset">;

  private constructor(
    role: string,
    readonly peer: Peer,
    readonly heard: Ledger,
  ) {
    this.name = newName(role);
    this.left = peer.endOfInput(Infinity).then((isInOrder) => {
      if (isInOrder) peer.endInput();
      return isInOrder ? "end of input" : "reset";
    });
  }

  static async join(at: Place, role: string, hearing?: Hearing) {
    const heard = new Ledger(hearing);
    const how = { onBytes: (bytes: Buffer) => heard.enter(bytes.toString("latin1")) };
    const peer = typeof at === "number" ? await Peer.connect(at, how) : await at.join(how);
    return new Seat(role, peer, heard);
  }

  /** Connects many at once. */
  static joinAll(at: Place, role: string, count: number) {
    return Promise.all(Array.from({ length: count }, () => Seat.join(at, role)));
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
