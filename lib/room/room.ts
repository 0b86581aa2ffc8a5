/**
 * The room: whatever one member says, line by line, every other member hears. It is one log of
 * lines, and for each member a cursor: how far into the log its socket has taken bytes. The room
 * knows no network and no clock: it talks to sockets it was given, and asks to be flushed.
 */

import { Announcer } from "./announcer.ts";
import { assert } from "./assert.ts";
import type { Cursor } from "./cursor.ts";
import { Deadlines } from "./deadlines.ts";
import { Ear } from "./ear.ts";
import { NOT_IN_ROOM } from "../program/server-messages.ts";
import { Leaver } from "./leaver.ts";
import { LineLog } from "./line-log.ts";
import { Member } from "./member.ts";
import { type Identity, Names, PREFIX_BYTES_MAX } from "./names.ts";
import { Newcomers } from "./newcomers.ts";
import { DEFAULTS, type RoomOptions } from "./options.ts";
import type { Order } from "./order.ts";
import { Patience } from "./patience.ts";
import { Sharing } from "./sharing.ts";
import type { RoomSocket } from "./socket.ts";
import { Tally } from "./tally.ts";
import { type Talker, Turns } from "./turns.ts";
import { Voice } from "./voice.ts";

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The way of a line: `received` puts bytes into the `LineBuffer` of a member; `hear` moves whole
 * lines to the `LineLog`, as far as there is room; `flush`, once a turn, has each cursor write up to
 * the head, forgets what everybody has, and lets waiting talkers go on.
 */
export class Room {
  readonly settings: RoomOptions & typeof DEFAULTS;
  /** Everything said that somebody still has to take, and the history. */
  readonly log: LineLog;
  /** Where a line gets its place: in the log, unless several servers share the room. */
  readonly order: Order;
  readonly sharing: Sharing | undefined;
  /** Those of members, and of leavers that are still owed something, in the order they came. */
  readonly cursors = new Set<Cursor>();
  /** Who has to say a line; only in a room that minds. */
  readonly idle: Deadlines<Member> | undefined;
  /** Only where somebody listens. */
  readonly ear: Ear | undefined;
  /** Who is called what; only in a room with names. */
  readonly names: Names | undefined;
  /** The longest line in the log, in bytes. */
  readonly saidBytesMax: number;
  /** Only in a room that tells who comes and goes. */
  readonly announcer: Announcer | undefined;
  /** Only where newcomers are told something first. */
  readonly newcomers: Newcomers | undefined;
  /** Leavers that are still owed something, and those that are not. */
  readonly owed: Deadlines<Leaver>;
  readonly lingering: Deadlines<Leaver>;
  readonly #due: readonly (Deadlines<Member | Leaver> | Announcer)[];
  readonly #turns: Turns;
  readonly #patience: Patience;
  readonly tally = new Tally();
  /** Whether no more is said. */
  stopping = false;

