/**
 * Whose lines are next: senders take turns, a quantum each. One that has more to send waits, and its
 * socket is not read meanwhile: that is the back-pressure which slows a flood to the pace of readers.
 */

import { assert } from "./assert.ts";
import type { LineBuffer } from "./line-buffer.ts";
import type { Author, Order } from "./order.ts";

/** What a sender has sent that has no place yet; an extra may put something between it and the log. */
export interface Lines extends Pick<
  LineBuffer,
  "push" | "end" | "hasLine" | "next" | "take" | "objection"
> {
  /** Whether there are lines which may not be taken yet. */
  readonly isHeldBack?: boolean;
}

/** Sends lines, and waits for its turn: a member, or an extra. */
export interface Sender {
  readonly cursor: Author;
  readonly lines: Pick<Lines, "hasLine" | "take">;
  /** Whether it waits for room. Kept by `FairQueue`. */
  isWaiting: boolean;
  /** It has to wait: nothing more is to come. */
  pause?(): void;
  /** A run of its lines has been taken. */
  sent?(run: Uint8Array): void;
  /** All of its lines have been taken. */
  sentAll(): void;
}

/** The senders that wait for room. */
export class FairQueue {
  /** The most that one sender adds before it is the next one's turn, in bytes. */
  readonly #quantumBytes: number;
  readonly #order: Order;
  readonly #wake: (delayMs: number) => void;
  readonly #senders: Sender[] = [];

  constructor(order: Order, quantumBytes: number, wake: (delayMs: number) => void) {
    this.#order = order;
    this.#quantumBytes = quantumBytes;
    this.#wake = wake;
  }

  /** In the order in which they go on. */
  get senders(): readonly Sender[] {
    return this.#senders;
  }

  /** Has a sender's lines get their place, as far as there is room; it waits when it has more. */
  send(sender: Sender): void {
    const [next = sender] = this.#senders;
    // Nobody overtakes those that wait.
    if (next === sender) this.#sendQuantum(sender);
    if (sender.lines.hasLine) return this.#enqueue(sender);
    if (sender.isWaiting) {
      assert(next === sender, "those that wait are served in turn");
      this.#senders.shift();
      sender.isWaiting = false;
    }
    sender.sentAll();
  }

  /** Lets those that wait send, a quantum each in turn, while there is room. */
  takeTurns(): void {
    for (let sender = this.#senders[0]; sender; sender = this.#senders[0]) {
      const before = this.#order.head;
      this.send(sender);
      if (this.#senders[0] !== sender) continue;
      if (this.#order.head === before) return;
      this.#senders.push(sender);
      this.#senders.shift();
    }
  }

  /** Takes a sender's whole lines: at most its quantum, as far as there is room. */
  #sendQuantum(sender: Sender): void {
    const order = this.#order;
    let left = this.#quantumBytes;
    while (sender.lines.hasLine) {
      const run = sender.lines.take(Math.min(left, order.freeBytes));
      if (run === undefined) return;
      left -= run.length;
      order.append(sender.cursor, run);
      sender.sent?.(run);
      this.#wake(0);
    }
  }

  #enqueue(sender: Sender): void {
    if (sender.isWaiting) return;
    sender.isWaiting = true;
    sender.pause?.();
    this.#senders.push(sender);
    this.#wake(0);
  }
}
