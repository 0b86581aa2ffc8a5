/** A member: its lines on their way in, its cursor on the way out. */

import { assert } from "./assert.ts";
import type { Past } from "./history.ts";
import { longerThan } from "./last-words.ts";
import type { Leaver } from "./leaver.ts";
import { LineBuffer } from "./line-buffer.ts";
import type { Speaker } from "./line-log.ts";
import type { Room } from "./room.ts";
import { GONE, type Life, type RoomSocket } from "./socket.ts";
import type { Talker } from "./turns.ts";

/** How many bytes a member begins with, to those who look at that. */
const OPENING_BYTES = 3;
const NOTHING = new Uint8Array(0);
/** What a reader has to take, at least, in a given time. */
const PROGRESS_BYTES = 64 << 10;

/** One who is in the room: whatever it says, line by line, every other hears. */
export class Member implements Life, Talker {
  readonly cursor: Cursor;
  readonly lines: LineBuffer;
  hold: Talker["hold"];
  /** Whether its peer has sent its last byte. */
  hasEnded = false;
  readonly #room: Room;
  /** The bytes it has begun with, while there are less than `OPENING_BYTES` and somebody looks. */
  #opening: Uint8Array | undefined;
  /** Why its connection is gone. */
  #reason = "";
  /** Why it was sent away. */
  #sentAway: string | undefined;

  constructor(room: Room, socket: RoomSocket, name: string) {
    this.#room = room;
    this.cursor = new Cursor(room, socket, name);
    this.lines = new LineBuffer(room.settings.lineBytesMax);
    this.#opening = room.settings.inspect && NOTHING;
  }

  /** What it is called in reports. */
  get name(): string {
    return this.cursor.name;
  }

  get isGone(): boolean {
    return this.cursor.gone;
  }

