/** Join and leave notices in the log: the right ones at the right place, and not too often. */

import { Seat } from "./seat.ts";
import type { State } from "./state.ts";

const NOTICES_MAX = 10;
const SECOND_MS = 1000;
const BEGINNING = Buffer.from("* ");

export class Presence {
  /** The one who sends them, which waits for its turn as all others do. */
  readonly sender = new Seat("the server", "");
  #here = 0;
  #number = 0;
  /** What happened when no more could be sent one by one. */
  #more: ("joined" | "left")[] = [];
  #sentAtMs: number[] = [];

  constructor(private readonly state: State) {}

  joined(seat: Seat): void {
    this.#here++;
    seat.shownName = seat.ownName ?? `#${++this.#number}`;
    this.#happens("joined", seat);
    this.wait(seat);
  }

  left(seat: Seat): void {
    this.#here--;
    this.#happens("left", seat);
  }

  /** The server stops, and sends only what waits for room. */
  stops(): void {
    if (!this.isWaiting) this.sender.unsent = [];
    this.#more = [];
  }

  /** When it has to be woken to send more, at the latest. */
  get dueAtMs(): number {
    if (this.#more.length === 0 || this.isWaiting) return Number.POSITIVE_INFINITY;
    return this.#nextAtMs;
  }

  /** The room is flushed: what could not be sent one by one is, in sum. */
  flushes(): void {
    const may = !this.isWaiting && this.#mayAtOnce > 0;
    if (may && this.#more.length > 0) {
      const sums = (["joined", "left"] as const).flatMap((what) => {
        const { length } = this.#more.filter((one) => one === what);
        return length > 0 ? [`${length} more ${what}`] : [];
      });
      if (this.#more.length > 1) this.state.saw("sums");
      this.#more = [];
      this.#add(sums.join(", "));
    }
    this.wait();
  }

  /**
   * Takes its place among those who wait once it has something to send.
   *
   * @param newcomer what it has sent together with its pass phrase comes after its joining
   */
  wait(newcomer?: Seat): void {
    const { waiting } = this.state;
    if (this.sender.unsent.length === 0 || this.isWaiting) return;
    const isBefore = newcomer && waiting.includes(newcomer);
    waiting.splice(isBefore ? waiting.indexOf(newcomer) : waiting.length, 0, this.sender);
  }

  /** Whether this is the server's own; in these worlds, nobody else begins a line like that. */
  isNotice(run: Uint8Array): boolean {
    return BEGINNING.equals(run.subarray(0, 2));
  }

  /** A notice comes into the log. */
  sent(): void {
    const { now } = this.state;
    this.sender.demand(now >= this.#nextAtMs, "sends a notice too soon");
    this.#sentAtMs.push(now);
  }

  #happens(what: "joined" | "left", seat: Seat): void {
    const { rules, stopping } = this.state;
    if (!rules.announce || stopping) return;
    if (this.#more.length === 0 && this.#mayAtOnce > 0) this.#add(`${seat.shownName} ${what}`);
    else this.#more.push(what);
  }

  #add(text: string): void {
    this.sender.unsent.push(Buffer.from(`* ${text} (${this.#here} here)\n`));
  }

  /** When one more may be sent: a second after the one that was sent ten before it. */
  get #nextAtMs(): number {
    return (this.#sentAtMs.at(-NOTICES_MAX) ?? -SECOND_MS) + SECOND_MS;
  }

  get isWaiting(): boolean {
    return this.state.waiting.includes(this.sender);
  }

  /** How many more may be sent, those left out that are next. */
  get #mayAtOnce(): number {
    const since = this.state.now - SECOND_MS;
    const sent = this.#sentAtMs.filter((atMs) => atMs > since);
    return NOTICES_MAX - sent.length - this.sender.unsent.length;
  }
}
