/**
 * The order of a room of several servers: that of a stream which they share. What is sent here is
 * added to it in batches, and gets into the log by being read back, as what is sent elsewhere does.
 *
 * A batch is kept until it is read back. After a lost connection it is added again under its number,
 * and the stream takes each number once. Each entry names the one before it: a server that has read
 * another one there is out of sync, disconnects its members, and joins again. And each entry tells
 * how far its server has read: no server sends more than a bounded amount that a living one has not
 * read.
 *
 * The way of a line: `append` puts it into a batch; `flush` adds that to the stream; `#onEntries`
 * gets it back; `moveToLog` puts it into the log.
 */

import type { Figure, Reservations } from "../extras/part.ts";
import { countLines } from "../program/lines.ts";
import { NOT_IN_ROOM, OUT_OF_SYNC } from "../program/server-messages.ts";
import type { Author, Order } from "../room/order.ts";
import type { Room } from "../room/room.ts";
import { type Batch, InFlight, type InFlightOptions, type Piece } from "./in-flight.ts";
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
  extends InFlightOptions, Omit<SessionOptions, "onHere" | "onLost"> {
  /** Whether members have names, so that a server which is considered down loses those of its members. */
  readonly names: boolean;
  /** Told what an operator should know. */
  readonly report: (what: string) => void;
}

export class StreamOrder implements Order {
  /** The names that members of this server ask for, where members of other servers may have them. */
  readonly reservations: Reservations = {
    ask: (key, answer) => this.#add({ request: `reserve ${key}`, answer }),
    release: (key) => this.#add({ request: `release ${key}` }),
  };
  readonly #options: StreamOrderOptions;
  readonly #inFlight: InFlight;
  readonly #session: Session;
  readonly #started = Promise.withResolvers<void>();
  #hasStarted = false;
  #isRefused = false;
  #room: OrderedRoom | undefined;
  #toldAtMs = -NEVER;
  /** The last batch of all, and what is told then. */
  #last: Batch | undefined;
  #onClosed: (() => void) | undefined;
  #hasEnded = false;

  constructor(options: StreamOrderOptions) {
    this.#options = options;
    this.#inFlight = new InFlight(options, () => this.#now);
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
    const mayJoin = this.#session.isMember && this.#inFlight.pieces < LEAVES_MAX;
    return mayJoin ? undefined : NOT_IN_ROOM;
  }

  get head(): number {
    return this.#inFlight.head;
  }

  get freeBytes(): number {
    return this.#inFlight.freeBytes;
  }

  get isSettled(): boolean {
    return this.#inFlight.pieces === 0 && !this.isHeldUp();
  }

  /** Whether Redis is there: what is sent gets its place. */
  get isUp(): boolean {
    return this.#session.isUp;
  }