  /**
   * Disconnects it: it is heard no more. What it has said already in whole lines is still said, it
   * gets what it is owed until then, and `* reason` as the server's last word. Nothing happens if
   * it has left.
   *
   * @param reason one line, which the report of its leaving has too
   * @throws {RangeError} if it is more than one line
   */
  sendAway(reason: string): void {
    if (reason.includes("\n")) throw new RangeError("a reason is one line");
    if (this.cursor.socket.data !== this || this.#sentAway !== undefined) return;
    this.#sentAway = reason;
    this.#room.sayTheRest(this);
  }

  received(bytes: Uint8Array): void {
    const objection = this.#opening && this.#inspect(this.#opening, bytes);
    if (objection !== undefined) return this.#room.leave(this, objection, objection);
    if (this.#room.stopping || this.#sentAway !== undefined) return;
    this.lines.push(bytes);
    if (this.hold === undefined) this.#room.hear(this);
  }

  drained(): void {
    this.cursor.drained();
  }

  /** Stage 5, dropping the client on its EOF: says its last words; it leaves once they are said. */
  ended(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    if (!this.#room.stopping && this.#sentAway === undefined) this.lines.end();
    if (this.hold === undefined) this.#room.hear(this);
  }

  /** What it has said in whole lines is still said. */
  closed(reason = this.hasEnded ? "end of input" : "reset"): void {
    this.cursor.gone = true;
    this.cursor.socket.data = GONE;
    this.#reason = reason;
    this.#room.lost(this, reason);
  }

  failed(reason = "reset"): void {
    this.closed(reason);
    this.cursor.socket.terminate();
  }

  stopped(): void {
    this.#room.leave(this, "server stopping");
  }

  pause(): void {
    if (!this.cursor.gone && !this.hasEnded) this.cursor.socket.pause();
  }

  resume(): void {
    if (!this.cursor.gone && !this.hasEnded) this.cursor.socket.resume();
  }

  said(run: Uint8Array): void {
    if (!this.cursor.gone) this.#room.idle?.start(this);
    this.#room.ear?.hears(run, this);
  }

  /** It leaves if that was all it will say. */
  saidAll(): void {
    if (this.cursor.gone) this.#room.announcer?.left(this.cursor, this.#reason);
    else if (this.#sentAway !== undefined) this.#room.leave(this, this.#sentAway, this.#sentAway);
    else if (this.lines.tooLong)
      this.#room.leave(this, "line too long", longerThan(this.lines.lineBytesMax));
    else if (this.hasEnded) this.#room.leave(this, "end of input");
  }

  /** It has said no line for too long; time in which its lines had to wait does not count. */
  late(): void {
    if (this.hold === undefined) this.#room.leave(this, "idle", this.#room.settings.idle?.word);
    else this.#room.idle?.start(this);
  }

  /** What the room objects to in what it has begun with, however that was cut. */
  #inspect(opening: Uint8Array, bytes: Uint8Array): string | undefined {
    const begun = opening.length > 0 ? Buffer.concat([opening, bytes]) : bytes;
    this.#opening = begun.length < OPENING_BYTES ? begun : undefined;
    return this.#room.settings.inspect?.(begun);
  }
}

/** A member's place in the log, which stays with it while it leaves. */
export class Cursor implements Speaker {
  readonly socket: RoomSocket;
  /** What it is called in reports. */
  readonly name: string;
  /** How far into the log the socket has taken bytes. */
  position: number;
  lastRun = -1;
  /** Whether the socket took less than it was offered and has not drained since, or it is not its turn. */
  blocked = false;
  /** Whether the connection is gone. */
  gone = false;
  /** What it hears first, of what was said before it came; undefined once it has. */
  past: Past | undefined;
  /** Whoever leaves with it; undefined for a member. */
  leaver: Leaver | undefined;
  /** Kept by `Patience`: which position it has to reach, and since when on its clock. */
  goal = 0;
  goalSetAtMs = 0;
  readonly #room: Room;

  /** One that hears all that is said from now on. */
  constructor(room: Room, socket: RoomSocket, name: string) {
    this.#room = room;
    this.socket = socket;
    this.name = name;
    this.position = room.log.head;
  }

  /** Where that ends in the log which it is owed. */
  get end(): number {
    return this.leaver?.end ?? this.#room.log.head;
  }

  /** How far it has to come in a given time, at the least: by 64 KiB, or to the end. */
  get nextGoal(): number {
    return Math.min(this.position + PROGRESS_BYTES, this.end);
  }

  /** Its socket takes bytes again. */
  drained(): void {
    if (!this.blocked) return;
    this.blocked = false;
    this.past?.drained();
    this.#room.settings.wake(0);
  }

  /**
   * Writes what others said and it is owed, as `rio_writen` does for a descriptor,
   * but without waiting: a short count stops the cursor, `drained` starts it again.
   * A leaver that has everything goes on to its last word.
   */
  write(): void {
    if (this.past !== undefined && !this.past.write()) return;
    if (this.writeUpTo(this.end)) this.leaver?.linger();
  }

  /** Writes up to a position; returns whether the socket has taken all of it. */
  writeUpTo(end: number): boolean {
    const { log } = this.#room;
    while (this.position < end) {
      const { position } = this;
      const { bytes, offset, length, next } = log.read(this, position, end);
      const taken = length > 0 ? this.#offer(bytes, offset, length) : 0;
      if (this.gone) return false;
      this.blocked = taken < length;
      this.position = this.blocked ? log.advance(this, position, taken) : next;
      if (this.blocked) return false;
    }
    return true;
  }

  /** Writes what is not in the log; returns how many bytes the socket has taken. */
  writeAside(bytes: Uint8Array): number {
    const taken = this.#offer(bytes, 0, bytes.length);
    this.blocked = taken < bytes.length;
    return taken;
  }

  /** Returns how many bytes the socket has taken, none if its connection is gone. */
  #offer(bytes: Uint8Array, offset: number, length: number): number {
    const taken = this.socket.write(bytes, offset, length);
    assert(taken <= length, "a socket takes no more than it was offered");
    if (taken < 0) this.socket.data.failed();
    return Math.max(0, taken);
  }
}
