/**
 * The order of a room of several servers: that of a stream which they share. What is said here is
 * added to it in batches, and is heard by being read back, as what is said elsewhere is.
 *
 * A batch is kept until it is read back. After a lost connection it is added again
 * under its number, and the stream takes each number once. Each entry names the one
 * before it: a server that has read another one there has lost the thread, sends its
 * members away, and joins anew. And each tells how far its server has read: nobody
 * says more than a bounded amount that a living server has not read.
 */

import { OUT_OF_SYNC } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import type { Speaker } from "../room/line-log.ts";
import type { OrderState, SharedOrder, SharingRoom } from "../room/order.ts";
import { TICK_MS } from "./answers.ts";
import { Batches, type BatchesOptions, linesOf, type SentBatch } from "./batches.ts";
import { Claims } from "./claims.ts";
import { Hearing } from "./hearing.ts";
import { Session } from "./session.ts";
import { type Entry, Forgotten, GONE, type OpenStream, type Readings } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** What comes back within this time has not come late. */
const RECENT_MS = 3_000;
/** The others are told of each such part of what may be said before all have read it. */
const TELLS = 8;

export interface StreamOrderOptions extends BatchesOptions {
  readonly open: OpenStream;
  /** Whether members have names, so that a server which is waited for no more loses those of its members. */
  readonly names?: boolean | undefined;
  /** Gives a name that no server has had. */
  readonly newName: () => string;
  /** Told what an operator should know. */
  readonly onChange?: ((what: string) => void) | undefined;
}

