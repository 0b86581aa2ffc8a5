/** The other servers of a room, and how much of the stream is kept for them. */

import { compareIds, type Entry, type KeptMax, START, type States } from "./stream.ts";

/** A server that has not changed in so many looks, a second apart at least, is down. */
const SILENT_LOOKS = 4;
/** About what an entry takes in Redis, in bytes, besides its lines. */
export const ENTRY_BYTES = 128;
/** Instead of the state of a server that is known by what it has added. */
const NEW = "new";
/** In so many steps the stream loses what it does not keep. */
const STEPS = 512;

/** How far each of the others has read, and whether it is down: then it stays as it was. */
export class Peers {
  #peers = new Map<string, { state: string; read: string; silentLooks: number; isUp: boolean }>();

  get count(): number {
    return this.#peers.size;
  }

  /** Whether one of them has shown that it is there. */
  get areUp(): boolean {
    return this.#peers.values().some(({ isUp }) => isUp);
  }

  clear(): void {
    this.#peers.clear();
  }

  /** Looks at all others that there are; returns those that are gone and were silent before. */
  look(servers: States, own: string): string[] {
    const before = this.#peers;
    this.#peers = new Map();
    for (const [name, state] of servers) {
      const last = before.get(name);
      const silentLooks = last?.state === state ? last.silentLooks + 1 : 0;
      const isUp = last !== undefined && silentLooks === 0;
      this.#peers.set(name, { state, read: state.split(" ")[1] ?? START, silentLooks, isUp });
    }
    this.#peers.delete(own);
    const gone = [...before].filter(([name]) => !servers.has(name));
    // One that has joined meanwhile is there at the next look.
    for (const [name, peer] of gone)
      if (peer.state === NEW) this.#peers.set(name, { ...peer, state: "" });
    return gone.filter(([, { silentLooks }]) => silentLooks > 1).map(([name]) => name);
  }

  /** One has told how far it has read; perhaps one that has joined since the last look. */
  received({ by, read }: Entry): void {
    const peer = this.#peers.get(by);
    if (peer) peer.read = read;
    else this.#peers.set(by, { state: NEW, read, silentLooks: 0, isUp: false });
  }

  /** Those that are down, with their states. */
  get silent(): [name: string, state: string][] {
    const silent = [...this.#peers].filter(([, { silentLooks }]) => silentLooks >= SILENT_LOOKS);
    return silent.map(([name, { state }]) => [name, state]);
  }

  /** How far all have read, if these are the ids up to which this server has. */
  tail(...own: readonly string[]): string {
    const reads = [...this.#peers.values()].map(({ read }) => read);
    return [...own, ...reads].reduce((tail, id) => (compareIds(id, tail) < 0 ? id : tail));
  }
}

type Bytes = Readonly<Record<"bytes" | "historyBytes", number>>;

/** Where what is kept of the stream begins, as far as one server knows, which counts what it reads. */
export class Kept {
  readonly #max: KeptMax;
  /** What it has read, in bytes. */
  #read: Bytes = { bytes: 0, historyBytes: 0 };
  /** What it had read before some of the entries. */
  #marks: { readonly id: string; readonly atMs: number; readonly read: Bytes }[] = [];

  constructor(max: KeptMax) {
    this.#max = max;
  }

  /** Begins with all that there is. */
  begin(atMs: number): void {
    this.#marks = [{ id: START, atMs, read: this.#read }];
  }

  get start(): string {
    return this.#marks[0]?.id ?? START;
  }

  get bytes(): number {
    return this.#read.bytes - (this.#marks[0]?.read.bytes ?? 0);
  }

  /** The next entry was read. */
  add(id: string, lineBytes: number, isPassing: boolean, atMs: number): void {
    const { bytes, historyBytes } = this.#read;
    if (bytes - (this.#marks.at(-1)?.read.bytes ?? 0) >= this.#max.bytes / STEPS)
      this.#marks.push({ id, atMs, read: this.#read });
    this.#read = {
      bytes: bytes + lineBytes + ENTRY_BYTES,
      historyBytes: historyBytes + (isPassing ? 0 : lineBytes),
    };
  }

  /** Forgets what need not be kept any more. */
  forget(nowMs: number): void {
    const { bytes, ms, historyBytes } = this.#max;
    for (let next = this.#marks[1]; next; next = this.#marks[1]) {
      const keptBytes = this.#read.bytes - next.read.bytes;
      const isHistory = this.#read.historyBytes - next.read.historyBytes < historyBytes;
      if (isHistory && keptBytes < Math.max(bytes, 4 * historyBytes)) return;
      if (keptBytes < bytes && nowMs - next.atMs < ms) return;
      this.#marks.shift();
    }
  }
}
