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
  /** What is to be sent, one by one; then how many more there are, and the last of them. */
  #notices: string[] = [];
  readonly #more = { joined: 0, left: 0 };
  #last: string | undefined;

  constructor(room: Room, isCounted: boolean) {
    this.#room = room;
    this.#isCounted = isCounted;
  }

  joined({ name }: { name: string }): void {
    this.#add("joined", `${name} joined`);
    // At once, before what it sends itself.
    if (!this.isWaiting) this.#room.send(this);
  }

  left({ name }: { name: string }): void {
    this.#add("left", `${name} left`);
  }

  flush(now: number): number {
    if (this.isWaiting) return NEVER;
    if (this.next) this.#room.send(this);
    return this.#next === undefined ? NEVER : (this.#sentAtMs[0] ?? now) + SECOND_MS;
  }

  stopped(): void {
    if (this.isWaiting) return;
    this.#notices = [];
    this.#last = undefined;
  }

  /** The next notice, if it may be sent now. */
  get next(): Uint8Array | undefined {
    if (this.#next === undefined || this.#mayAtOnce === 0) return undefined;
    const here = this.#isCounted ? ` (${this.#room.size.toLocaleString("en")} here)` : "";
    const line = new TextEncoder().encode(serverMessage(this.#next + here));
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

  #add(what: "joined" | "left", notice: string): void {
    if (this.#room.isStopping) return;
    if (this.#last === undefined && this.#notices.length < this.#mayAtOnce) {
      this.#notices.push(notice);
    } else {
      if (this.#last === undefined) this.#more.joined = this.#more.left = 0;
      this.#more[what]++;
      this.#last = notice;
    }
    this.#room.wake(0);
  }

  #shift(): void {
    if (this.#notices.shift() === undefined) this.#last = undefined;
  }

  get #next(): string | undefined {
    return this.#notices[0] ?? (this.#last && this.#sum(this.#last));
  }

  /** One is told as it is; of more, how many they are. */
  #sum(last: string): string {
    const { joined, left } = this.#more;
    if (joined + left === 1) return last;
    const more = (count: number, what: string) =>
      count > 0 ? [`${count.toLocaleString("en")} more ${what}`] : [];
    return [...more(joined, "joined"), ...more(left, "left")].join(", ");
  }

  /** How many may be sent now. */
  get #mayAtOnce(): number {
    const now = this.#room.now();
    return NOTICES_MAX - this.#sentAtMs.filter((atMs) => atMs > now - SECOND_MS).length;
  }
}
