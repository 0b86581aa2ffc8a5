/**
 * Who is on the way out: `close`, so that nothing is lost by it.
 *
 * A leaver gets what it is still owed, then the server's last word if there is
 * one, then EOF; what it says is read and discarded, because closing a socket
 * with unread bytes resets it and may destroy what was sent. So it lingers for a
 * moment until its peer closes too.
 */

import { Deadlines } from "./deadlines.ts";
import type { Cursor } from "./member.ts";
import type { Room } from "./room.ts";
import { close, GONE, type Life, type RoomSocket } from "./socket.ts";

/** What a reader has to take, at least, in a given time. */
export const PROGRESS_BYTES = 64 << 10;

/** What a member that leaves is owed: the log from its cursor to an end. */
export interface Debt {
  readonly name: string;
  readonly reason: string;
  readonly cursor: Cursor;
  readonly end: number;
}

/** One that leaves, heard no more. */
export class Leaver implements Life {
  readonly socket: RoomSocket;
  /** Undefined once it has everything, or for one that never was a member. */
  debt: Debt | undefined;
  /** Which position in the log it has to reach in time, to get more time. */
  goal = 0;
  /** What remains of the server's last word to it. */
  word: Uint8Array;
  readonly #leavers: Leavers;

  constructor(leavers: Leavers, socket: RoomSocket, word: string | undefined, debt?: Debt) {
    this.#leavers = leavers;
    this.socket = socket;
    this.debt = debt;
    this.word = new TextEncoder().encode(word === undefined ? "" : `* ${word}\n`);
  }

  received(): void {}

  drained(): void {
    if (this.debt) this.debt.cursor.drained();
    else if (this.word.length > 0) this.#leavers.sayLastWord(this);
  }

  ended(): void {}

  closed(): void {
    this.#lose(this.debt?.reason);
  }

  failed(reason = this.debt?.reason): void {
    this.#lose(reason);
    this.socket.terminate();
  }

  stopped(): void {}

  #lose(reason = ""): void {
    if (this.debt) this.debt.cursor.gone = true;
    this.socket.data = GONE;
    this.#leavers.lost(this, reason);
  }
}

/** All that are on the way out, each until its peer has closed or its time is over. */
export class Leavers {
  readonly #room: Room;
  readonly #owed: Deadlines<Leaver>;
  readonly #lingering: Deadlines<Leaver>;

  constructor(room: Room) {
    const { patienceMs, lingerMs, now } = room.settings;
    this.#room = room;
    this.#owed = new Deadlines(patienceMs + lingerMs, now);
    this.#lingering = new Deadlines(lingerMs, now);
  }

  /** When the next is to be looked at. */
  get dueAtMs(): number {
    return Math.min(this.#owed.dueAtMs, this.#lingering.dueAtMs);
  }

  /** Has a member leave once it has what it is owed, or tells a connection at once why it is refused. */
  add(socket: RoomSocket, word: string | undefined, debt?: Debt): Leaver {
    const leaver = new Leaver(this, socket, word, debt);
    socket.data = leaver;
    this.#room.wake(0);
    if (debt) this.#expectProgress(leaver, debt);
    else this.linger(leaver);
    return leaver;
  }

  /** One has all that it was owed: last word and EOF are next. */
  linger(leaver: Leaver): void {
    this.#owed.stop(leaver);
    leaver.debt = undefined;
    this.#lingering.start(leaver);
    this.sayLastWord(leaver);
  }

  sayLastWord(leaver: Leaver): void {
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

  /** A connection is gone. */
  lost(leaver: Leaver, reason: string): void {
    this.#lingering.stop(leaver);
    this.#owed.stop(leaver);
    if (leaver.debt) this.#room.remove({ ...leaver.debt, reason });
  }

  /** Has those written to whose time is over: a slow reader's socket takes more long before it drains. */
  askOverdue(now: number): void {
    for (const { debt } of this.#owed.over(now)) if (debt) debt.cursor.blocked = false;
  }

  /** Ends the connections that have had their time. */
  flush(now: number): void {
    for (const leaver of this.#owed.over(now)) {
      const { debt } = leaver;
      if (debt && debt.cursor.position >= leaver.goal) this.#expectProgress(leaver, debt);
      else leaver.failed("too slow");
    }
    for (const leaver of this.#lingering.over(now)) this.#close(leaver);
  }

  /** Closes the connection that has lingered longest; returns whether there was one. */
  closeOldest(): boolean {
    const oldest = this.#lingering.first;
    if (oldest) this.#close(oldest);
    return oldest !== undefined;
  }

  /** Ends all connections at once. */
  abort(): void {
    for (const leaver of this.#owed.all()) leaver.failed();
    for (const leaver of this.#lingering.all()) this.#close(leaver);
  }

  #expectProgress(leaver: Leaver, { cursor, end }: Debt): void {
    leaver.goal = Math.min(cursor.position + PROGRESS_BYTES, end);
    this.#owed.start(leaver);
  }

  /** In order if it has taken everything, else by a reset. */
  #close(leaver: Leaver): void {
    if (leaver.word.length > 0) leaver.failed();
    else close(leaver.socket);
  }
}
