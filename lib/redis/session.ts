/**
 * What a server has with the stream: a connection, and after that is lost, another one.
 *
 * A batch is kept until it is read back. After a lost connection it is added again under its number,
 * and the stream takes each number once. Each entry names the one before it: a server that has read
 * another one there is out of sync, disconnects its members, and joins again. And each entry tells
 * how far its server has read: no server sends more than a bounded amount that a living one has not
 * read.
 */

import type { Figure, Part, Reservations } from "../extras/part.ts";
import { UserError } from "../program/system-errors.ts";
import { within } from "../program/timeout.ts";
import type { Room } from "../room/room.ts";
import { StreamOrder, TICK_MS } from "./stream-order.ts";
import type { Entry, Joined, NewEntry, OpenStream, StreamLink, Trouble } from "./stream.ts";
import { GONE } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** The most batches without an answer at a time; under load, the next one grows meanwhile. */
const UNANSWERED_MAX = 4;
/** How long until a connection is tried again. */
const RETRY_MS = 250;
/** How long to wait until the other servers know that this one leaves. */
const LEAVE_MS = 500;
/** What comes back within this time has not come late. */
const RECENT_MS = 3_000;

export interface SessionOptions {
  readonly room: string;
  readonly open: OpenStream;
  /** The most bytes sent here that a server has not read yet: at least those of the longest line. */
  readonly takenBytesMax: number;
  /** Gives a name that no server has had. */
  readonly newName: () => string;
  /** Whether members have names, so that a server which is considered down loses those of its members. */
  readonly names: boolean;
  /** Told what an operator should know. */
  readonly report: (what: string) => void;
}