  /** @throws {Error} if the log could not hold the longest line */
  constructor(options: RoomOptions) {
    this.settings = { ...DEFAULTS, ...options };
    const { logBytes, lineBytesMax, patienceMs, lingerMs, idle, now, onLine } = this.settings;
    const { names, announce = false, history } = this.settings;
    this.names = names ? new Names(this) : undefined;
    this.saidBytesMax = lineBytesMax + (names ? PREFIX_BYTES_MAX : 0);
    assert(this.saidBytesMax <= logBytes, "the log holds the longest line");
    this.log = new LineLog(logBytes, undefined, history?.bytes, history?.lines);
    this.idle = idle && new Deadlines(idle.ms, now);
    this.ear = onLine && new Ear(onLine);
    this.announcer = announce ? new Announcer(this) : undefined;
    this.newcomers = history || names ? new Newcomers(this, announce) : undefined;
    this.owed = new Deadlines(patienceMs + lingerMs, now);
    this.lingering = new Deadlines(lingerMs, now);
    const due = [this.idle, this.owed, this.lingering, this.announcer];
    this.#due = due.filter((one) => one !== undefined);
    this.#turns = new Turns(this);
    this.#patience = new Patience(this);
    this.sharing = options.order && new Sharing(this, this.#turns, options.order);
    this.order = options.order ?? this.log;
    if (this.sharing) options.order?.attach(this.sharing);
  }

  /** How many are in the room: members, and those who leave and do not have everything yet. */
  get size(): number {
    return this.cursors.size;
  }

  /** How many seats are taken: who is gone keeps one until all it has said is in the log. */
  get seats(): number {
    return this.cursors.size + this.#turns.gone;
  }

  /** Who is here, in the order they came, less those who leave. */
  get members(): Member[] {
    const lives = Array.from(this.cursors, ({ socket }) => socket.data);
    return lives.filter((life) => life instanceof Member);
  }

  /**
   * Takes in a connection, which hears history, if there is any, and then all that is said.
   *
   * @param name for reports
   * @param identity who it is by its certificate, in a room with names
   */
  join(socket: RoomSocket, name: string, identity?: Identity): void {
    if (this.stopping) return new Leaver(this, socket).linger();
    if (this.sharing?.order.takesNewcomers === false) return this.refuse(socket, name, NOT_IN_ROOM);
    const member = new Member(this, socket, name, identity);
    const refusal = identity && this.names?.claim(member, identity.name);
    if (refusal !== undefined) return this.refuse(socket, name, refusal);
    socket.data = member;
    this.cursors.add(member.cursor);
    this.newcomers?.add(member.cursor);
    this.#turns.add(member);
    this.idle?.start(member);
    if (this.idle) this.settings.wake(0);
    if (!this.names) this.announcer?.joined(member.cursor, name);
    this.settings.onJoin?.(name);
    this.names?.welcome(member);
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

  /**
   * Says a line of the program's own, which every member hears, in its turn with all others: to
   * wait until it is said is to be slowed as they are.
   *
   * @param line without its LF, which is added
   * @returns once it is in the log; false if the room says no more, or has lost the thread
   * @throws {RangeError} at once, if it has an LF in it, or is longer than a line may be
   */
  say(line: string | Uint8Array): Promise<boolean> {
    const voice = new Voice(line, this.settings.lineBytesMax, this.sharing);
    if (this.stopping) return Promise.resolve(false);
    this.hear(voice);
    return voice.isSaid;
  }

  /** Lets a talker say what it may; it waits when it has more to say. */
  hear(talker: Talker): void {
    // Nobody overtakes those who wait.
    if ((this.#turns.next ?? talker) === talker) this.#turns.sayShare(talker);
    if (talker.lines.hasLine) return this.#turns.hold(talker);
    this.#turns.release(talker);
    talker.saidAll();
  }

  /** Has a member leave once it has all that was said until now, with the server's last word. */
  leave(member: Member, reason: string, word?: string): void {
    assert(member.hold === undefined, "who leaves has said everything");
    const { cursor } = member;
    // What its socket takes already is not to count as progress later.
    if (cursor.blocked) cursor.write();
    if (cursor.socket.data !== member) return;
    this.#turns.remove(member);
    this.idle?.stop(member);
    this.fallsSilent(member, reason);
    cursor.leaver = new Leaver(this, cursor.socket, word, cursor, reason);
    cursor.leaver.expectProgress(cursor);
  }

  /** Has a member that says no more say what it still has to say, as soon as there is room. */
  sayTheRest(member: Member): void {
    this.#turns.remove(member);
    this.idle?.stop(member);
    if (member.hold !== "room") this.hear(member);
  }

  /** All that a member has said is in the log, and it will say no more. */
  fallsSilent(member: Member, reason: string): void {
    this.names?.release(member);
    this.announcer?.left(member.cursor, reason);
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
    this.announcer?.stop();
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
    this.sharing?.order.moveToLog();
    this.#writeToAll();
    this.newcomers?.flush();
    this.#release();
    const goOn = () => this.sharing?.goOn() ?? this.#turns.takeTurns();
    while (!goOn() && this.#patience.hurry(now)) this.#release();
    this.ear?.tell();
    const isHeldUp = this.sharing?.order.isHeldUp ?? this.#turns.next !== undefined;
    this.#patience.heldUp(now, isHeldUp);
    if (this.stopping && this.#turns.haveSaidAll && this.sharing?.hasSaidAll !== false)
      for (const { socket } of this.cursors) socket.data.stopped?.();
    let dueAtMs = Math.min(this.#turns.dueAtMs(now), this.#patience.dueAtMs(now));
    if (this.sharing) dueAtMs = Math.min(dueAtMs, this.sharing.order.flush(now));
    for (const due of this.#due) {
      for (const one of due.over(now)) one.late();
      dueAtMs = Math.min(dueAtMs, due.dueAtMs);
    }
    if (dueAtMs !== NEVER) this.settings.wake(Math.max(1, dueAtMs - now));
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
}
