/**
 * The room: whatever one member says, line by line, every other member hears.
 *
 * It is one log of lines; a member owns only a cursor, how far into the log its
 * socket has taken bytes. The room knows no network and no clock: it talks to
 * sockets it was given, which tell their members and leavers what happens, and
 * asks to be flushed.
 */

import { assert } from "./assert.ts";
import { Deadlines } from "./deadlines.ts";
import { type Debt, Leavers } from "./leaver.ts";
import { LineLog } from "./line-log.ts";
import { type Cursor, Member } from "./member.ts";
import { type RoomOptions, type RoomSettings, settingsOf } from "./options.ts";
import { Patience } from "./patience.ts";
import type { RoomSocket } from "./socket.ts";
import { Turns } from "./turns.ts";

/**
 * The way of a line: a member's `received` puts bytes into its `LineBuffer`;
 * `say` moves whole lines to the `LineLog`, as far as there is room, and makes a
 * talker that has more wait; `flush`, once a turn, has each cursor write from its
 * position to the head, forgets what everybody has, and lets waiting talkers go on.
 */
export class Room {
  readonly settings: RoomSettings;
  /** Everything said that somebody still has to take. */
  readonly log: LineLog;
  /** Those of members, and of leavers that are still owed something, in the order they came. */
  readonly cursors = new Set<Cursor>();
  readonly #turns: Turns;
  readonly #patience: Patience;
  readonly #leavers: Leavers;
  /** Who has to say a line; only in a room that minds. */
  readonly #idle: Deadlines<Member> | undefined;
  #stopping = false;

  /** @throws {Error} if the log could not hold the longest line */
  constructor(options: RoomOptions) {
    this.settings = settingsOf(options);
    const { logBytes, lineBytesMax, idle, now } = this.settings;
    assert(lineBytesMax <= logBytes, "the log holds the longest line");
    this.log = new LineLog(logBytes);
    this.#turns = new Turns(this);
    this.#patience = new Patience(this);
    this.#leavers = new Leavers(this);
    this.#idle = idle && new Deadlines(idle.ms, now);
  }

  /** How many are in the room: members, and those who leave and do not have everything yet. */
  get size(): number {
    return this.cursors.size;
  }

  /** How many seats are taken: who is gone keeps one until the lines it has said have their place. */
  get seats(): number {
    return this.cursors.size + this.#turns.gone;
  }

  get stopping(): boolean {
    return this.#stopping;
  }

