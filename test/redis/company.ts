/** Members on several servers who talk, every line numbered, and compare what they have heard. */

import type { Peer, PeerOptions } from "../harness.ts";

const FILLER = "x".repeat(52);
const LINE = /^(\d+)\.(\d+) /;

/** Where members join: a program, or a server of this process. */
interface Joinable {
  join(options: PeerOptions): Promise<Peer>;
}

/** One who talks, and hears the others. */
class Talker {
  readonly peer: Peer;
  readonly number: number;
  said = 0;
  /** What it has heard of each, as `number.count`, in the order in which that came. */
  readonly heard: string[] = [];
  #rest = "";
  lastWord: string | undefined;

  constructor(peer: Peer, number: number) {
    this.peer = peer;
    this.number = number;
  }

  /** Takes what it is told. */
  takes(bytes: Buffer): void {
    const lines = (this.#rest + bytes.toString("latin1")).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, by, count] = LINE.exec(line) ?? [];
      if (by !== undefined) this.heard.push(`${by}.${count}`);
      else this.lastWord = line;
    }
  }
}

export class Company {
  readonly talkers: Talker[] = [];
  #isTalking = false;
  #talk: Promise<unknown> = Promise.resolve();

  /** Some on each server. */
  static async gather(servers: readonly Joinable[], eachServer = 1): Promise<Company> {
    const company = new Company();
    for (const server of servers)
      for (let count = 0; count < eachServer; count++) await company.#join(server);
    return company;
  }

  async #join(server: Joinable): Promise<void> {
    let talker: Talker | undefined;
    const early: Buffer[] = [];
    const peer = await server.join({
      onBytes: (bytes) => (talker ? talker.takes(bytes) : early.push(bytes)),
    });
    talker = new Talker(peer, this.talkers.length);
    for (const bytes of early) talker.takes(bytes);
    this.talkers.push(talker);
  }

  get said(): number {
    return this.talkers.reduce((sum, { said }) => sum + said, 0);
  }

  /** Each says so many lines a second, until `stop`. */
  talk(linesPerSecond: number): void {
    this.#isTalking = true;
    this.#talk = Promise.all(
      this.talkers.map((talker) => this.#keepTalking(talker, linesPerSecond)),
    );
  }

  /** Waits until so much more was said. */
  async says(lines: number): Promise<void> {
    for (const end = this.said + lines; this.said < end;) await Bun.sleep(5);
  }

  /** Says no more. */
  async stop(): Promise<void> {
    this.#isTalking = false;
    await this.#talk;
  }

  /** Waits until everybody has heard everything that others said, and that it is the same. */
  async hearsAll(): Promise<void> {
    for (const talker of this.talkers) {
      const expected = this.said - talker.said;
      const hasAll = () => talker.heard.length >= expected;
      await talker.peer.until(`${expected} lines, not ${talker.heard.length}`, hasAll);
    }
    this.compare();
  }

  /** Everybody has heard each line of the others once, in the order in which it was said, and all in one order. */
  compare(): void {
    for (const { number, heard } of this.talkers) {
      const counts = new Map<string, number>();
      for (const line of heard) {
        const [by = "", count] = line.split(".");
        const last = counts.get(by) ?? 0;
        if (by === `${number}` || Number(count) !== last + 1)
          throw new Error(`${number} hears ${line} after ${by}.${last}`);
        counts.set(by, last + 1);
      }
    }
    for (const one of this.talkers)
      for (const other of this.talkers) if (one.number < other.number) compareTwo(one, other);
  }

  async #keepTalking(talker: Talker, linesPerSecond: number): Promise<void> {
    const atOnce = Math.max(1, Math.floor(linesPerSecond / 50));
    while (this.#isTalking) {
      let lines = "";
      for (let count = 0; count < atOnce; count++)
        lines += `${talker.number}.${++talker.said} ${FILLER}\n`;
      if (!(await talker.peer.sayAll(lines))) return;
      await Bun.sleep((atOnce * 1000) / linesPerSecond);
    }
  }
}

/** What both have heard, and neither has said, came to both in one order. */
function compareTwo(one: Talker, other: Talker): void {
  const isShared = (line: string) => {
    const by = Number(line.split(".")[0]);
    return by !== one.number && by !== other.number;
  };
  const [first, second] = [one.heard.filter(isShared), other.heard.filter(isShared)];
  const length = Math.min(first.length, second.length);
  for (let at = 0; at < length; at++)
    if (first[at] !== second[at])
      throw new Error(`${one.number} hears ${first[at]} where ${other.number} hears ${second[at]}`);
}
