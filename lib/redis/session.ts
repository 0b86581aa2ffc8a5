/**
 * What a server has with the stream: a connection, and after that is lost, another one.
 *
 * A batch is kept until it is read back. After a lost connection it is added again under its number,
 * and the stream takes each number once. Each entry names the one before it: a server that has read
 * another one there is out of sync, disconnects its members, and joins again. And each entry tells
 * how far its server has read: no server sends more than a bounded amount that a living one has not
 * read.
 */

import type { Figure, Reservations } from "../extras/part.ts";
import type { Room } from "../room/room.ts";
import { type Batch, StreamOrder } from "./stream-order.ts";
import type { Entry, Joined, OpenStream, StreamLink } from "./stream.ts";
import { Forgotten, GONE, Refused } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** The most batches without an answer at a time; under load, the next one grows meanwhile. */
const UNANSWERED_MAX = 4;
/** How long until a connection is tried again: longer each time, until it works. */
const BACKOFF_MS = { first: 50, max: 1_000 };
/** An answer that is so late is given up. */
const LATE_MS = 5_000;
/** How often something is added at the least; a reading may take so long, as there may be nothing. */
const TICK_MS = 1_000;
/** What comes back within this time has not come late. */
const RECENT_MS = 3_000;
/** The others are told of each such part of what may be sent before all have read it. */
const TELLS = 8;

export interface SessionOptions {
  readonly open: OpenStream;
  /** The most bytes sent here that a server has not read yet: at least those of the longest line. */
  readonly takenBytesMax: number;
  /** A batch takes no more once it has so many bytes; 64 KiB by default. */
  readonly batchBytes?: number;
  /** Gives a name that no server has had. */
  readonly newName: () => string;
  /** Whether members have names, so that a server which is considered down loses those of its members. */
  readonly names: boolean;
  /** Told what an operator should know. */
  readonly report: (what: string) => void;
}

export class Session {
  readonly order: StreamOrder;
  /** The names that members of this server ask for, where members of other servers may have them. */
  readonly reservations: Reservations = {
    ask: (key, answer) => this.order.add({ request: `reserve ${key}`, answer }),
    release: (key) => this.order.add({ request: `release ${key}` }),
  };
  /** What this server is called; it joins under a new name each time. */
  name = "";
  readonly #options: SessionOptions;
  readonly #started = Promise.withResolvers<void>();
  #hasStarted = false;
  /** None while Redis is away; this server is here once it has joined, or goes on where it was. */
  #link: StreamLink | undefined;
  #isHere = false;
  /** How many answers are due, and since when the next one is; and since when it reads, if it does. */
  #due = 0;
  #dueSinceMs = 0;
  #readSinceMs: number | undefined;
  #toldAtMs = -NEVER;
  #awaySinceMs: number | undefined;
  /** What was reported of that. */
  #trouble = "";
  #backoffMs = BACKOFF_MS.first;
  #retryAtMs = 0;
  #onClosed: (() => void) | undefined;
  #hasEnded = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { takenBytesMax, batchBytes = 64 << 10 } = options;
    this.order = new StreamOrder(takenBytesMax, batchBytes, (now) => this.#flush(now));
  }

  /** Whether it is here, and has shown that it can go on: what is sent gets its place. */
  get isUp(): boolean {
    return this.#isHere && this.#awaySinceMs === undefined;
  }

  /** What there is to measure. */
  figures(): readonly Figure[] {
    const { waitingMs, takenBytes, peers } = this.order;
    return [
      ["linechat_stream_up", "Whether Redis is there, 1, or away, 0.", this.isUp ? 1 : 0],
      ["linechat_stream_servers", "Servers that share the room.", peers.count + 1],
      ["linechat_stream_lag_seconds", "Wait of the oldest line sent here.", waitingMs / 1000],
      ["linechat_stream_owed_bytes", "Sent here and not with all servers yet.", takenBytes],
    ];
  }

  /** Begins, for a room; resolves once this server has joined, rejects if it cannot. */
  start(room: Room): Promise<void> {
    this.order.room = room;
    room.wake(0);
    return this.#started.promise;
  }

  /** Takes leave of the other servers; `done` is told once they know, or cannot know. */
  close(done: () => void): void {
    this.#onClosed = done;
    if (!this.#isHere) return this.end();
    const last = this.order.begin();
    for (const batch of this.order.take(NEVER)) this.#send(batch, batch === last);
  }

  /** Ends at once; what is not known to have its place by then counts as lost. */
  end(haveNoPlace = true): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#disconnect();
    this.#abandon(haveNoPlace);
    this.#onClosed?.();
  }