  /**
   * Takes in a connection, which hears all that is said from now on.
   *
   * @param name what to call it in reports
   */
  join(socket: RoomSocket, name: string): void {
    if (this.#stopping) return void this.#leavers.add(socket, undefined);
    const member = new Member(this, socket, name);
    socket.data = member;
    this.cursors.add(member.cursor);
    this.#turns.add(member);
    this.#idle?.start(member);
    if (this.#idle) this.wake(0);
    this.settings.onJoin?.(name);
  }

  /**
   * Tells a connection why it is refused, and closes it.
   *
   * @param name what to call it in reports
   * @param word the reason, which it gets as `* word`
   */
  refuse(socket: RoomSocket, name: string, word: string): void {
    this.settings.onRefuse?.(name, word);
    this.#leavers.add(socket, word);
  }

  /** Closes the connection that has lingered longest after its EOF; returns whether there was one. */
  closeOldest(): boolean {
    return this.#leavers.closeOldest();
  }

  /** Whether what a member says first is refused; it leaves then. */
  objects(member: Member, bytes: Uint8Array): boolean {
    const why = member.lines.isEmpty ? this.settings.inspect?.(bytes) : undefined;
    if (why !== undefined) this.leave(member, why, why);
    return why !== undefined;
  }

  /** Lets a talker say what it may; it waits when it has more to say, and leaves after its end. */
  say(talker: Member): void {
    const { next } = this.#turns;
    // Nobody overtakes those who wait.
    if (next === undefined || next === talker) this.#moveShareToLog(talker);
    if (talker.lines.hasLine) return this.#turns.hold(talker);
    this.#turns.release(talker);
    if (talker.cursor.gone) return;
    const { lineBytesMax } = this.settings;
    if (talker.lines.tooLong)
      this.leave(talker, "line too long", `line longer than ${lineBytesMax} bytes`);
    else if (talker.hasEnded) this.leave(talker, "end of input");
  }

  /**
   * Has a member leave once it has all that was said until now.
   *
   * @param word the server's last word to it, without one by default
   */
  leave(member: Member, reason: string, word?: string): void {
    assert(member.hold === undefined, "who leaves has said everything");
    const { cursor, name } = member;
    // What its socket takes already is not to count as progress later.
    if (cursor.blocked) this.serve(cursor);
    if (cursor.gone) return;
    this.#forget(member);
    const debt = { name, reason, cursor, end: this.log.head };
    cursor.leaver = this.#leavers.add(cursor.socket, word, debt);
  }

  /** A member's connection is gone. What it has said in whole lines is still said. */
  lost(member: Member, reason: string): void {
    const { cursor, name } = member;
    this.remove({ name, reason, cursor, end: this.log.head });
    this.#forget(member);
    if (member.hold === "rate") this.say(member);
  }

  /** A cursor needs the log no more. */
  remove({ cursor, name, reason, end }: Debt): void {
    this.cursors.delete(cursor);
    this.settings.onLeave?.(name, reason, end - cursor.position);
    this.wake(0);
  }

  /** Says no more; hands everybody what they are owed, then EOF. */
  stop(): void {
    this.#stopping = true;
    this.#turns.stop();
    this.wake(0);
  }

  /** Ends all connections at once. */
  abort(): void {
    this.#leavers.abort();
    for (const { socket } of this.cursors) socket.data.failed("server stopping");
  }

  wake(delayMs: number): void {
    this.settings.wake(delayMs);
  }

  /**
   * Does the work of a turn: writes to everybody what they are owed and take,
   * makes room in the log, lets waiting talkers go on, ends what is overdue.
   */
  flush(): void {
    const now = this.settings.now();
    this.#turns.resumePaced();
    this.#leavers.askOverdue(now);
    this.#writeToAll();
    this.#release();
    while (!this.#turns.takeTurns() && this.#patience.hurry(now)) this.#release();
    const isHeldUp = this.#turns.next !== undefined;
    this.#patience.heldUp(now, isHeldUp);
    if (this.#stopping && !isHeldUp) for (const { socket } of this.cursors) socket.data.stopped();
    for (const member of this.#idle?.over(now) ?? []) this.#disconnectIdle(member);
    this.#leavers.flush(now);
    const dueAtMs = Math.min(
      this.#turns.dueAtMs(now),
      this.#patience.dueAtMs(now),
      this.#leavers.dueAtMs,
      this.#idle?.dueAtMs ?? Number.POSITIVE_INFINITY,
    );
    if (Number.isFinite(dueAtMs)) this.wake(Math.max(1, dueAtMs - now));
  }

  /** Writes what others said; a leaver that has everything goes on to its last word. */
  serve(cursor: Cursor): void {
    const { leaver } = cursor;
    const debt = leaver?.debt;
    if (!cursor.write(debt?.end ?? this.log.head) || !leaver || !debt) return;
    this.remove(debt);
    this.#leavers.linger(leaver);
  }

  /** Moves a talker's whole lines to the log: at most its share, as its rate and the log allow. */
  #moveShareToLog(talker: Member): void {
    const { lines, cursor } = talker;
    let { shareBytes } = this.#turns;
    while (lines.hasLine) {
      const bytesMax = Math.min(shareBytes, this.log.freeBytes);
      const run = lines.take(bytesMax, this.#turns.linesNow(talker));
      if (run === undefined) return;
      shareBytes -= run.length;
      this.log.append(cursor, run);
      this.#turns.spend(talker, run);
      if (!cursor.gone) this.#idle?.start(talker);
      this.wake(0);
    }
  }

  #writeToAll(): void {
    const { head } = this.log;
    for (const cursor of this.cursors)
      if (!cursor.blocked && (cursor.position < head || cursor.leaver)) this.serve(cursor);
  }

  /** Time in which its lines had to wait does not count. */
  #disconnectIdle(member: Member): void {
    if (member.hold === undefined) this.leave(member, "idle", this.settings.idle?.word);
    else this.#idle?.start(member);
  }

  /** Forgets what everybody has. */
  #release(): void {
    let tail = this.log.head;
    for (const { position } of this.cursors) if (position < tail) tail = position;
    this.log.release(tail);
  }

  /** A member is one no more. */
  #forget(member: Member): void {
    this.#turns.remove(member);
    this.#idle?.stop(member);
  }
}
