/**
 * Whose lines are next: senders take turns, a quantum each. One that has more to send waits, and
 * its socket is not read meanwhile: that is the back-pressure which slows a flood to the pace of
 * the readers.
 */

import { assert } from "./assert.ts";
import { countLines, type LineBuffer } from "./line-buffer.ts";
import type { Author } from "./line-log.ts";
import type { Order } from "./order.ts";

/** What a sender has sent that has no place yet. */
export type Lines = Pick<LineBuffer, "push" | "end" | "hasLine" | "next" | "take" | "objection">;

/** Sends lines, and waits for its turn: a member, or an extra. */
export interface Sender {
  readonly cursor: Author;
  readonly lines: Pick<Lines, "hasLine" | "take">;
  /** Why lines of it wait, if some do: for room in the order, or until it may send more. Kept by `FairQueue`. */
  waits: "for room" | "for leave" | undefined;
  /** How many lines it may send now; any number if this is missing. */
  linesNow?(): number;
  /** Sends no more for now, or sends more again. */
  pause?(): void;
  resume?(): void;
  /** A run of its lines has been taken. */
  sent?(run: Uint8Array): void;
  /** All of its lines have been taken. */
  sentAll(): void;
}

/** The senders that wait, and why. */
export class FairQueue {
  /** The most that one sender adds before it is the next one's turn, in bytes. */
  readonly #quantumBytes: number;
  readonly #order: Order;
  readonly #wake: (delayMs: number) => void;
  /** Senders for whose lines there is no room, in the order in which they go on. */
  readonly #queue: Sender[] = [];
  /** Senders that may send no line for now. */
  readonly #paced = new Set<Sender>();

  constructor(order: Order, quantumBytes: number, wake: (delayMs: number) => void) {
    this.#order = order;
    this.#quantumBytes = quantumBytes;
    this.#wake = wake;
  }

  /** Whether no sender waits, for whatever reason. */
  get isEmpty(): boolean {
    return this.#queue.length === 0 && this.#paced.size === 0;
  }

  /** Whether readers hold senders up. */
  get isHeldUp(): boolean {
    return this.#order.isHeldUp(this.#queue.length > 0);
  }

  /** Has a sender's lines get their place, as far as there is room; it waits when it has more. */
  send(sender: Sender): void {
    // Nobody overtakes those that wait.
    if ((this.#queue[0] ?? sender) === sender) this.#sendQuantum(sender);
    if (sender.lines.hasLine) return this.#hold(sender);
    if (sender.waits !== undefined) {
      this.#dequeue(sender);
      sender.waits = undefined;
      sender.resume?.();
    }
    sender.sentAll();
  }

  /** Lets those go on that may send lines again. */
  resumePaced(): void {
    for (const sender of this.#paced) if ((sender.linesNow?.() ?? 1) >= 1) this.send(sender);
  }

  /** Lets those that wait for room send, a quantum each in turn; returns whether nothing is held up. */
  takeTurns(): boolean {
    const order = this.#order;
    order.moveToLog();
    for (let sender = this.#queue[0]; sender; sender = this.#queue[0]) {
      const before = order.head;
      this.send(sender);
      if (this.#queue[0] !== sender) continue;
      if (order.head === before) break;
      this.#queue.push(sender);
      this.#queue.shift();
    }
    return !this.isHeldUp;
  }

  /** Forgets what some senders that wait still had to send; returns how many lines that is. */
  drop(which: (sender: Sender) => boolean): number {
    let lines = 0;
    for (const sender of [...this.#queue, ...this.#paced].filter(which)) {
      const take = () => sender.lines.take(this.#quantumBytes);
      for (let run = take(); run; run = take()) lines += countLines(run);
      const at = this.#queue.indexOf(sender);
      if (at >= 0) this.#queue.splice(at, 1);
      this.#paced.delete(sender);
      sender.waits = undefined;
      sender.resume?.();
    }
    return lines;
  }

  /** Takes a sender's whole lines: at most its quantum, as many as it may send and the order takes. */
  #sendQuantum(sender: Sender): void {
    const order = this.#order;
    const { lines } = sender;
    let left = this.#quantumBytes;
    while (lines.hasLine) {
      const linesMax = sender.linesNow?.() ?? Number.POSITIVE_INFINITY;
      const run = lines.take(Math.min(left, order.freeBytes), Math.floor(linesMax));
      if (run === undefined) return;
      left -= run.length;
      order.append(sender.cursor, run);
      sender.sent?.(run);
      this.#wake(0);
    }
  }

  /** Makes a sender wait with what it still has to send, reading nothing more from it. */
  #hold(sender: Sender): void {
    const why = (sender.linesNow?.() ?? 1) < 1 ? "for leave" : "for room";
    if (sender.waits === why) return;
    if (sender.waits === undefined) sender.pause?.();
    this.#dequeue(sender);
    sender.waits = why;
    if (why === "for leave") this.#paced.add(sender);
    else this.#queue.push(sender);
    this.#wake(0);
  }

  #dequeue(sender: Sender): void {
    if (sender.waits === "for leave") this.#paced.delete(sender);
    if (sender.waits !== "for room") return;
    assert(this.#queue[0] === sender, "those that wait are served in turn");
    this.#queue.shift();
  }
}