export class StreamOrder implements SharedOrder {
  /** Resolves once this server has joined for the first time; rejects if it cannot. */
  readonly opened: Promise<void>;
  readonly #opening = Promise.withResolvers<void>();
  readonly #options: StreamOrderOptions;
  readonly #batches: Batches;
  readonly #hearing: Hearing;
  readonly #session: Session;
  readonly claims = new Claims((claim) => this.#session.claim(claim));
  #room: SharingRoom | undefined;
  #hasOpened = false;
  #toldAtMs = -NEVER;
  /** The number of the last thing it says, and who waits for that. */
  #goodbye: number | undefined;
  #onClosed: (() => void) | undefined;
  #hasEnded = false;

  constructor(options: StreamOrderOptions) {
    this.#options = options;
    this.#batches = new Batches(options, () => this.#now);
    this.#hearing = new Hearing(this.#batches);
    this.#session = new Session(options.open, options.newName, {
      onOpen: () => this.#onOpen(),
      onJoined: (id, servers, history) => this.#onJoined(id, servers, history),
      onSaid: (id) => this.#onSaid(id),
      onClaimed: (number, granted) => this.claims.answered(number, granted),
      onEntries: (entries) => this.#onEntries(entries),
      onLost: (error) => this.#onLost(error),
    });
    this.opened = this.#opening.promise;
    this.opened.catch(() => {});
  }

  get name(): string {
    return this.#session.name;
  }

  get takesNewcomers(): boolean {
    return this.#session.isMember && !this.#batches.areMany;
  }

  get head(): number {
    return this.#batches.head;
  }

  get freeBytes(): number {
    return this.#batches.freeBytes;
  }

  get isIdle(): boolean {
    return this.#batches.isIdle;
  }

  get isHeldUp(): boolean {
    return this.#hearing.isHeldUp;
  }

  get state(): OrderState {
    return {
      isUp: this.#session.isUp,
      servers: this.#hearing.peers.count + 1,
      lagMs: this.#batches.waitingMs,
      owedBytes: this.#batches.takenBytes,
    };
  }

  attach(room: SharingRoom): void {
    this.#room = room;
    room.settings.wake(0);
  }

  append(speaker: Speaker, run: Uint8Array): void {
    this.#batches.append(speaker, run);
  }

  after(done: () => void): void {
    this.#batches.after(done);
    this.#wake();
  }

  moveToLog(): void {
    const fits = this.#room === undefined || this.#hearing.moveTo(this.#room);
    if (!fits) this.#loseThread("a line is longer than --buffer");
  }

  flush(now: number): number {
    if (this.#hasEnded || this.#onClosed) return NEVER;
    this.#session.flush(now);
    if (this.#session.isHere) this.#sayAndRead();
    return this.#session.retryAtMs ?? now + TICK_MS;
  }

  close(done: () => void): void {
    this.#onClosed = done;
    const goodbye = this.#session.isHere ? this.#batches.goodbye() : undefined;
    if (goodbye === undefined) return this.end();
    this.#goodbye = goodbye.number;
    this.#say(goodbye, GONE);
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#session.close();
    const lines = this.#batches.dropAfter(this.#hearing.thread.addedNumber);
    this.#reportLost(lines + (this.#room?.dropUnsaid() ?? 0));
    this.#onClosed?.();
  }

  #onOpen(): void {
    this.#batches.sendAgainAfter(this.#hearing.thread.receivedNumber);
    this.#goHere();
  }

  #onJoined(id: string, servers: Readings, history: readonly string[]): void {
    this.#session.isMember = true;
    this.#room?.beginHistory();
    const logBytes = this.#room?.settings.logBytes ?? 0;
    this.#hearing.begin(id, servers, this.name, history, logBytes);
    this.moveToLog();
    this.#goHere();
    if (this.#hasOpened) this.#report(`shares the room again, as server ${this.name}`);
    this.#hasOpened = true;
    this.#opening.resolve();
  }

  #goHere(): void {
    this.#session.goHere();
    this.claims.again();
    this.#toldAtMs = -NEVER;
    this.#wake();
  }

  #sayAndRead(): void {
    const { thread, heard } = this.#hearing;
    const { nowMs, isReading } = this.#session.answers;
    const isMuch = this.#hearing.untoldBytes >= this.#batches.takenBytesMax / TELLS;
    const isDue = isMuch || nowMs - this.#toldAtMs >= TICK_MS;
    if (isDue && !this.#batches.hasUnsent) this.#batches.addEmpty();
    for (let next = this.#batches.takeNext(); next; next = this.#batches.takeNext())
      this.#say(next, heard);
    if (!isReading && !this.isHeldUp) {
      thread.reads();
      this.#session.read(thread.received);
    }
  }

  #say(batch: SentBatch, read: string): void {
    this.#hearing.untoldBytes = 0;
    this.#toldAtMs = this.#session.answers.nowMs;
    const { number } = batch;
    const { tail } = this.#hearing;
    const claimed = this.claims.answeredNumber;
    this.#session.say({ by: this.name, number, read, tail, claimed, lines: linesOf(batch) });
  }

  #onSaid(id: string): void {
    const number = this.#session.answers.answeredSaid();
    const why = this.#hearing.thread.added(number, id);
    if (number === this.#goodbye) this.end();
    else if (why) this.#loseThread(why);
  }

  #onEntries(entries: readonly Entry[]): void {
    let why = entries.length === 0 ? this.#hearing.thread.ends() : undefined;
    for (const entry of entries) why ??= this.#receive(entry);
    if (why) return this.#loseThread(why);
    if (entries.some(({ by }) => by === this.name)) this.#dropSilent();
    this.#hearing.forgetWhatAllHave();
    this.#wake();
  }

  #receive(entry: Entry): string | undefined {
    const isOwn = entry.by === this.name;
    const why = this.#hearing.receive(entry, isOwn);
    const awayMs = isOwn && !why ? this.#session.confirm(this.#now) : undefined;
    if (awayMs !== undefined) this.#report(`redis is back after ${(awayMs / 1000).toFixed(1)} s`);
    return why;
  }

  /** Of what was said here a moment ago and is back, all that was said before it is known, and who was silent. */
  #dropSilent(): void {
    if (this.#batches.waitingMs >= RECENT_MS) return;
    for (const name of this.#hearing.peers.dropSilent()) {
      this.#report(`server ${name} is waited for no more`);
      if (this.#options.names) this.#session.drop(name);
    }
  }

  #onLost(error: Error): void {
    if (error instanceof Forgotten) return this.#loseThread(error.message);
    this.#opening.reject(new UserError(`cannot share the room over redis: ${error.message}`));
    const isNew = this.#session.lose(this.#now);
    if (isNew && this.#hasOpened) this.#report(`redis is away: ${error.message}`);
    if (this.#onClosed) this.end();
    this.#wake();
  }

  /** Nobody is to hear what does not follow; whoever comes next hears what follows that. */
  #loseThread(why: string): void {
    this.#session.renew(this.#now);
    this.#session.isMember = false;
    this.claims.forget();
    const lines = this.#hearing.forget();
    this.#report(`lost the thread: ${why}`);
    this.#reportLost(lines + (this.#room?.sendAllAway(OUT_OF_SYNC, "lost the thread") ?? 0));
    if (this.#onClosed) this.end();
    this.#wake();
  }

  get #now(): number {
    return this.#room?.settings.now() ?? 0;
  }

  #reportLost(lines: number): void {
    if (lines > 0) this.#report(`lines said here that have found no place: ${lines}`);
  }

  #report(what: string): void {
    this.#options.onChange?.(what);
  }

  #wake(): void {
    this.#room?.settings.wake(0);
  }
}
