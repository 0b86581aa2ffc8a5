/**
 * `--announce`: join and leave notices, as lines in the log: `* alice joined (3 here)`, `* alice left
 * (2 here)`. They take their turn with all others, at most ten in any second: of a storm, the rest
 * is summed up.
 */

import { serverMessage } from "../program/server-messages.ts";
import type { Extra } from "../room/extra.ts";
import type { Sender } from "../room/fair-queue.ts";
import type { Author } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import type { Context, Part } from "./part.ts";

const NOTICES_MAX = 10;
const SECOND_MS = 1000;
const NEVER = Number.POSITIVE_INFINITY;
const NO_MORE = { joined: 0, left: 0 };

export function presence({ parts }: Context): Part {
  // How many are at the other servers of a shared room, this one does not know.
  const isCounted = parts.every(({ order }) => order === undefined);
  return { extra: (room) => new Presence(room, isCounted) };
}

class Presence implements Extra, Sender {
  readonly cursor: Author = { lastRun: -1, isPassing: true };
  readonly lines = this;
  isWaiting = false;
  readonly #room: Room;
  readonly #isCounted: boolean;
  /** When the last ten notices were sent, the latest last. */
  #sentAtMs: number[] = [];
  /** What is to be sent, one by one; then how many more there are. */
  #notices: string[] = [];
  #more = NO_MORE;

  constructor(room: Room, isCounted: boolean) {
    this.#room = room;
    this.#isCounted = isCounted;
  }

  joined({ name }: { name: string }): void {
    this.#add("joined", name);
    // At once, before what it sends itself.
    if (!this.isWaiting) this.#room.send(this);
  }

  left({ name }: { name: string }): void {
    this.#add("left", name);
  }

  flush(now: number): number {
    if (this.isWaiting) return NEVER;
    if (this.next) this.#room.send(this);
    return this.#notice === "" ? NEVER : (this.#sentAtMs[0] ?? now) + SECOND_MS;
  }

  stopped(): void {
    if (this.isWaiting) return;
    this.#notices = [];
    this.#more = NO_MORE;
  }

  /** The next notice, if it may be sent now. */
  get next(): Uint8Array | undefined {
    if (this.#notice === "" || this.#mayAtOnce === 0) return undefined;
    const here = this.#isCounted ? ` (${this.#room.size.toLocaleString("en")} here)` : "";
    const line = new TextEncoder().encode(serverMessage(this.#notice + here));
    if (line.length <= this.#room.loggedBytesMax) return line;
    this.#shift();
    return this.next;
  }

  take(bytesMax: number): Uint8Array | undefined {
    const line = this.next;
    if (line === undefined || line.length > bytesMax) return undefined;
    this.#shift();
    this.#sentAtMs = [...this.#sentAtMs.slice(1 - NOTICES_MAX), this.#room.now()];
    return line;
  }

  sentAll(): void {}

  #add(what: "joined" | "left", name: string): void {
    if (this.#room.isStopping) return;
    if (this.#more === NO_MORE && this.#notices.length < this.#mayAtOnce)
      this.#notices.push(`${name} ${what}`);
    else this.#more = { ...this.#more, [what]: this.#more[what] + 1 };
    this.#room.wake(0);
  }

  #shift(): void {
    if (this.#notices.shift() === undefined) this.#more = NO_MORE;
  }

  /** The next one, or the sum of what could not be told one by one; empty if there is none. */
  get #notice(): string {
    const more = (["joined", "left"] as const).filter((what) => this.#more[what] > 0);
    const sum = more.map((what) => `${this.#more[what].toLocaleString("en")} more ${what}`);
    return this.#notices[0] ?? sum.join(", ");
  }

  /** How many may be sent now. */
  get #mayAtOnce(): number {
    const now = this.#room.now();
    return NOTICES_MAX - this.#sentAtMs.filter((atMs) => atMs > now - SECOND_MS).length;
  }
}
