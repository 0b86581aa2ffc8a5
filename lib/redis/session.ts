/**
 * The connection to the stream, as long as it lasts, and then another one:
 *
 * | it is   | its connection                                   | next                   |
 * | ------- | ------------------------------------------------ | ---------------------- |
 * | away    | none                                             | joining, after a while |
 * | joining | opens; the server joins, or goes on where it was | here, or away          |
 * | here    | adds and reads                                   | away                   |
 */

import type { Entry, Joined, NewEntry, OpenStream, StreamLink } from "./stream.ts";

/** How long until a connection is tried again: longer each time, until it works. */
const BACKOFF_MS = { first: 50, max: 1_000 };
/** An answer that is so late is given up. */
const LATE_MS = 5_000;
/** A longer time between two looks at the clock counts as no more: this server has slept. */
export const TICK_MS = 1_000;

export interface SessionOptions {
  readonly open: OpenStream;
  /** Gives a name that no server has had. */
  readonly newName: () => string;
  /** There is a connection: the server has joined with it, or goes on where it was. */
  readonly onHere: (joined?: Joined) => void;
  readonly onLost: (error: Error) => void;
}

export class Session {
  /** What this server is called; it joins under a new name each time. */
  name = "";
  /** Whether it has joined, and is to go on where it was. */
  isMember = false;
  /** A clock that stands still while this server sleeps: nobody kept it waiting then. */
  clockMs = 0;
  isReading = false;
  /** How many answers are due, and since when on its clock the next one is, or a reading is. */
  due = 0;
  #dueSinceMs = 0;
  #readSinceMs = 0;
  isHere = false;
  readonly #options: SessionOptions;
  #link: StreamLink | undefined;
  #lookedAtMs: number | undefined;
  #awaySinceMs: number | undefined;
  #backoffMs = BACKOFF_MS.first;
  #retryAtMs = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Whether it is here, and has shown that it can go on. */
  get isUp(): boolean {
    return this.isHere && this.#awaySinceMs === undefined;
  }

  /** Gives up what is late, and connects when it is time; returns when it is to be called again. */
  flush(now: number): number {
    this.clockMs += Math.min(TICK_MS, now - (this.#lookedAtMs ?? now));
    this.#lookedAtMs = now;
    const isAnswerLate = this.due > 0 && this.clockMs - this.#dueSinceMs >= LATE_MS;
    // A reading may take a second: there may be nothing.
    const isReadLate = this.isReading && this.clockMs - this.#readSinceMs >= LATE_MS + TICK_MS;
    if (isAnswerLate || isReadLate) this.#options.onLost(new Error("no answer for 5 s"));
    if (this.#link === undefined && now >= this.#retryAtMs) this.#connect();
    return this.#link === undefined ? this.#retryAtMs : now + TICK_MS;
  }

  add(entry: NewEntry, done: (id: string) => void): void {
    this.#link?.add(entry, this.#expect(done));
  }

  read(after: string, done: (entries: readonly Entry[]) => void): void {
    this.isReading = true;
    this.#readSinceMs = this.clockMs;
    this.#link?.read(after, (entries) => {
      this.isReading = false;
      done(entries);
    });
  }

  /** The connection was lost, again or still; returns whether it was there before. */
  lose(now: number): boolean {
    this.reconnect(now);
    const isNew = this.#awaySinceMs === undefined;
    this.#awaySinceMs ??= now;
    return isNew;
  }

  /** The connection is of no use, and another one is to follow. */
  reconnect(now: number): void {
    this.close();
    this.#retryAtMs = now + this.#backoffMs;
    this.#backoffMs = Math.min(2 * this.#backoffMs, BACKOFF_MS.max);
  }

  /** The connection works; returns after how long, in ms, if it was away. */
  confirm(now: number): number | undefined {
    const sinceMs = this.#awaySinceMs;
    this.#awaySinceMs = undefined;
    this.#backoffMs = BACKOFF_MS.first;
    return sinceMs === undefined ? undefined : now - sinceMs;
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
    this.isHere = this.isReading = false;
    this.due = 0;
  }

  #connect(): void {
    const here = this.#expect((joined?: Joined) => {
      this.isHere = this.isMember = true;
      this.#options.onHere(joined);
    });
    const onOpen = () => {
      if (this.isMember) return here();
      const before = this.name;
      this.name = this.#options.newName();
      this.#link?.join(this.name, before, here);
    };
    this.#link = this.#options.open(onOpen, this.#options.onLost);
  }

  /** Expects an answer in time: the same function, noting that it came. */
  #expect<Answer extends unknown[]>(done: (...answer: Answer) => void) {
    if (this.due++ === 0) this.#dueSinceMs = this.clockMs;
    return (...answer: Answer) => {
      this.due--;
      this.#dueSinceMs = this.clockMs;
      done(...answer);
    };
  }
}
