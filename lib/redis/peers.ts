/**
 * The other servers of the room: how far each has read, and whether it is down. Each adds an entry
 * every second, its heartbeat; that one was silent shows in the stream, by the times of the entries.
 */

import { compareIds, type Entry, GONE, type Joined } from "./stream.ts";

/** A server that is silent for so long is considered down: 5 s after its heartbeat at the latest. */
const SILENCE_MS = 4_000;
/** A longer time without any entry is not one in which one server was silent: the stream stood still. */
const STEP_MS_MAX = 1_000;

export class Peers {
  readonly #peers = new Map<string, { read: string; receivedAtMs: number }>();
  /** The time in the stream, as far as some server was there to add something. */
  #nowMs = 0;

  get count(): number {
    return this.#peers.size;
  }

  /** Begins with how far those have read that are known to the stream. */
  begin(others: Joined["others"]): void {
    this.#peers.clear();
    for (const [name, read] of others) this.#peers.set(name, { read, receivedAtMs: this.#nowMs });
  }

  /** The next entry has come, from this server or another. */
  received({ id, after, by, read }: Entry, isOwn: boolean): void {
    this.#nowMs += Math.min(STEP_MS_MAX, Number.parseInt(id) - Number.parseInt(after));
    if (isOwn) return;
    if (read === GONE) this.#peers.delete(by);
    else this.#peers.set(by, { read, receivedAtMs: this.#nowMs });
  }

  /** How far all have read, this server included. */
  tail(own: string): string {
    let tail = own;
    for (const { read } of this.#peers.values()) if (compareIds(read, tail) < 0) tail = read;
    return tail;
  }

  /** Waits no more for those that have been silent for too long; returns their names. */
  dropSilent(): string[] {
    const sinceMs = this.#nowMs - SILENCE_MS;
    const silent = [...this.#peers].filter(([, { receivedAtMs }]) => receivedAtMs <= sinceMs);
    return silent.map(([name]) => name).filter((name) => this.#peers.delete(name));
  }
}
