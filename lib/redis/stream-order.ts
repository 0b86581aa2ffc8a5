/**
 * The order of a room of several servers: that of a stream which they share. What is sent here is
 * added to it in batches, and gets into the log by being read back, as what is sent elsewhere does.
 *
 * A batch is kept until it is read back. After a lost connection it is added again under its number,
 * and the stream takes each number once. Each entry names the one before it: a server that has read
 * another one there is out of sync, disconnects its members, and joins again. And each entry tells
 * how far its server has read: no server sends more than a bounded amount that a living one has not
 * read.
 */

import type { Figure, Reservations } from "../extras/part.ts";
import { countLines } from "../program/lines.ts";
import { NOT_IN_ROOM, OUT_OF_SYNC } from "../program/server-messages.ts";
import type { Author, Order } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import { type Batch, Batches, type BatchesOptions, EMPTY } from "./batches.ts";
import { Receiving } from "./receiving.ts";
import { Session, type SessionOptions, TICK_MS } from "./session.ts";
import { type Entry, Forgotten, GONE, type Joined, Refused } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** The most batches without an answer at a time; under load, the next one grows meanwhile. */
const UNANSWERED_MAX = 4;
/** While so many pieces wait for their place, no client is to join that would leave one more. */
const LEAVES_MAX = 48 << 10;
/** What comes back within this time has not come late. */
const RECENT_MS = 3_000;
/** The others are told of each such part of what may be sent before all have read it. */
const TELLS = 8;

/** What it needs of its room. */
export type OrderedRoom = Pick<Room, "log" | "now" | "wake" | "restart">;

export interface StreamOrderOptions
  extends BatchesOptions, Omit<SessionOptions, "onHere" | "onLost"> {
  /** Whether members have names, so that a server which is considered down loses those of its members. */
  readonly names: boolean;
  /** Told what an operator should know. */
  readonly report: (what: string) => void;
}

export class StreamOrder implements Order {
  /** The names that members of this server ask for, where members of other servers may have them. */
  readonly reservations: Reservations = {
    ask: (key, answer) => this.#request(`reserve ${key}`, answer),
    release: (key) => this.#request(`release ${key}`),
  };
  readonly #options: StreamOrderOptions;
  readonly #batches: Batches;
  readonly #receiving: Receiving;
  readonly #session: Session;
  readonly #started = Promise.withResolvers<void>();
  #hasStarted = false;
  #isRefused = false;
  #room: OrderedRoom | undefined;
  #toldAtMs = -NEVER;
  /** The number of the last batch that is known to be in the stream. */
  #addedNumber = 0;
  /** The last batch of all, and what is told then. */
  #last: Batch | undefined;
  #onClosed: (() => void) | undefined;
  #hasEnded = false;

