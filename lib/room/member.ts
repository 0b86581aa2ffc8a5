/** A member: its lines on their way in, its cursor on their way out, and how it leaves. */

import { Cursor } from "./cursor.ts";
import { lineLongerThan } from "../program/server-messages.ts";
import { LineBuffer } from "./line-buffer.ts";
import { type Bearer, NamedLines } from "./named-lines.ts";
import type { Identity } from "./names.ts";
import type { Room } from "./room.ts";
import { GONE, type Life, type RoomSocket } from "./socket.ts";
import type { Talker } from "./turns.ts";

/** How many bytes a member begins with, to those who look at that. */
const OPENING_BYTES = 3;
const NOTHING = new Uint8Array(0);

/** One who is in the room: whatever it says, line by line, every other hears. */
export class Member implements Life, Talker, Bearer {
  readonly cursor: Cursor;
  readonly lines: LineBuffer | NamedLines;
  /** What it is called in a room with names, once that is known; kept by `Names`. */
  ownName: string | undefined;
  readonly identity: Identity | undefined;
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
  /** Whether it leaves as soon as all that it has said is in the log. */
  #isLetGo = false;

  /** @param identity who it is by its certificate, in a room with names */
  constructor(room: Room, socket: RoomSocket, name: string, identity?: Identity) {
    const { lineBytesMax } = room.settings;
    this.#room = room;
    this.cursor = new Cursor(room, socket, name);
    this.#opening = room.settings.inspect && NOTHING;
    this.identity = identity;
    this.lines = room.names
      ? new NamedLines(lineBytesMax, this, identity?.name)
      : new LineBuffer(lineBytesMax);
  }

  /** What it is called in reports. */
  get name(): string {
    return this.cursor.name;
  }

  get isGone(): boolean {
    return this.cursor.gone;
  }

  /** Asks for the name it has said; returns why it cannot have it, in a room with names. */
  claim(name: string): string | undefined {
    return this.#room.names?.name(this, name);
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
    if (!this.#room.stopping) this.lines.end();
    if (this.hold === undefined) this.#room.hear(this);
  }

  /** What it has said in whole lines is still said. */
  closed(reason = this.hasEnded ? "end of input" : "reset"): void {
    this.cursor.gone = true;
    this.cursor.socket.data = GONE;
    this.#reason = reason;
    this.#room.remove(this.cursor, reason);
    this.#room.sayTheRest(this);
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
    if (this.cursor.gone) return this.#room.fallsSilent(this, this.#reason);
    if (this.#isLetGo) return;
    const { refusal } = this.lines;
    if (this.#sentAway !== undefined) this.#letGo(this.#sentAway, this.#sentAway);
    else if (this.lines.tooLong) this.#letGo("line too long", lineLongerThan(this.lines.lineBytesMax));
    else if (refusal !== undefined) this.#letGo(refusal, refusal);
    else if (this.hasEnded) this.#letGo("end of input");
  }

  /** It has said no line for too long; time in which its lines had to wait does not count. */
  late(): void {
    if (this.hold === undefined) this.#room.leave(this, "idle", this.#room.settings.idle?.word);
    else this.#room.idle?.start(this);
  }

  #letGo(reason: string, word?: string): void {
    this.#isLetGo = true;
    const { sharing } = this.#room;
    if (sharing) sharing.letGo(this, reason, word);
    else this.#room.leave(this, reason, word);
  }

  /** What the room objects to in what it has begun with, however that was cut. */
  #inspect(opening: Uint8Array, bytes: Uint8Array): string | undefined {
    const begun = opening.length > 0 ? Buffer.concat([opening, bytes]) : bytes;
    this.#opening = begun.length < OPENING_BYTES ? begun : undefined;
    return this.#room.settings.inspect?.(begun);
  }
}
