/**
 * Whose lines are next: round robin, a quantum for each sender. One that has more to send waits, and
 * its socket is paused meanwhile: that is the back-pressure that slows a flood to the pace of readers.
 */

import type { LineBuffer } from "./line-buffer.ts";
import type { Author, Order } from "./order.ts";

/** A member's lines without a place yet: a `LineBuffer`, perhaps wrapped by extras. */
export interface Lines extends Pick<LineBuffer, "push" | "end" | "next" | "take" | "objection"> {
  /** Whether lines are left that `next` does not show yet: when it does, the extra calls `Room.send`. */
  readonly isHeldBack?: boolean;
}

/** Sends lines, and waits for its turn: a member, or an extra. */
export interface Sender {
  readonly cursor: Author;
  readonly lines: Pick<Lines, "next" | "take">;
  /** Whether it is in the queue, which alone sets this. */
  isWaiting: boolean;
  /** It is in the queue now: its socket is not to be read until `sentAll`. */
  pause?(): void;
  /** It has no line left that `next` shows: more may be read, or it may leave. */
  sentAll(): void;
}

/** What the queue needs of its room. */
export interface QueueRoom {
  readonly order: Order;
  wake(delayMs: number): void;
  /** A run of a sender was given to the order. */
  sent(sender: Sender, run: Uint8Array): void;
}

/** The senders that wait for space, or because their quantum is used up. */
export class FairQueue {
  /** In the order in which they go on. */
  readonly senders: Sender[] = [];
  /** The most that one sender adds before it is the next one's turn, in bytes: so much, or one line. */
  readonly #quantumBytes: number;
  readonly #lineBytesMax: number;
  readonly #room: QueueRoom;

  constructor(room: QueueRoom, quantumBytes: number, lineBytesMax: number) {
    this.#room = room;
    this.#quantumBytes = quantumBytes;
    this.#lineBytesMax = lineBytesMax;
  }

  /** Appends a sender's lines, a quantum at most, and none before those that wait; with more, it waits. */
  send(sender: Sender): void {
    if (sender.isWaiting) return;
    // Nobody overtakes those that wait.
    if (this.senders.length === 0) this.#sendQuantum(sender);
    if (!sender.lines.next) return sender.sentAll();
    sender.isWaiting = true;
    sender.pause?.();
    this.senders.push(sender);
    this.#room.wake(0);
  }

  /** Lets those that wait send, a quantum each in turn, until the next one finds no space. */
  takeTurns(): void {
    const { order } = this.#room;
    for (let sender = this.senders[0]; sender; sender = this.senders[0]) {
      const before = order.head;
      this.#sendQuantum(sender);
      const hasMore = sender.lines.next !== undefined;
      if (hasMore && order.head === before) return;
      this.senders.shift();
      sender.isWaiting = hasMore;
      if (hasMore) this.senders.push(sender);
      else sender.sentAll();
    }
  }

  /** Takes a sender's whole lines: at most its quantum, or one line, as far as there is space. */
  #sendQuantum(sender: Sender): void {
    const { order } = this.#room;
    let left = this.#quantumBytes;
    const take = (bytesMax: number) => sender.lines.take(Math.min(bytesMax, order.freeBytes));
    while (sender.lines.next) {
      const isFirst = left === this.#quantumBytes;
      const run = take(left) ?? (isFirst ? take(this.#lineBytesMax) : undefined);
      if (run === undefined) return;
      left -= run.length;
      order.append(sender.cursor, run);
      this.#room.sent(sender, run);
      this.#room.wake(0);
    }
  }
}