export class Session implements Part {
  readonly order: StreamOrder;
  /** The names that members of this server ask for, where members of other servers may have them. */
  readonly reservations: Reservations = {
    ask: (key, answer) => this.order.add({ request: `reserve ${key}`, answer }),
    release: (key) => this.order.add({ request: `release ${key}` }),
  };
  readonly #options: SessionOptions;
  /** Until it has joined for the first time. */
  #starting: PromiseWithResolvers<void> | undefined;
  /** None while Redis is away; this server is here once it has joined, or goes on where it was. */
  #link: StreamLink | undefined;
  #isHere = false;
  #unanswered = 0;
  #isReading = false;
  #retryAtMs = 0;
  /** Until something comes back again: since when that does not, and what was reported of it. */
  #away: { readonly sinceMs: number; trouble?: Trouble } | undefined;
  #onLeft: (() => void) | undefined;
  /** Whether all that was sent here is known to have its place. */
  #hasLeft = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.order = new StreamOrder(options.takenBytesMax, (now) => this.#flush(now));
  }

  get note(): string {
    return `sharing the room ${this.#options.room}, as server ${this.order.name}`;
  }

  /** None if it is here, and has shown that it can go on: what is sent gets its place. */
  ailment(): string | undefined {
    return this.#isHere && this.#away === undefined ? undefined : "redis is away";
  }

  figures(): readonly Figure[] {
    const { now, waitingMs, takenBytes, peers } = this.order;
    const lagMs = this.#away ? now - this.#away.sinceMs : waitingMs;
    return [
      ["linechat_stream_up", "Whether Redis is there, 1, or away, 0.", this.ailment() ? 0 : 1],
      ["linechat_stream_servers", "Servers that share the room.", peers.count + 1],
      ["linechat_stream_lag_seconds", "Wait of the oldest line sent here.", lagMs / 1000],
      ["linechat_stream_owed_bytes", "Sent here and not with all servers yet.", takenBytes],
    ];
  }

  /** Begins, for a room; resolves once this server has joined, rejects if it cannot. */
  start(room: Room): Promise<void> {
    this.order.room = room;
    room.wake(0);
    this.#starting = Promise.withResolvers();
    return this.#starting.promise;
  }

  async close(): Promise<void> {
    const left = new Promise<void>((done) => this.leave(done));
    await within(LEAVE_MS, left, String).catch(() => {});
    this.end();
  }

  /** Takes leave of the other servers; `done` is told once they know, or cannot know. Then, `end`. */
  leave(done: () => void): void {
    this.#onLeft = done;
    if (!this.#isHere) return done();
    this.order.add({});
    const entries = this.order.take(NEVER);
    for (const [at, entry] of entries.entries())
      this.#add(at + 1 < entries.length ? entry : { ...entry, read: GONE });
  }

  /** Ends at once; what is not known to have its place by then counts as lost. */
  end(): void {
    this.#disconnect();
    this.#abandon(!this.#hasLeft);
  }

  /** Connects when it is time, adds and reads. */
  #flush(now: number): number {
    if (this.#onLeft) return NEVER;
    if (this.#link === undefined && now >= this.#retryAtMs) this.#connect();
    if (this.#isHere) this.#addAndRead();
    return this.#link === undefined ? this.#retryAtMs : now + TICK_MS;
  }

  #connect(): void {
    const { order } = this;
    const here = (joined?: Joined) => this.#onHere(joined);
    const onOpen = () => {
      if (order.isMember) return here();
      const before = order.name;
      order.name = this.#options.newName();
      this.#link?.join(order.name, before, here);
    };
    this.#link = this.#options.open(onOpen, (trouble, why) => this.#onLost(trouble, why));
  }

  #onHere(joined: Joined | undefined): void {
    const { order } = this;
    this.#isHere = true;
    order.goOn(joined);
    order.room?.wake(0);
    if (joined === undefined) return;
    if (this.#starting) this.#starting.resolve();
    else this.#options.report(`shares the room again, as server ${order.name}`);
    this.#starting = undefined;
  }

  #addAndRead(): void {
    const { order } = this;
    for (const entry of order.take(UNANSWERED_MAX - this.#unanswered)) this.#add(entry);
    if (this.#isReading || order.isHeldUp()) return;
    this.#isReading = true;
    this.#link?.read(order.position, (entries) => this.#onRead(entries));
  }

  #add(entry: NewEntry): void {
    this.#unanswered++;
    this.#link?.add(entry, () => {
      this.#unanswered--;
      this.order.room?.wake(0);
      if (entry.read !== GONE) return;
      this.#hasLeft = true;
      this.#onLeft?.();
    });
  }

  #onRead(entries: readonly Entry[]): void {
    const { order } = this;
    const { waitingMs } = order;
    this.#isReading = false;
    order.room?.wake(0);
    for (const entry of entries) {
      const why = order.receive(entry);
      if (why) return this.#onLost("out of sync", why);
    }
    if (entries.some(({ by }) => by === order.name)) this.#confirm(waitingMs);
  }

  /** Something sent here has come back; if it was sent a moment ago, so has all that was sent before it. */
  #confirm(waitingMs: number): void {
    const { names, report } = this.#options;
    if (this.#away?.trouble) {
      const awayMs = this.order.now - this.#away.sinceMs;
      report(`redis is back after ${(awayMs / 1000).toFixed(1)} s`);
    }
    this.#away = undefined;
    if (waitingMs >= RECENT_MS) return;
    for (const name of this.order.peers.dropSilent()) {
      report(`server ${name} is considered down`);
      if (names) this.order.add({ request: `drop ${name}` });
    }
  }

  /** The connection is of no use any more, and another one is to follow. */
  #onLost(trouble: Trouble, why: string): void {
    const { order } = this;
    const { room, report } = this.#options;
    this.#disconnect();
    this.#retryAtMs = order.now + RETRY_MS;
    this.#away ??= { sinceMs: order.now };
    if (this.#starting)
      this.#starting.reject(new UserError(`cannot share the room ${room}: ${why}`));
    else if (trouble !== this.#away.trouble) report(`${trouble}: ${why}`);
    // No member is to receive what does not follow; those that join next receive what follows that.
    if (trouble === "out of sync") this.#abandon(true);
    else this.#away.trouble = trouble;
    this.#onLeft?.();
    order.room?.wake(0);
  }

  #disconnect(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#isHere = this.#isReading = false;
    this.#unanswered = 0;
  }

  #abandon(haveNoPlace: boolean): void {
    const lines = this.order.abandon(haveNoPlace);
    if (lines > 0) this.#options.report(`lines lost, as they have no place: ${lines}`);
  }
}
