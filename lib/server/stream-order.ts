/**
 * The order of a room of several servers: that of a stream which they share. What
 * is said here is added to the stream in batches, and is heard by being read back
 * from it, as what is said at the other servers is.
 *
 * A batch is kept until it is read back. After a lost connection it is added again
 * under its number, and the stream takes each number once. Each entry names the one
 * before it: a server that has read another one there has lost the thread, sends its
 * members away, and joins anew. And each tells how far its server has read: nobody
 * says more than a bounded amount that a living server has not read.
 *
 * | it is   | its connection             | next                                     |
 * | ------- | -------------------------- | ---------------------------------------- |
 * | away    | none                       | joining, after a while                   |
 * | joining | opens; adds a first entry, unless it has the thread | here, or away     |
 * | here    | says and reads             | away, with its thread or without         |
 */

import { UserError } from "../program/system-errors.ts";
import { LOST_THREAD } from "../room/last-words.ts";
import type { Speaker } from "../room/line-log.ts";
import type { SharedOrder, SharingRoom } from "../room/order.ts";
import { Answers, TICK_MS } from "./answers.ts";
import { Batches, type BatchesOptions, linesOf, type SentBatch } from "./batches.ts";
import { Inbox } from "./inbox.ts";
import { Peers } from "./peers.ts";
import {
  compareIds,
  type Entry,
  Forgotten,
  GONE,
  type OpenStream,
  type Readings,
  START,
  type StreamLink,
} from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
const FORGOTTEN = "redis has forgotten what was said";
const RETRY_MS = { first: 50, max: 1_000 };

export interface StreamOrderOptions extends BatchesOptions {
  readonly open: OpenStream;
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
  readonly #inbox = new Inbox();
  readonly #peers = new Peers();
  readonly #answers = new Answers();
  /** Who says what is said elsewhere. */
  readonly #elsewhere: Speaker = { lastRun: -1 };
  #room: SharingRoom | undefined;
  #state: "away" | "joining" | "here" = "away";
  #link: StreamLink | undefined;
  /** What this server is called; it joins under a new name each time. */
  #name = "";
  #isMember = false;
  #hasOpened = false;
  /** The last entry received, and the last of this server's own, by its number. */
  #received = START;
  #receivedNumber = 0;
  /** The last of this server's own that is known to be in the stream. */
  #addedNumber = 0;
  /** Those that are in the stream and were not received, with the places by which they have to come. */
  #toCome: { readonly number: number; readonly id: string }[] = [];
  /** The last of those that a reading which has begun has to find. */
  #numberToRead = 0;
  /** The last entry that is in the log, and how many bytes of that the others do not know of. */
  #heard = START;
  #untoldBytes = 0;
  #toldAtMs = -NEVER;
  #retryAtMs = 0;
  #retryMs = RETRY_MS.first;
  #awaySinceMs: number | undefined;
  /** The number of the last thing it says, and who waits for that. */
  #goodbye: number | undefined;
  #onClosed: (() => void) | undefined;
  #hasEnded = false;

  constructor(options: StreamOrderOptions) {
    this.#options = options;
    this.#batches = new Batches(options);
    this.opened = this.#opening.promise;
    this.opened.catch(() => {});
  }

  debug() {
    return [
      this.#state,
      this.#received,
      this.#receivedNumber,
      this.#addedNumber,
      this.#numberToRead,
      this.#answers,
      this.#batches,
    ];
  }
  get name(): string {
    return this.#name;
  }

