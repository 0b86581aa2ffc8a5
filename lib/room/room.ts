/**
 * The room: whatever one member says, line by line, every other member hears. It
 * is one log of lines, and for each member a cursor: how far into the log its
 * socket has taken bytes. The room knows no network and no clock: it talks to
 * sockets it was given, and asks to be flushed.
 */

import { assert } from "./assert.ts";
import { Deadlines } from "./deadlines.ts";
import { longerThan } from "./last-words.ts";
import { Leaver } from "./leaver.ts";
import { LineLog } from "./line-log.ts";
import { type Cursor, Member } from "./member.ts";
import { DEFAULTS, type RoomOptions } from "./options.ts";
import { Patience } from "./patience.ts";
import type { RoomSocket } from "./socket.ts";
import { Turns } from "./turns.ts";

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The way of a line: `received` puts bytes into the `LineBuffer` of a member;
 * `say` moves whole lines to the `LineLog`, as far as there is room, and has a
 * talker with more to say wait; `flush`, once a turn, has each cursor write up to
 * the head, forgets what everybody has, and lets waiting talkers go on.
 */
export class Room {
  readonly settings: RoomOptions & typeof DEFAULTS;
  /** Everything said that somebody still has to take. */
  readonly log: LineLog;
  /** Those of members, and of leavers that are still owed something, in the order they came. */
  readonly cursors = new Set<Cursor>();
  /** Who has to say a line; only in a room that minds. */
  readonly idle: Deadlines<Member> | undefined;
  /** Leavers that are still owed something, and those that are not. */
  readonly owed: Deadlines<Leaver>;
  readonly lingering: Deadlines<Leaver>;
  readonly #deadlines: readonly Deadlines<Member | Leaver>[];
  readonly #turns: Turns;
  readonly #patience: Patience;
  /** Whether no more is said. */
  stopping = false;

  /** @throws {Error} if the log could not hold the longest line */
  constructor(options: RoomOptions) {
    this.settings = { ...DEFAULTS, ...options };
    const { logBytes, lineBytesMax, patienceMs, lingerMs, idle, now } = this.settings;
    assert(lineBytesMax <= logBytes, "the log holds the longest line");
    this.log = new LineLog(logBytes);
    this.idle = idle && new Deadlines(idle.ms, now);
    this.owed = new Deadlines(patienceMs + lingerMs, now);
    this.lingering = new Deadlines(lingerMs, now);
    this.#deadlines = [...(this.idle ? [this.idle] : []), this.owed, this.lingering];
    this.#turns = new Turns(this);
    this.#patience = new Patience(this);
  }

  /** How many are in the room: members, and those who leave and do not have everything yet. */
  get size(): number {
    return this.cursors.size;
  }

  /** How many seats are taken: who is gone keeps one until all it has said is in the log. */
  get seats(): number {
    return this.cursors.size + this.#turns.gone;
  }

  /** Takes in a connection, which hears all that is said from now on; the name is for reports. */
  join(socket: RoomSocket, name: string): void {
    if (this.stopping) return new Leaver(this, socket).linger();
    const member = new Member(this, socket, name);
    socket.data = member;
    this.cursors.add(member.cursor);
    this.#turns.add(member);
    this.idle?.start(member);
    if (this.idle) this.settings.wake(0);
    this.settings.onJoin?.(name);
  }

  /** Tells a connection why it is refused, as `* word`, and closes it; the name is for reports. */
  refuse(socket: RoomSocket, name: string, word: string): void {
    this.settings.onRefuse?.(name, word);
    new Leaver(this, socket, word).linger();
  }

  /** Closes the connection that has lingered longest after its EOF; returns whether any has. */
  closeOldest(): boolean {
    const oldest = this.lingering.first;
    oldest?.late();
    return oldest !== undefined;
  }

