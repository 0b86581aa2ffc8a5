/**
 * Who comes and who goes, as lines in the log: `* alice joined (3 here)`, `* alice left: reset (2
 * here)`. They are said in turn with all others, at most ten in any second: of a storm, the rest
 * is summed up. Nobody hears of its own coming.
 */

import type { Cursor } from "./cursor.ts";
import type { Speaker } from "./line-log.ts";
import type { Room } from "./room.ts";
import type { Talker } from "./turns.ts";

const NOTICES_MAX = 10;
const SECOND_MS = 1000;

interface Notice {
  readonly words: string;
  /** Who does not hear it. */
  readonly about: Speaker;
}

/** Says who comes and goes, as soon as it may. */
export class Announcer implements Talker {
  hold: Talker["hold"];
  readonly isGone = false;
  readonly #room: Room;
  /** When the last ten notices were said, the latest last. */
  #saidAtMs: number[] = [];
  /** What is to be said, one by one; then how many more there are, and the last of them. */
  #notices: Notice[] = [];
  readonly #more = { joined: 0, left: 0 };
  #last: Notice | undefined;
  /** Of sums, and of those who have gone. */
  readonly #nobody: Speaker = { lastRun: -1 };
  #about = this.#nobody;

  constructor(room: Room) {
    this.#room = room;
  }

  /**
   * Told at once, before what it says itself.
   *
   * @param name what the others know it by
   */
  joined(cursor: Cursor, name: string): void {
    cursor.announcedAs = name;
    this.#add("joined", { words: `${name} joined`, about: cursor });
    if (this.hold === undefined) this.#room.hear(this);
  }

  /** It is heard no more. Told at the end of the turn; of one that has no name yet, nothing is. */
  left({ announcedAs: name }: Cursor, reason: string): void {
    if (name === undefined) return;
    this.#add("left", { words: `${name} left: ${reason}`, about: this.#nobody });
  }

  /** When there is something to say, by its rate. */
  get dueAtMs(): number {
    if (this.hold !== undefined || this.#next === undefined) return Number.POSITIVE_INFINITY;
    return this.#mayAtOnce > 0 ? 0 : (this.#saidAtMs[0] ?? 0) + SECOND_MS;
  }

  /** Itself, if there is. */
  over(now: number): readonly this[] {
    return now >= this.dueAtMs ? [this] : [];
  }

  late(): void {
    this.#room.hear(this);
  }

  /** What is not said yet will not be. */
  stop(): void {
    if (this.hold !== undefined) return;
    this.#notices = [];
    this.#last = undefined;
  }

  // As a talker, it is asked for its lines when there is room for them.

  get cursor(): Speaker {
    return this.#about;
  }

  get lines(): Talker["lines"] {
    return this;
  }

  get hasLine(): boolean {
    return this.#next !== undefined && this.#mayAtOnce > 0;
  }

  take(bytesMax: number): Uint8Array | undefined {
    const next = this.#next;
    if (next === undefined || this.#mayAtOnce === 0) return undefined;
    // How many are at the other servers, this one does not know.
    const { size, owed, sharing } = this.#room;
    const here = sharing ? "" : ` (${(size - owed.size).toLocaleString("en")} here)`;
    const line = new TextEncoder().encode(`* ${next.words}${here}\n`);
    const isTooLong = line.length > this.#room.saidBytesMax;
    if (line.length > bytesMax && !isTooLong) return undefined;
    if (this.#notices.shift() === undefined) this.#last = undefined;
    if (isTooLong) return this.take(bytesMax);
    this.#about = next.about;
    this.#saidAtMs = [...this.#saidAtMs.slice(1 - NOTICES_MAX), this.#room.settings.now()];
    return line;
  }

  pause(): void {}
  resume(): void {}
  said(): void {}
  saidAll(): void {}

  #add(what: "joined" | "left", notice: Notice): void {
    if (this.#room.stopping) return;
    if (this.#last === undefined && this.#notices.length < this.#mayAtOnce) {
      this.#notices.push(notice);
    } else {
      if (this.#last === undefined) this.#more.joined = this.#more.left = 0;
      this.#more[what]++;
      this.#last = notice;
    }
    this.#room.settings.wake(0);
  }

  get #next(): Notice | undefined {
    return this.#notices[0] ?? (this.#last && this.#sum(this.#last));
  }

  /** One is told as it is; of more, how many they are. */
  #sum(last: Notice): Notice {
    const { joined, left } = this.#more;
    if (joined + left === 1) return last;
    const more = (count: number) => `${count.toLocaleString("en")} more`;
    const words = [joined > 0 && `${more(joined)} joined`, left > 0 && `${more(left)} left`];
    return { words: words.filter(Boolean).join(", "), about: this.#nobody };
  }

  /** How many may be said now. */
  get #mayAtOnce(): number {
    const since = this.#room.settings.now() - SECOND_MS;
    return NOTICES_MAX - this.#saidAtMs.filter((atMs) => atMs > since).length;
  }
}
