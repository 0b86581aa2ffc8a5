/**
 * Who is on the way out: stage 4 and 5, `close`, so that nothing is lost by it.
 *
 * A leaver gets what it is still owed, then the server's last word if there is
 * one, then EOF; what it says is read and discarded, because closing a socket
 * with unread bytes resets it and may destroy what was sent. So it lingers for a
 * moment until its peer closes too.
 */

import { assert } from "./assert.ts";
import type { Cursor } from "./cursor.ts";
import { GONE, type Life, type RoomSocket } from "./socket.ts";

/** What a reader has to take, at least, in a given time. */
export const PROGRESS_BYTES = 64 << 10;
const NEVER = Number.POSITIVE_INFINITY;
const NOTHING = new Uint8Array(0);

/** What a member takes along when it leaves. */
export interface Parting {
  readonly name: string;
  readonly reason: string;
  readonly cursor: Cursor;
  /** The end of what it is owed, a position in the log. */
  readonly end: number;
}

/** One that leaves, heard no more. */
export class Leaver implements Life {
  /** What remains of the last word. */
  word: Uint8Array;
  /** When it is looked at next, on the room's clock; the connection ends then unless it has moved on. */
  deadlineMs = NEVER;
  /** Which position in the log it has to reach by then. */
  goal = 0;
  readonly #leavers: Leavers;

  /**
   * @param word why it has to leave, which it gets as `* word`
   * @param parting what it is owed; undefined for one that was never a member
   */
  constructor(
    leavers: Leavers,
    readonly socket: RoomSocket,
    word: string | undefined,
    readonly parting: Parting | undefined,
  ) {
    this.#leavers = leavers;
    this.word = word === undefined ? NOTHING : new TextEncoder().encode(`* ${word}\n`);
  }

  received(): void {}

  drained(): void {
    this.#leavers.drained(this);
  }

  ended(): void {}

  closed(): void {
    this.#lose();
  }

  failed(reason?: string): void {
    this.#lose(reason);
    this.socket.terminate();
  }

  stopped(): void {}

  #lose(reason?: string): void {
    if (this.parting) this.parting.cursor.gone = true;
    this.socket.data = GONE;
    this.#leavers.lost(this, reason);
  }
}

/** What leavers ask of the room. */
export interface LeaversOptions {
  /** How long one may take for `PROGRESS_BYTES` of what it is owed, in ms. */
  owedMs: number;
  /** How long one may linger after its EOF, in ms. */
  lingerMs: number;
  now: () => number;
  wake: (delayMs: number) => void;
  /** One has gone with something still owed to it. */
  onLost: (parting: Parting, reason: string) => void;
}

/** All that are on the way out, each until its peer has closed or its deadline has passed. */
export class Leavers {
  readonly #options: LeaversOptions;
  /** Both in the order of their deadlines: whoever gets a new one goes to the end. */
  readonly #owed = new Set<Leaver>();
  readonly #lingering = new Set<Leaver>();

  constructor(options: LeaversOptions) {
    this.#options = options;
  }

  /** How many have all that they were owed. */
  get lingering(): number {
    return this.#lingering.size;
  }

  /** When one is to be looked at. */
  get dueAtMs(): number {
    const [owed] = this.#owed;
    const [lingering] = this.#lingering;
    return Math.min(owed?.deadlineMs ?? NEVER, lingering?.deadlineMs ?? NEVER);
  }

  /** Has a member leave once it has what it is owed. */
  part(socket: RoomSocket, word: string | undefined, parting: Parting): Leaver {
    const leaver = new Leaver(this, socket, word, parting);
    socket.data = leaver;
    this.#expect(leaver, parting);
    return leaver;
  }

  /** Tells a connection why it is refused, if there is a word, and closes it. */
  refuse(socket: RoomSocket, word: string | undefined): void {
    const leaver = new Leaver(this, socket, word, undefined);
    socket.data = leaver;
    this.finish(leaver);
  }

  /** One has all that it is owed: last word and EOF are next. */
  finish(leaver: Leaver): void {
    this.#owed.delete(leaver);
    this.#lingering.add(leaver);
    leaver.deadlineMs = this.#options.now() + this.#options.lingerMs;
    this.#options.wake(0);
    this.#sayLastWord(leaver);
  }

  drained(leaver: Leaver): void {
    if (this.#lingering.has(leaver)) return this.#sayLastWord(leaver);
    if (leaver.parting) leaver.parting.cursor.blocked = false;
    this.#options.wake(0);
  }

  lost(leaver: Leaver, reason?: string): void {
    this.#lingering.delete(leaver);
    if (!this.#owed.delete(leaver)) return;
    assert(leaver.parting !== undefined, "only members are owed something");
    this.#options.onLost(leaver.parting, reason ?? leaver.parting.reason);
  }

  /** Ends the connections that have had their time. */
  flush(now: number): void {
    for (const leaver of this.#owed) {
      if (now < leaver.deadlineMs) break;
      const { parting } = leaver;
      if (parting && parting.cursor.position >= leaver.goal) this.#expect(leaver, parting);
      else leaver.failed("too slow");
    }
    for (const leaver of this.#lingering) {
      if (now < leaver.deadlineMs) break;
      this.#close(leaver);
    }
  }

  /** Closes the connection that has lingered longest; returns whether there was one. */
  closeOldest(): boolean {
    const [oldest] = this.#lingering;
    if (oldest) this.#close(oldest);
    return oldest !== undefined;
  }

  /** Ends all connections at once. */
  abort(): void {
    for (const leaver of this.#owed) leaver.failed();
    for (const leaver of this.#lingering) this.#close(leaver);
  }

  /** The next part of what it is owed has to be taken in time. */
  #expect(leaver: Leaver, { cursor, end }: Parting): void {
    this.#owed.delete(leaver);
    this.#owed.add(leaver);
    leaver.goal = Math.min(cursor.position + PROGRESS_BYTES, end);
    leaver.deadlineMs = this.#options.now() + this.#options.owedMs;
    this.#options.wake(0);
  }

  #sayLastWord(leaver: Leaver): void {
    const { socket, word } = leaver;
    if (word.length > 0) {
      const taken = socket.write(word, 0, word.length);
      if (taken < 0) leaver.failed();
      if (!this.#lingering.has(leaver)) return;
      leaver.word = word.subarray(taken);
      if (leaver.word.length > 0) return;
    }
    socket.shutdown();
  }

  /** In order if it has taken everything, else by a reset. */
  #close(leaver: Leaver): void {
    if (leaver.word.length > 0) return leaver.failed();
    leaver.closed();
    leaver.socket.end();
  }
}
