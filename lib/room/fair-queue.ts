/**
 * Whose lines are next: senders take turns, a quantum each. One that has more to send waits, and its
 * socket is not read meanwhile: that is the back-pressure which slows a flood to the pace of readers.
 */

import type { LineBuffer } from "./line-buffer.ts";
import type { Author, Order } from "./order.ts";

/** What a sender has sent that has no place yet; an extra may put something between it and the log. */
export interface Lines extends Pick<LineBuffer, "push" | "end" | "next" | "take" | "objection"> {
  /** Whether lines are left that may not be taken yet; what holds them back has the member sent again. */
  readonly isHeldBack?: boolean;
}

/** Sends lines, and waits for its turn: a member, or an extra. */
export interface Sender {
  readonly cursor: Author;
  readonly lines: Pick<Lines, "next" | "take">;
  /** Whether it waits for space. Kept by `FairQueue`. */
  isWaiting: boolean;
  /** It has to wait: nothing more is to come. */
  pause?(): void;
  /** None of its lines may be taken any more, for now. */
  sentAll(): void;
}

/** What the queue needs of its room. */
export interface QueueRoom {
  readonly order: Order;
  wake(delayMs: number): void;
  /** A run of a sender has been taken. */
  sent(sender: Sender, run: Uint8Array): void;
}

/** The senders that wait for space. */
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

  /** Has a sender's lines get their place, as far as there is space; it waits when it has more. */
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

  /** Lets those that wait send, a quantum each in turn, while there is space. */
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
