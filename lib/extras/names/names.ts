/**
 * `--names`: a client joins with a name, which stands before each of its lines. It is that of its
 * certificate, or else the first line that it sends, or what stands before the first `: ` in it. No
 * two members have names that could be taken for one.
 */

import type { Arrival, Door } from "../../doors/door.ts";
import { awaitBytes } from "../../doors/first-bytes.ts";
import { isName, NAME_LENGTH_MAX, nameKey } from "../../program/name.ts";
import {
  askForName,
  nameTaken,
  NO_NAME_CERTIFIED,
  noNameWithin,
  NOT_A_NAME,
  OUT_OF_SYNC,
  takenOver,
} from "../../program/server-messages.ts";
import { formatTime } from "../../program/units.ts";
import type { Extra } from "../../room/extra.ts";
import type { Lines } from "../../room/fair-queue.ts";
import { LF } from "../../room/line-buffer.ts";
import type { Member } from "../../room/member.ts";
import type { Room } from "../../room/room.ts";
import type { Context, Part, Reservations } from "../part.ts";
import { NamedLines } from "./named-lines.ts";

/** The longest name in UTF-8, of characters of 4 bytes, and its `: `. */
export const PREFIX_BYTES_MAX = NAME_LENGTH_MAX * 4 + 2;
/** How long a client may take for its name, in ms: a person has to type it. */
const NAME_MS = 60_000;
const TOO_LATE = noNameWithin(formatTime(NAME_MS));
/** No name, with the white space around it, is longer, in bytes. */
const NAME_BYTES_MAX = 1024;
/** How many names a newcomer is told. */
const TOLD_MAX = 10;

export function names(context: Context): Part {
  const all = new Names(context);
  const extra = (room: Room) => {
    all.room = room;
    return all;
  };
  return { door: all, extra, addedBytesMax: PREFIX_BYTES_MAX };
}

/** Has a name, from when it asks for it until its member has left. */
interface Owner {
  readonly name: string;
  /** That of its certificate: one that shows the same is the same client. */
  readonly fingerprint: string | undefined;
  readonly arrival: Arrival;
  /** Undefined while it stands at the door. */
  member?: Member;
}

/** The names of a room. */
class Names implements Door, Extra {
  room: Room | undefined;
  readonly #context: Context;
  /** By their keys, in the order they came. */
  readonly #owners = new Map<string, Owner>();

  constructor(context: Context) {
    this.#context = context;
  }

  meet(arrival: Arrival): void {
    // A room that stops takes nobody in, and nobody's name away.
    if (this.room?.isStopping) return arrival.pass();
    const { socket } = arrival;
    const certificate = this.#context.secrets.tls && socket.getPeerCertificate?.();
    if (certificate) {
      const { CN } = certificate.subject;
      const name = typeof CN === "string" ? CN : "";
      return this.#claim(arrival, name, arrival.takeEarly(), certificate.fingerprint256);
    }
    const greeting = Buffer.from(this.#greeting());
    const taken = socket.write(greeting, 0, greeting.length);
    if (socket.data !== arrival) return;
    // A new socket takes so little, or is of no use; and no line is sent in part.
    if (taken < greeting.length) return arrival.failed();
    const read = (received: Buffer, isAll: boolean) => {
      const end = received.indexOf(LF);
      const colon = received.indexOf(": ");
      const line = end < 0 ? received : received.subarray(0, end);
      if (colon >= 0 && colon <= line.length)
        this.#claim(arrival, line.toString("utf8", 0, colon), received);
      else if (end >= 0 || isAll)
        this.#claim(arrival, line.toString().trim(), received.subarray(line.length + 1));
      else if (received.length > NAME_BYTES_MAX) arrival.refuse(NOT_A_NAME);
    };
    awaitBytes(arrival, this.#context.secrets, NAME_MS, read, TOO_LATE);
  }

  linesOf({ name }: Member, lines: Lines): Lines {
    return new NamedLines(lines, name);
  }

  joined(member: Member): void {
    const owner = this.#owners.get(nameKey(member.name));
    if (owner) owner.member = member;
  }

  left(member: Member): void {
    const owner = this.#owners.get(nameKey(member.name));
    if (owner?.member === member) this.#free(owner);
  }

  /** Members have names of their own here no more, and nobody gets the one that was asked for. */
  restarted(): void {
    const owners = [...this.#owners.values()];
    this.#owners.clear();
    for (const { member, arrival } of owners) if (!member) arrival.refuse(OUT_OF_SYNC);
  }

  #greeting(): string {
    const members = this.#owners.values().filter(({ member }) => member);
    const told = Array.from(members.take(TOLD_MAX), ({ name }) => name);
    return askForName(told, this.#owners.size - told.length);
  }

  /**
   * Gives a client the name, and lets it pass; one with the same certificate as its owner takes it
   * over.
   *
   * @param early what it has sent already, in lines
   */
  #claim(arrival: Arrival, name: string, early: Uint8Array, fingerprint?: string): void {
    if (!isName(name)) return arrival.refuse(fingerprint ? NO_NAME_CERTIFIED : NOT_A_NAME);
    const key = nameKey(name);
    const before = this.#owners.get(key);
    // What is not known yet to be its owner's own is not taken over.
    const isSame = fingerprint !== undefined && fingerprint === before?.fingerprint;
    if (before && !(isSame && before.member)) return arrival.refuse(nameTaken(name));
    const owner: Owner = { name, fingerprint, arrival };
    this.#owners.set(key, owner);
    arrival.onRelease(() => this.#free(owner));
    const reservations = this.#reservations;
    if (reservations && !before) return this.#ask(reservations, owner, early);
    before?.member?.disconnect(takenOver(name));
    // What is told of that may have ended this one.
    if (this.#owners.get(key) === owner) this.#admit(owner, early);
  }

  #admit({ arrival, name }: Owner, early: Uint8Array): void {
    arrival.name = name;
    arrival.pass(early);
  }

  /** A member at another server may have the name; until that is known, the client waits here. */
  #ask(reservations: Reservations, owner: Owner, early: Uint8Array): void {
    const { arrival, name } = owner;
    const key = nameKey(name);
    let received = early;
    arrival.hold({
      withinMs: NAME_MS,
      received(bytes) {
        received = Buffer.concat([received, bytes]);
        arrival.socket.pause();
      },
      ended() {},
      late: () => arrival.refuse(TOO_LATE),
    });
    reservations.ask(key, (granted) => {
      if (this.#owners.get(key) !== owner) {
        if (granted && !this.#owners.has(key)) reservations.release(key);
        return;
      }
      arrival.socket.resume();
      if (granted) return this.#admit(owner, received);
      this.#owners.delete(key);
      arrival.refuse(nameTaken(name));
    });
  }

  #free(owner: Owner): void {
    const key = nameKey(owner.name);
    if (this.#owners.get(key) !== owner) return;
    this.#owners.delete(key);
    this.#reservations?.release(key);
  }

  get #reservations(): Reservations | undefined {
    return this.#context.parts.find(({ reservations }) => reservations)?.reservations;
  }
}