  get hasThread(): boolean {
    return this.#isMember;
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
    return !this.#inbox.isEmpty;
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
    if (this.#room === undefined || this.#inbox.isEmpty) return;
    const { log, settings } = this.#room;
    const fits = this.#inbox.moveTo(log, settings.logBytes);
    if (!fits) this.#loseThread("a line is longer than --buffer");
  }

  flush(now: number): number {
    this.#answers.passTo(now);
    if (this.#hasEnded || this.#onClosed) return NEVER;
    if (this.#answers.areLate) this.#lose(new Error("no answer for 5 s"));
    if (this.#state === "away" && now >= this.#retryAtMs) this.#connect();
    if (this.#state === "here") this.#sayAndRead();
    return this.#state === "away" ? this.#retryAtMs : now + TICK_MS;
  }

  close(done: () => void): void {
    this.#onClosed = done;
    const goodbye = this.#state === "here" ? this.#batches.goodbye() : undefined;
    this.#goodbye = goodbye?.number;
    if (goodbye) this.#say(goodbye, GONE);
    else this.end();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#link?.close();
    const added = Math.max(this.#addedNumber, this.#receivedNumber);
    this.#reportLost(this.#batches.dropAfter(added) + (this.#room?.dropUnsaid() ?? 0));
    this.#onClosed?.();
  }

  #connect(): void {
    this.#state = "joining";
    this.#answers.joins();
    this.#link = this.#options.open({
      onOpen: () => this.#onOpen(),
      onJoined: (id, servers) => this.#onJoined(id, servers),
      onSaid: (id) => this.#onSaid(id),
      onEntries: (entries) => this.#onEntries(entries),
      onLost: (error) => this.#lose(error),
    });
  }

  /** Goes on where it was, whether that is possible or not: what is said first shows it. */
  #onOpen(): void {
    if (this.#isMember) {
      this.#batches.sendAgainAfter(this.#receivedNumber);
      return this.#goHere();
    }
    const before = this.#name;
    this.#name = this.#options.newName();
    this.#link?.join(this.#name, before);
  }

  #onJoined(id: string, servers: Readings): void {
    this.#isMember = true;
    this.#received = this.#heard = id;
    this.#receivedNumber = 1;
    this.#peers.begin(servers, this.#name, this.#answers.listenedMs);
    this.#goHere();
    if (this.#hasOpened) this.#report(`shares the room again, as server ${this.#name}`);
    this.#hasOpened = true;
    this.#opening.resolve();
  }

  #goHere(): void {
    this.#answers.answeredJoining();
    this.#state = "here";
    this.#toldAtMs = -NEVER;
    this.#wake();
  }

  #sayAndRead(): void {
    const { nowMs, listenedMs, isReading } = this.#answers;
    const isDue =
      this.#untoldBytes >= this.#batches.takenBytesMax / 8 || nowMs - this.#toldAtMs >= TICK_MS;
    if (isDue && !this.#batches.hasUnsent) this.#batches.addEmpty();
    for (let next = this.#batches.takeNext(); next; next = this.#batches.takeNext())
      this.#say(next, this.#heard);
    if (!isReading && this.#inbox.isEmpty) {
      this.#answers.reads();
      this.#numberToRead = this.#addedNumber;
      this.#link?.read(this.#received);
    }
    for (const name of this.#peers.dropSilent(listenedMs)) {
      this.#report(`server ${name} is waited for no more`);
      this.#forgetWhatAllHave();
      this.#wake();
    }
  }

  #say(batch: SentBatch, read: string): void {
    const { number } = batch;
    this.#answers.said(number);
    this.#untoldBytes = 0;
    this.#toldAtMs = this.#answers.nowMs;
    const tail = this.#peers.tail(this.#heard);
    this.#link?.say({ by: this.#name, number, read, tail, lines: linesOf(batch) });
  }

  #onSaid(id: string): void {
    const number = this.#answers.answeredSaid();
    this.#addedNumber = Math.max(this.#addedNumber, number);
    if (number === this.#goodbye) return this.end();
    this.#toCome.push({ number, id });
    if (this.#hasMissed()) this.#loseThread(FORGOTTEN);
  }

  /** Whether something said here should have come by now. */
  #hasMissed(): boolean {
    this.#toCome = this.#toCome.filter(({ number }) => number > this.#receivedNumber);
    const [first] = this.#toCome;
    return first !== undefined && compareIds(first.id, this.#received) <= 0;
  }

  #onEntries(entries: readonly Entry[]): void {
    this.#answers.answeredRead();
    if (entries.length === 0 && this.#receivedNumber < this.#numberToRead)
      return this.#loseThread(FORGOTTEN);
    if (!entries.every((entry) => this.#receive(entry))) return;
    this.#forgetWhatAllHave();
    this.#wake();
  }

  /** Returns whether it is what follows. */
  #receive(entry: Entry): boolean {
    const { id, after, by, number } = entry;
    const isOwn = by === this.#name;
    if (after !== this.#received || (isOwn && number !== this.#receivedNumber + 1)) {
      this.#loseThread(`${id} in redis follows ${after}, and not ${this.#received}`);
      return false;
    }
    this.#received = id;
    if (isOwn) this.#receiveOwn(id, number);
    else this.#receiveOther(entry);
    if (!this.#hasMissed()) return true;
    this.#loseThread(FORGOTTEN);
    return false;
  }

  #receiveOwn(id: string, number: number): void {
    this.#receivedNumber = number;
    this.#inbox.add(this.#batches.received(number), () => {
      this.#heard = id;
      this.#batches.heard(id);
      this.#forgetWhatAllHave();
    });
    if (this.#awaySinceMs === undefined) return;
    const seconds = (this.#answers.nowMs - this.#awaySinceMs) / 1000;
    this.#report(`redis is back after ${seconds.toFixed(1)} s`);
    this.#awaySinceMs = undefined;
    this.#retryMs = RETRY_MS.first;
  }

  #receiveOther(entry: Entry): void {
    const { id, lines } = entry;
    this.#peers.heard(entry, this.#answers.listenedMs);
    const run = Buffer.from(lines, "latin1");
    this.#inbox.add([{ speaker: this.#elsewhere, run }], () => {
      this.#heard = id;
      this.#untoldBytes += run.length;
    });
  }

  #forgetWhatAllHave(): void {
    this.#batches.readByAll(this.#peers.tail(this.#heard));
  }

  /** The connection is of no use any more. */
  #lose(error: Error): void {
    if (error instanceof Forgotten) return this.#loseThread(error.message);
    this.#goAway();
    this.#opening.reject(new UserError(`cannot share the room over redis: ${error.message}`));
    if (this.#awaySinceMs !== undefined) return;
    this.#awaySinceMs = this.#answers.nowMs;
    this.#report(`redis is away: ${error.message}`);
  }

  /** What comes next is not what follows: nobody is to hear it, and whoever comes next hears what follows that. */
  #loseThread(why: string): void {
    this.#goAway();
    this.#isMember = false;
    this.#inbox.clear();
    this.#toCome = [];
    const lines =
      this.#batches.dropAfter(this.#receivedNumber) +
      (this.#room?.sendAllAway(LOST_THREAD, "lost the thread") ?? 0);
    this.#receivedNumber = this.#addedNumber = this.#numberToRead = 0;
    this.#report(`lost the thread: ${why}`);
    this.#reportLost(lines);
  }

  #goAway(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#state = "away";
    this.#answers.clear();
    if (this.#onClosed) return this.end();
    this.#retryAtMs = (this.#room?.settings.now() ?? 0) + this.#retryMs;
    this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS.max);
    this.#wake();
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
