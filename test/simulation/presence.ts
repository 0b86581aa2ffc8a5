/** Join and leave notices in the log: the right ones at the right place, and not too often. */

import type { Receiving } from "./receiving.ts";
import { Seat } from "./seat.ts";
import { show, type State, Violation } from "./state.ts";

const NOTICES_MAX = 10;
const SECOND_MS = 1000;
const STAR = 0x2a;
const SPACE = 0x20;

interface Event {
  readonly what: "joined" | "left";
  readonly text: string;
}

export class Presence {
  /** The one who sends it, which waits for its turn as all others do. */
  readonly sender = new Seat("the server", "");
  readonly #state: State;
  readonly #receiving: Receiving;
  #events: Event[] = [];
  /** Those that came when no more could be sent one by one. */
  #more: Event[] = [];
  #sentAtMs: number[] = [];

  constructor(state: State, receiving: Receiving) {
    this.#state = state;
    this.#receiving = receiving;
  }

  joined(seat: Seat): void {
    this.#happens("joined", seat);
    this.wait(seat);
  }

  left(seat: Seat): void {
    this.#happens("left", seat);
  }

  /** The server stops, and sends only what waits for room. */
  stops(): void {
    if (this.#state.waiting.includes(this.sender)) return;
    this.#events = [];
    this.#more = [];
  }

  /** Whether it has something to send now. */
  get isWaiting(): boolean {
    return this.#next !== undefined && this.#mayAtOnce > 0;
  }

  /** When it has to be woken to send more, at the latest. */
  get dueAtMs(): number {
    if (this.#next === undefined || this.isWaiting) return Number.POSITIVE_INFINITY;
    return (this.#sentAtMs.at(-NOTICES_MAX) ?? -SECOND_MS) + SECOND_MS;
  }

  /**
   * Takes its place among those who wait once it has something to send.
   *
   * @param newcomer what it has sent together with its pass phrase comes after its joining
   */
  wait(newcomer?: Seat): void {
    const next = this.#next;
    this.sender.unsent = next ? [this.#lineOf(next)] : [];
    const { waiting } = this.#state;
    if (!this.isWaiting || waiting.includes(this.sender)) return;
    const isBefore = newcomer && waiting.includes(newcomer);
    waiting.splice(isBefore ? waiting.indexOf(newcomer) : waiting.length, 0, this.sender);
  }

  /** Whether this is the server's own; in these worlds, nobody else begins a line like that. */
  isNotice(run: Uint8Array): boolean {
    return run[0] === STAR && run[1] === SPACE;
  }

  /** A notice is in the log. */
  sent(line: Uint8Array): void {
    const next = this.#next;
    const expected = next && this.#lineOf(next);
    if (!next || !expected || Buffer.compare(line, expected) !== 0)
      throw new Violation(`announced ${show(line)} instead of ${show(expected)}`);
    if (this.#mayAtOnce <= 0) throw new Violation(`announced ${show(line)} too soon`);
    const state = this.#state;
    this.#sentAtMs.push(state.now);
    state.seen.notices++;
    if (this.#events.shift() === undefined) {
      if (this.#more.length > 1) state.seen.sums++;
      this.#more = [];
    }
    this.#receiving.append(this.sender, expected, true);
    if (!this.isWaiting) state.waiting = state.waiting.filter((seat) => seat !== this.sender);
    this.wait();
  }

  #happens(what: Event["what"], seat: Seat): void {
    const { rules, stopping } = this.#state;
    if (!rules.announce || stopping) return;
    const isOne = this.#more.length === 0 && this.#events.length < this.#mayAtOnce;
    (isOne ? this.#events : this.#more).push({ what, text: `${nameOf(seat)} ${what}` });
  }

  get #next(): Event | undefined {
    const [first] = this.#events;
    if (first || this.#more.length === 0) return first;
    const count = (what: "joined" | "left") => {
      const { length } = this.#more.filter((event) => event.what === what);
      return length > 0 ? [`${length} more ${what}`] : [];
    };
    const text = [...count("joined"), ...count("left")].join(", ");
    return { what: "joined", text };
  }

  #lineOf({ text }: Event): Uint8Array {
    return Buffer.from(`* ${text} (${this.#state.staying} here)\n`);
  }

  get #mayAtOnce(): number {
    const since = this.#state.now - SECOND_MS;
    return NOTICES_MAX - this.#sentAtMs.filter((atMs) => atMs > since).length;
  }
}

/** As the others know it. */
function nameOf({ name, ownName }: Seat): string {
  return ownName ?? name;
}