  /** Gives up what is late, connects when it is time, adds and reads. */
  #flush(now: number): number {
    if (this.#hasEnded || this.#onClosed) return NEVER;
    const isAnswerLate = this.#due > 0 && now - this.#dueSinceMs >= LATE_MS;
    const isReadLate = now - (this.#readSinceMs ?? now) >= LATE_MS + TICK_MS;
    if (isAnswerLate || isReadLate) this.#onLost(new Error("no answer for 5 s"));
    if (this.#link === undefined && now >= this.#retryAtMs) this.#connect();
    if (this.#isHere) this.#sendAndRead(now);
    return this.#link === undefined ? this.#retryAtMs : now + TICK_MS;
  }

  #connect(): void {
    const here = this.#expect((joined?: Joined) => this.#onHere(joined));
    const onOpen = () => {
      if (this.order.isMember) return here();
      const before = this.name;
      this.name = this.#options.newName();
      this.#link?.join(this.name, before, here);
    };
    this.#link = this.#options.open(onOpen, (error) => this.#onLost(error));
  }

  #onHere(joined: Joined | undefined): void {
    this.#isHere = true;
    this.#toldAtMs = -NEVER;
    this.order.room?.wake(0);
    if (joined === undefined) return this.order.sendAgain();
    this.order.joined(joined);
    if (this.#hasStarted) this.#options.report(`shares the room again, as server ${this.name}`);
    this.#hasStarted = true;
    this.#started.resolve();
  }

  #sendAndRead(now: number): void {
    const { order } = this;
    const isMuch = order.untoldBytes >= order.takenBytesMax / TELLS;
    const isDue = isMuch || now - this.#toldAtMs >= TICK_MS;
    if (isDue && !order.hasUnsent) order.begin();
    for (const batch of order.take(UNANSWERED_MAX - this.#due)) this.#send(batch);
    if (this.#readSinceMs !== undefined || order.isHeldUp()) return;
    this.#readSinceMs = now;
    this.#link?.read(order.position, (entries) => this.#onEntries(entries));
  }

  #send(batch: Batch, isLast = false): void {
    const { peers, read } = this.order;
    this.order.untoldBytes = 0;
    this.#toldAtMs = this.order.now;
    const { number, pieces, isPassing } = batch;
    const lines = Buffer.concat(pieces.map(({ run }) => run)).toString("latin1");
    const requests = pieces.flatMap(({ request }) => request ?? []);
    const by = { by: this.name, number, read: isLast ? GONE : read, tail: peers.tail(read) };
    const onAdded = this.#expect(() => {
      if (isLast) this.end(false);
      else this.order.room?.wake(0);
    });
    this.#link?.add({ ...by, lines, isPassing, requests }, onAdded);
  }

  #onEntries(entries: readonly Entry[]): void {
    this.#readSinceMs = undefined;
    const { waitingMs } = this.order;
    for (const entry of entries) {
      const why = this.order.receive(entry, entry.by === this.name);
      if (why) return this.#restart(why);
    }
    if (entries.some(({ by }) => by === this.name)) this.#confirm(waitingMs);
    this.order.room?.wake(0);
  }

  /** Something sent here has come back; if it was sent a moment ago, so has all that was sent before it. */
  #confirm(waitingMs: number): void {
    const awayMs = this.order.now - (this.#awaySinceMs ?? this.order.now);
    if (this.#trouble) this.#options.report(`redis is back after ${(awayMs / 1000).toFixed(1)} s`);
    this.#trouble = "";
    this.#awaySinceMs = undefined;
    this.#backoffMs = BACKOFF_MS.first;
    if (waitingMs >= RECENT_MS) return;
    for (const name of this.order.peers.dropSilent()) {
      this.#options.report(`server ${name} is considered down`);
      if (this.#options.names) this.order.add({ request: `drop ${name}` });
    }
  }

  #onLost(error: Error): void {
    if (error instanceof Forgotten) return this.#restart(error.message);
    this.#started.reject(error);
    const trouble = error instanceof Refused ? "cannot share the room" : "redis is away";
    if (this.#hasStarted && trouble !== this.#trouble) {
      this.#trouble = trouble;
      this.#options.report(`${trouble}: ${error.message}`);
    }
    this.#reconnect();
  }

  /** No member is to receive what does not follow; those that join next receive what follows that. */
  #restart(why: string): void {
    this.#options.report(`out of sync: ${why}`);
    this.#abandon(true);
    this.#reconnect();
  }

  /** The connection is of no use any more, and another one is to follow. */
  #reconnect(): void {
    this.#disconnect();
    this.#awaySinceMs ??= this.order.now;
    this.#retryAtMs = this.order.now + this.#backoffMs;
    this.#backoffMs = Math.min(2 * this.#backoffMs, BACKOFF_MS.max);
    if (this.#onClosed) this.end();
    this.order.room?.wake(0);
  }

  #disconnect(): void {
    this.#link?.close();
    this.#link = this.#readSinceMs = undefined;
    this.#isHere = false;
    this.#due = 0;
  }

  #abandon(haveNoPlace: boolean): void {
    const lines = this.order.abandon(haveNoPlace);
    if (lines > 0) this.#options.report(`lines lost, as they have no place: ${lines}`);
  }

  /** Expects an answer in time: the same function, noting that it came. */
  #expect<Answer extends unknown[]>(done: (...answer: Answer) => void) {
    if (this.#due++ === 0) this.#dueSinceMs = this.order.now;
    return (...answer: Answer) => {
      this.#due--;
      this.#dueSinceMs = this.order.now;
      done(...answer);
    };
  }
}