  /** What there is to measure. */
  figures(): readonly Figure[] {
    const { waitingMs, takenBytes, peers } = this.#inFlight;
    return [
      gauge("up", "Whether Redis is there, 1, or away, 0.", this.isUp ? 1 : 0),
      gauge("servers", "Servers that share the room.", peers.count + 1),
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
    this.#inFlight.append(author, run);
  }

  after(done: () => void): void {
    // After a restart there is nothing to wait for.
    if (!this.#session.isMember && this.isSettled) done();
    else this.#add({ done });
  }

  moveToLog(): void {
    if (this.#room === undefined) return;
    const { log } = this.#room;
    const { head } = log;
    this.#inFlight.moveTo(log);
    if (log.head !== head) this.#room.wake(0);
  }

  isHeldUp(): boolean {
    return this.#inFlight.isHeldUp;
  }

  flush(now: number): number {
    if (this.#hasEnded || this.#onClosed) return NEVER;
    const dueAtMs = this.#session.flush(now);
    if (this.#session.isHere) this.#sendAndRead();
    return dueAtMs;
  }

  /** Takes leave of the other servers; `done` is told once they know, or cannot know. */
  close(done: () => void): void {
    this.#onClosed = done;
    if (!this.#session.isHere) return this.end();
    this.#last = this.#inFlight.addEmpty();
    for (const batch of this.#inFlight.take(NEVER)) this.#send(batch);
  }

  /** Ends at once; what has no place by then is lost. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#session.close();
    this.#abandon(({ isAdded }) => !isAdded);
    this.#onClosed?.();
  }

  #onHere(joined: Joined | undefined): void {
    this.#toldAtMs = -NEVER;
    this.#room?.wake(0);
    if (joined === undefined) return this.#inFlight.sendAgain();
    this.#inFlight.begin(joined);
    this.moveToLog();
    if (this.#hasStarted) this.#options.report(`shares the room again, as server ${this.name}`);
    this.#hasStarted = true;
    this.#started.resolve();
  }

  /** Adds what is more than lines: it is done in its turn. */
  #add(piece: Partial<Piece>): void {
    this.#inFlight.add(piece);
    this.#room?.wake(0);
  }

  #sendAndRead(): void {
    const inFlight = this.#inFlight;
    const isMuch = inFlight.untoldBytes >= inFlight.takenBytesMax / TELLS;
    const isDue = isMuch || this.#session.clockMs - this.#toldAtMs >= TICK_MS;
    if (isDue && !inFlight.hasUnsent) inFlight.addEmpty();
    for (const batch of inFlight.take(UNANSWERED_MAX - this.#session.due)) this.#send(batch);
    if (this.#session.isReading || this.isHeldUp()) return;
    this.#session.read(inFlight.position, (entries) => this.#onEntries(entries));
  }

  #send(batch: Batch): void {
    this.#inFlight.untoldBytes = 0;
    this.#toldAtMs = this.#session.clockMs;
    const { number, pieces, isPassing } = batch;
    const isLast = batch === this.#last;
    const { tail, read } = this.#inFlight;
    const lines = Buffer.concat(pieces.map(({ run }) => run)).toString("latin1");
    const requests = pieces.flatMap(({ request }) => request ?? []);
    const by = { by: this.name, number, read: isLast ? GONE : read, tail };
    this.#session.add({ ...by, lines, isPassing, requests }, () => {
      batch.isAdded = true;
      if (isLast) this.end();
      else this.#room?.wake(0);
    });
  }

  #onEntries(entries: readonly Entry[]): void {
    const { waitingMs } = this.#inFlight;
    for (const entry of entries) {
      const why = this.#inFlight.receive(entry, entry.by === this.name);
      if (why) return this.#restart(why);
    }
    if (entries.some(({ by }) => by === this.name)) this.#confirm(waitingMs);
    this.#room?.wake(0);
  }

  /** Something sent here has come back; if it was sent a moment ago, so has all that was sent before it. */
  #confirm(waitingMs: number): void {
    const awayMs = this.#session.confirm(this.#now);
    if (awayMs) this.#options.report(`redis is back after ${(awayMs / 1000).toFixed(1)} s`);
    if (waitingMs >= RECENT_MS) return;
    for (const name of this.#inFlight.peers.dropSilent()) {
      this.#options.report(`server ${name} is considered down`);
      if (this.#options.names) this.#add({ request: `drop ${name}` });
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
    this.#abandon(() => true);
    if (this.#onClosed) this.end();
    this.#room?.wake(0);
  }

  /** Nothing that was taken comes to the log any more, and of these batches, the lines are lost. */
  #abandon(isLost: (batch: Batch) => boolean): void {
    this.#session.isMember = false;
    let lines = 0;
    const lose = (run: Uint8Array) => void (lines += countLines(run));
    const { placed, batches } = this.#inFlight.drop();
    this.#room?.restart({ reason: "out of sync", message: OUT_OF_SYNC }, lose);
    const pieces = batches.flatMap((batch) => batch.pieces);
    for (const { done } of [...placed, ...pieces]) done?.();
    for (const batch of batches.filter((batch) => !batch.isPassing && isLost(batch)))
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
