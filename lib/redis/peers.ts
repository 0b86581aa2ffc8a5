/**
 * The other servers of the room: how far each has read, and whether it is waited for. Each says
 * something every second; that one was silent shows in the stream, by the times of the entries.
 */

import { compareIds, type Entry, GONE, msOf, type Readings, START } from "./stream.ts";

/** Who has said nothing for so long is waited for no more: after 5 s at the latest, as one says something each second. */
const SILENCE_MS = 4_000;
/** A longer time in which nobody has said anything is none of which one was silent: the stream stood still. */
const STEP_MS_MAX = 1_000;

export class Peers {
  readonly #peers = new Map<string, { read: string; heardAtMs: number }>();
  /** The time in the stream, as far as somebody was there to say something. */
  #nowMs = 0;
  #last = START;

  get count(): number {
    return this.#peers.size;
  }

  /** Begins behind an entry, with those that are known to the stream, less this server. */
  begin(id: string, servers: Readings, own: string): void {
    this.#last = id;
    this.#peers.clear();
    for (const [name, read] of servers)
      if (name !== own) this.#peers.set(name, { read, heardAtMs: this.#nowMs });
  }

  /** The next entry has come, from this server or another. */
  heard({ id, by, read }: Entry, isOwn: boolean): void {
    this.#nowMs += Math.min(STEP_MS_MAX, msOf(id) - msOf(this.#last));
    this.#last = id;
    if (isOwn) return;
    if (read === GONE) return void this.#peers.delete(by);
    // What was sent again may have been added after what came from the earlier connection.
    const before = this.#peers.get(by)?.read ?? read;
    const isLater = compareIds(read, before) >= 0;
    this.#peers.set(by, { read: isLater ? read : before, heardAtMs: this.#nowMs });
  }

  /** How far all have read, this server included. */
  tail(own: string): string {
    let tail = own;
    for (const { read } of this.#peers.values()) if (compareIds(read, tail) < 0) tail = read;
    return tail;
  }

  /** Waits no more for those that have been silent for too long; returns their names. */
  dropSilent(): string[] {
    const silent = [...this.#peers].filter(
      ([, { heardAtMs }]) => this.#nowMs - heardAtMs >= SILENCE_MS,
    );
    for (const [name] of silent) this.#peers.delete(name);
    return silent.map(([name]) => name);
  }
}
