/** The other servers of the room: how far each has read, and whether it is waited for. */

import { compareIds, type Entry, GONE, type Readings } from "./stream.ts";

/** Who has not been heard of for so long is waited for no more. */
export const SILENCE_MS = 5_000;

export class Peers {
  readonly #peers = new Map<string, { read: string; heardOfAtMs: number }>();

  get count(): number {
    return this.#peers.size;
  }

  /** Starts with those that are known to the stream, less this server. */
  begin(servers: Readings, own: string, nowMs: number): void {
    this.#peers.clear();
    for (const [name, read] of servers)
      if (name !== own) this.#peers.set(name, { read, heardOfAtMs: nowMs });
  }

  /** One has said something. */
  heard({ by, read }: Entry, nowMs: number): void {
    if (read === GONE) return void this.#peers.delete(by);
    // What was sent again may have been added after what came from the earlier connection.
    const before = this.#peers.get(by)?.read ?? read;
    const isLater = compareIds(read, before) >= 0;
    this.#peers.set(by, { read: isLater ? read : before, heardOfAtMs: nowMs });
  }

  /** How far all have read, this server included. */
  tail(own: string): string {
    let tail = own;
    for (const { read } of this.#peers.values()) if (compareIds(read, tail) < 0) tail = read;
    return tail;
  }

  /** Waits no more for those that have been silent for too long; returns their names. */
  dropSilent(nowMs: number): string[] {
    const silent = [...this.#peers].filter(
      ([, { heardOfAtMs }]) => nowMs - heardOfAtMs >= SILENCE_MS,
    );
    for (const [name] of silent) this.#peers.delete(name);
    return silent.map(([name]) => name);
  }
}