  /** Lets a talker say what it may; it waits when it has more to say, and leaves after its end. */
  say(talker: Member): void {
    const { next } = this.#turns;
    // Nobody overtakes those who wait.
    if (next === undefined || next === talker) this.#moveShareToLog(talker);
    if (talker.lines.hasLine) return this.#turns.hold(talker);
    this.#turns.release(talker);
    if (talker.cursor.gone) return;
    if (talker.lines.tooLong)
      this.leave(talker, "line too long", longerThan(talker.lines.lineBytesMax));
    else if (talker.hasEnded) this.leave(talker, "end of input");
  }

  /** Has a member leave once it has all that was said until now, with the server's last word. */
  leave(member: Member, reason: string, word?: string): void {
    assert(member.hold === undefined, "who leaves has said everything");
    const { cursor } = member;
    // What its socket takes already is not to count as progress later.
    if (cursor.blocked) cursor.write();
    if (cursor.gone) return;
    this.#forget(member);
    cursor.leaver = new Leaver(this, cursor.socket, word, cursor, reason);
    cursor.leaver.expectProgress(cursor);
  }

  /** A member's connection is gone. What it has said in whole lines is still said. */
  lost(member: Member, reason: string): void {
    this.remove(member.cursor, reason);
    this.#forget(member);
    if (member.hold === "rate") this.say(member);
  }

  /** A cursor needs the log no more. */
  remove(cursor: Cursor, reason: string): void {
    this.cursors.delete(cursor);
    this.settings.onLeave?.(cursor.name, reason, cursor.end - cursor.position);
    this.settings.wake(0);
  }

  /** Says no more; hands everybody what they are owed, then EOF. */
  stop(): void {
    this.stopping = true;
    this.#turns.stop();
    this.settings.wake(0);
  }

  /** Ends all connections at once. */
  abort(): void {
    for (const leaver of this.owed.over()) leaver.failed();
    for (const leaver of this.lingering.over()) leaver.late();
    for (const { socket } of this.cursors) socket.data.failed("server stopping");
  }

  /**
   * Does the work of a turn: writes to everybody what they are owed and take,
   * makes room in the log, lets waiting talkers go on, ends what is overdue.
   */
  flush(): void {
    const now = this.settings.now();
    this.#turns.resumePaced();
    this.#writeToAll();
    this.#release();
    while (!this.#turns.takeTurns() && this.#patience.hurry(now)) this.#release();
    const isHeldUp = this.#turns.next !== undefined;
    this.#patience.heldUp(now, isHeldUp);
    if (this.stopping && !isHeldUp) for (const { socket } of this.cursors) socket.data.stopped?.();
    let dueAtMs = Math.min(this.#turns.dueAtMs(now), this.#patience.dueAtMs(now));
    for (const deadlines of this.#deadlines) {
      for (const one of deadlines.over(now)) one.late();
      dueAtMs = Math.min(dueAtMs, deadlines.dueAtMs);
    }
    if (dueAtMs !== NEVER) this.settings.wake(Math.max(1, dueAtMs - now));
  }

  /** Moves a talker's whole lines to the log: at most its share, as its rate and the log allow. */
  #moveShareToLog(talker: Member): void {
    const { lines, cursor } = talker;
    let { shareBytes } = this.#turns;
    while (lines.hasLine) {
      const bytesMax = Math.min(shareBytes, this.log.freeBytes);
      const run = lines.take(bytesMax, Math.floor(this.#turns.linesNow(talker)));
      if (run === undefined) return;
      shareBytes -= run.length;
      this.log.append(cursor, run);
      this.#turns.spend(talker, run);
      if (!cursor.gone) this.idle?.start(talker);
      this.settings.wake(0);
    }
  }

  #writeToAll(): void {
    const { head } = this.log;
    for (const cursor of this.cursors)
      if (!cursor.blocked && (cursor.position < head || cursor.leaver)) cursor.write();
  }

  /** Forgets what everybody has. */
  #release(): void {
    let tail = this.log.head;
    for (const { position } of this.cursors) if (position < tail) tail = position;
    this.log.release(tail);
  }

  #forget(member: Member): void {
    this.#turns.remove(member);
    this.idle?.stop(member);
  }
}