  constructor(options: StreamOrderOptions) {
    this.#options = options;
    this.#batches = new Batches(options, () => this.#now);
    this.#receiving = new Receiving(this.#batches);
    this.#session = new Session({
      ...options,
      onHere: (joined) => this.#onHere(joined),
      onLost: (error) => this.#onLost(error),
    });
  }

  /** The name of this server among those that share the room. */
  get name(): string {
    return this.#session.name;
  }

  /** The log does not have what is sent everywhere, or too much waits for its place already. */
  get refusal(): string | undefined {
    const mayJoin = this.#session.isMember && this.#batches.pieces < LEAVES_MAX;
    return mayJoin ? undefined : NOT_IN_ROOM;
  }

  get head(): number {
    return this.#batches.head;
  }

  get freeBytes(): number {
    return this.#batches.freeBytes;
  }

  get isSettled(): boolean {
    return this.#batches.pieces === 0;
  }

  /** Whether Redis is there: what is sent gets its place. */
  get isUp(): boolean {
    return this.#session.isUp;
  }

  /** What there is to measure. */
  figures(): readonly Figure[] {
    const { waitingMs, takenBytes } = this.#batches;
    return [
      gauge("up", "Whether Redis is there, 1, or away, 0.", this.isUp ? 1 : 0),
      gauge("servers", "Servers that share the room.", this.#receiving.peers.count + 1),
      gauge("lag_seconds", "How long the oldest line sent here has waited.", waitingMs / 1000),
      gauge("owed_bytes", "What was sent here and is not with all servers yet.", takenBytes),
    ];
  }

  /** Begins, for a room; resolves once this server has joined, rejects if it cannot. */
  start(room: OrderedRoom): Promise<void> {
    this.#room = room;
    room.wake(0);
    return this.#started.promise;
  }

  append(author: Author, run: Uint8Array): void {
    this.#batches.append(author, run);
  }

  after(done: () => void): void {
    // After a restart there is nothing to wait for.
    if (!this.#session.isMember && this.#batches.pieces === 0) return done();
    this.#batches.add({ ...EMPTY, done });
    this.#room?.wake(0);
  }

  moveToLog(): void {
    if (this.#room === undefined) return;
    const { log } = this.#room;
    const { head } = log;
    this.#receiving.moveTo(log);
    if (log.head !== head) this.#room?.wake(0);
  }

  isHeldUp(): boolean {
    return this.#receiving.isHeldUp;
  }

  flush(now: number): number {
    if (this.#hasEnded || this.#onClosed) return NEVER;
    const dueAtMs = this.#session.flush(now);
    if (this.#session.isHere) this.#addAndRead();
    return dueAtMs;
  }

  /** Takes leave of the other servers; `done` is told once they know, or cannot know. */
  close(done: () => void): void {
    this.#onClosed = done;
    if (!this.#session.isHere) return this.end();
    this.#last = this.#batches.addEmpty();
    for (const batch of this.#batches.take(NEVER)) this.#add(batch);
  }

  /** Ends at once; what has no place by then is lost. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#session.close();
    this.#abandon(this.#addedNumber);
    this.#onClosed?.();
  }

  #onHere(joined: Joined | undefined): void {
    this.#toldAtMs = -NEVER;
    this.#room?.wake(0);
    if (joined === undefined) return this.#batches.sendAgain();
    this.#receiving.begin(joined);
    this.moveToLog();
    if (this.#hasStarted) this.#options.report(`shares the room again, as server ${this.name}`);
    this.#hasStarted = true;
    this.#started.resolve();
  }

  #addAndRead(): void {
    const isMuch = this.#receiving.untoldBytes >= this.#batches.takenBytesMax / TELLS;
    const isDue = isMuch || this.#session.clockMs - this.#toldAtMs >= TICK_MS;
    if (isDue && !this.#batches.hasUnsent) this.#batches.addEmpty();
    for (const batch of this.#batches.take(UNANSWERED_MAX - this.#session.due)) this.#add(batch);
    if (this.#session.isReading || this.isHeldUp()) return;
    this.#session.read(this.#receiving.position, (entries) => this.#onEntries(entries));
  }

  #add(batch: Batch): void {
    this.#receiving.untoldBytes = 0;
    this.#toldAtMs = this.#session.clockMs;
    const { number, pieces, isPassing } = batch;
    const { tail, read } = this.#receiving;
    const lines = Buffer.concat(pieces.map(({ run }) => run)).toString("latin1");
    const requests = pieces.flatMap(({ request }) => request ?? []);
    const by = { by: this.name, number, read: batch === this.#last ? GONE : read, tail };
    this.#session.add({ ...by, lines, isPassing, requests }, () => {
      this.#addedNumber = Math.max(this.#addedNumber, number);
      if (batch === this.#last) this.end();
      else this.#room?.wake(0);
    });
  }

  /** Has something done in the stream, in its turn. */
  #request(request: string, answer?: (granted: boolean) => void): void {
    this.#batches.add({ ...EMPTY, request, answer });
    this.#room?.wake(0);
  }

  #onEntries(entries: readonly Entry[]): void {
    const { waitingMs } = this.#batches;
    for (const entry of entries) {
      const why = this.#receiving.receive(entry, entry.by === this.name);
      if (why) return this.#restart(why);
    }
    if (entries.some(({ by }) => by === this.name)) this.#confirm(waitingMs);
    this.#receiving.forgetWhatAllHave();
    this.moveToLog();
    this.#room?.wake(0);
  }

  /** Something sent here has come back; if it was sent a moment ago, so has all that was sent before it. */
  #confirm(waitingMs: number): void {
    const awayMs = this.#session.confirm(this.#now);
    if (awayMs) this.#options.report(`redis is back after ${(awayMs / 1000).toFixed(1)} s`);
    if (waitingMs >= RECENT_MS) return;
    for (const name of this.#receiving.peers.dropSilent()) {
      this.#options.report(`server ${name} is considered down`);
      if (this.#options.names) this.#request(`drop ${name}`);
    }
  }

  #onLost(error: Error): void {
    if (error instanceof Forgotten) return this.#restart(error.message);
    this.#started.reject(error);
    const wasRefused = this.#isRefused;
    this.#isRefused = error instanceof Refused;
    const isNew = this.#session.lose(this.#now) || (this.#isRefused && !wasRefused);
    const what = this.#isRefused ? "cannot share the room" : "redis is away";
    if (isNew && this.#hasStarted) this.#options.report(`${what}: ${error.message}`);
    if (this.#onClosed) this.end();
    this.#room?.wake(0);
  }

  /** No member is to receive what does not follow; those that join next receive what follows that. */
  #restart(why: string): void {
    this.#options.report(`out of sync: ${why}`);
    this.#session.reconnect(this.#now);
    this.#abandon(0);
    this.#addedNumber = 0;
    if (this.#onClosed) this.end();
    this.#room?.wake(0);
  }

  /** Nothing that was taken comes to the log any more; what is in batches after a number has no place. */
  #abandon(placedNumber: number): void {
    this.#session.isMember = false;
    let lines = 0;
    const lose = (run: Uint8Array) => void (lines += countLines(run));
    const batches = this.#batches.drop();
    const pieces = [...this.#receiving.drop(), ...batches.flatMap((batch) => batch.pieces)];
    this.#room?.restart({ reason: "out of sync", message: OUT_OF_SYNC }, lose);
    for (const { done } of pieces) done?.();
    for (const batch of batches)
      if (batch.number > placedNumber && !batch.isPassing)
        for (const { run } of batch.pieces) lose(run);
    if (lines > 0) this.#options.report(`lines lost, as they have no place: ${lines}`);
  }

  get #now(): number {
    return this.#room?.now() ?? 0;
  }
}

function gauge(name: string, help: string, value: number): Figure {
  return { type: "gauge", name: `linechat_stream_${name}`, help, value };
}
