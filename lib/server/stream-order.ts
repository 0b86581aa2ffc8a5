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
import { Absence } from "./absence.ts";
import { Answers, TICK_MS } from "./answers.ts";
import { Batches, type BatchesOptions, linesOf, type Piece, type SentBatch } from "./batches.ts";
import { Inbox } from "./inbox.ts";
import { Peers } from "./peers.ts";
import {
  type Entry,
  Forgotten,
  GONE,
  type OpenStream,
  type Readings,
  START,
  type StreamLink,
} from "./stream.ts";
import { Thread } from "./thread.ts";

const NEVER = Number.POSITIVE_INFINITY;

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
  readonly #others: Speaker = { lastRun: -1 };
  #room: SharingRoom | undefined;
  #state: "away" | "joining" | "here" = "away";
  #link: StreamLink | undefined;
  /** What this server is called; it joins under a new name each time. */
  #name = "";
  #isMember = false;
  #hasOpened = false;
  #thread = new Thread();
  /** The last entry that is in the log, and how many bytes of that the others do not know of. */
  #heard = START;
  #untoldBytes = 0;
  #toldAtMs = -NEVER;
  readonly #absence = new Absence();
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
    if (this.#state === "away" && now >= this.#absence.retryAtMs) this.#connect();
    if (this.#state === "here") this.#sayAndRead();
    return this.#state === "away" ? this.#absence.retryAtMs : now + TICK_MS;
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
    const lines = this.#batches.dropAfter(this.#thread.addedNumber);
    this.#reportLost(lines + (this.#room?.dropUnsaid() ?? 0));
    this.#onClosed?.();
  }

  #connect(): void {
    this.#state = "joining";
    this.#answers.joins();
    this.#link = this.#options.open({
      onOpen: () => this.#onOpen(),
      onJoined: (id, servers, history) => this.#onJoined(id, servers, history),
      onSaid: (id) => this.#onSaid(id),
      onEntries: (entries) => this.#onEntries(entries),
      onLost: (error) => this.#lose(error),
    });
  }

  /** Goes on where it was, whether that is possible or not: what is said first shows it. */
  #onOpen(): void {
    if (this.#isMember) {
      this.#batches.sendAgainAfter(this.#thread.receivedNumber);
      return this.#goHere();
    }
    const before = this.#name;
    this.#name = this.#options.newName();
    this.#link?.join(this.#name, before);
  }

  #onJoined(id: string, servers: Readings, history: readonly string[]): void {
    this.#isMember = true;
    this.#thread.begin(id);
    this.#heard = id;
    this.#peers.begin(servers, this.#name, this.#answers.listenedMs);
    this.#room?.beginHistory();
    for (const lines of history) this.#inbox.add([this.#elsewhere(lines)], () => {});
    this.moveToLog();
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
      this.#thread.reads();
      this.#link?.read(this.#thread.received);
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
    const why = this.#thread.added(number, id);
    if (number === this.#goodbye) this.end();
    else if (why) this.#loseThread(why);
  }

  #onEntries(entries: readonly Entry[]): void {
    this.#answers.answeredRead();
    let why = entries.length === 0 ? this.#thread.ends() : undefined;
    for (const entry of entries) if (!why) why = this.#receive(entry);
    if (why) return this.#loseThread(why);
    this.#forgetWhatAllHave();
    this.#wake();
  }

  /** Takes in what follows; returns why it does not, if so. */
  #receive(entry: Entry): string | undefined {
    const isOwn = entry.by === this.#name;
    const why = this.#thread.follows(entry, isOwn);
    if (why) return why;
    if (isOwn) this.#receiveOwn(entry);
    else this.#receiveOther(entry);
    return undefined;
  }

  #receiveOwn({ id, number }: Entry): void {
    this.#inbox.add(this.#batches.received(number), () => {
      this.#heard = id;
      this.#batches.heard(id);
      this.#forgetWhatAllHave();
    });
    const awayMs = this.#absence.end(this.#now);
    if (awayMs !== undefined) this.#report(`redis is back after ${(awayMs / 1000).toFixed(1)} s`);
  }

  #receiveOther(entry: Entry): void {
    const { id, lines } = entry;
    this.#peers.heard(entry, this.#answers.listenedMs);
    this.#inbox.add([this.#elsewhere(lines)], () => {
      this.#heard = id;
      this.#untoldBytes += lines.length;
    });
  }

  #elsewhere(lines: string): Piece {
    return { speaker: this.#others, run: Buffer.from(lines, "latin1") };
  }

  #forgetWhatAllHave(): void {
    this.#batches.readByAll(this.#peers.tail(this.#heard));
  }

  /** The connection is of no use any more. */
  #lose(error: Error): void {
    if (error instanceof Forgotten) return this.#loseThread(error.message);
    this.#opening.reject(new UserError(`cannot share the room over redis: ${error.message}`));
    if (this.#absence.begin(this.#now)) this.#report(`redis is away: ${error.message}`);
    this.#goAway();
  }

  /** Nobody is to hear what does not follow; whoever comes next hears what follows that. */
  #loseThread(why: string): void {
    const lines = this.#batches.dropAfter(this.#thread.receivedNumber);
    this.#thread = new Thread();
    this.#isMember = false;
    this.#inbox.clear();
    this.#absence.retry(this.#now);
    this.#goAway();
    this.#report(`lost the thread: ${why}`);
    this.#reportLost(lines + (this.#room?.sendAllAway(LOST_THREAD, "lost the thread") ?? 0));
  }

  #goAway(): void {
    this.#link?.close();
    this.#link = undefined;
    this.#state = "away";
    this.#answers.clear();
    if (this.#onClosed) this.end();
    else this.#wake();
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
