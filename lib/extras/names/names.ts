/**
 * `--names`: a client joins with a name, which stands before each of its lines. It is that of its
 * certificate, or else the first line that it sends, or what stands before the first `: ` in it. No
 * two members have names that could be taken for one, and no line can act on a terminal so that it
 * shows another name.
 */

import type { Arrival, Door } from "../../doors/door.ts";
import { askForName, isName, NAME_LENGTH_MAX, nameKey } from "../../program/names.ts";
import { DISCONNECTS, LASTING, REFUSALS } from "../../program/server-messages.ts";
import { formatTime } from "../../program/units.ts";
import type { Extra } from "../../room/extra.ts";
import type { Lines } from "../../room/fair-queue.ts";
import type { Member } from "../../room/member.ts";
import { DEFAULTS } from "../../room/room.ts";
import type { Context, Part, Reservations } from "../part.ts";
import { NamedLines } from "./named-lines.ts";

/** The longest name in UTF-8, of characters of 4 bytes, and its `: `. */
export const PREFIX_BYTES_MAX = NAME_LENGTH_MAX * 4 + 2;
/** How long a client may take for its name, in ms: a person has to type it. */
const NAME_MS = 60_000;
const TOO_LATE = REFUSALS.noNameWithin(formatTime(NAME_MS));
/** No name, with the white space around it, is longer, in bytes. */
const NAME_BYTES_MAX = 1024;
/** How many names a newcomer is told. */
const TOLD_MAX = 10;

/** What `listen` takes. */
export interface NamesSettings {
  readonly names?: boolean | undefined;
  readonly lineBytesMax?: number | undefined;
}

/** @param lineBytesMax the longest line, as it comes, in bytes: of control characters, it may double */
export function names(context: Context, lineBytesMax = DEFAULTS.lineBytesMax): Part {
  const all = new Names(context);
  return { door: all, extra: () => all, addedBytesMax: PREFIX_BYTES_MAX + lineBytesMax };
}

/** Has a name, from when it asks for it until its member has left. */
interface Owner {
  readonly key: string;
  readonly name: string;
  /** That of its certificate: one that shows the same is the same client. */
  readonly fingerprint: string | undefined;
  readonly arrival: Arrival;
  /** Undefined while it stands at the door. */
  member?: Member;
}

/** The names of a room. */
class Names implements Door, Extra {
  readonly #context: Context;
  readonly #reservations: Reservations | undefined;
  /** By their keys, in the order they came. */
  readonly #owners = new Map<string, Owner>();
  /** How many of them are members. */
  #here = 0;

  constructor(context: Context) {
    this.#context = context;
    this.#reservations = context.parts.find(({ reservations }) => reservations)?.reservations;
  }

  meet(arrival: Arrival): void {
    const { socket } = arrival;
    const certificate = this.#context.secrets.tls && socket.getPeerCertificate?.();
    if (certificate) {
      const { CN } = certificate.subject;
      const name = typeof CN === "string" ? CN : "";
      return this.#claim(arrival, name, 0, certificate.fingerprint256);
    }
    const members = this.#owners.values().filter(({ member }) => member);
    const told = Array.from(members.take(TOLD_MAX), ({ name }) => name);
    const greeting = Buffer.from(askForName(told, this.#here - told.length));
    const taken = socket.write(greeting, 0, greeting.length);
    if (socket.data !== arrival) return;
    // A new socket takes so little, or is of no use; and no line is sent in part.
    if (taken < greeting.length) return arrival.failed();
    const read = (line: Buffer, isWhole: boolean) => {
      const colon = line.indexOf(": ");
      if (colon >= 0) this.#claim(arrival, line.toString("utf8", 0, colon), 0);
      else if (isWhole) this.#claim(arrival, line.toString().trim(), line.length + 1);
      else if (line.length > NAME_BYTES_MAX) arrival.refuse(LASTING.notAName);
    };
    arrival.holdForLine(NAME_MS, TOO_LATE, read);
  }

  linesOf({ name }: Member, lines: Lines): Lines {
    return new NamedLines(lines, name);
  }

  joined(member: Member): void {
    const owner = this.#owners.get(nameKey(member.name));
    if (!owner) return;
    owner.member = member;
    this.#here++;
  }

  left(member: Member, reason: string): void {
    const owner = this.#owners.get(nameKey(member.name));
    if (owner?.member !== member) return;
    this.#free(owner);
    if (owner.fingerprint === undefined && member.cursor.lastRun < 0 && reason === "end of input")
      this.#context.onWarning(`${member.label} sent only its name: no line came after that`);
  }

  /** Members have names of their own here no more, and nobody gets the one that was asked for. */
  restarted(): void {
    const owners = [...this.#owners.values()];
    this.#owners.clear();
    this.#here = 0;
    for (const { member, arrival } of owners)
      if (!member) this.#refuse(arrival, DISCONNECTS.outOfSync);
  }

  /**
   * Gives a client the name, and lets it pass; one with the same certificate as its owner takes it
   * over.
   *
   * @param usedBytes how much of what it has sent is the name, and no line
   */
  #claim(arrival: Arrival, name: string, usedBytes: number, fingerprint?: string): void {
    if (!isName(name))
      return arrival.refuse(fingerprint ? LASTING.noNameCertified : LASTING.notAName);
    const key = nameKey(name);
    const before = this.#owners.get(key);
    // What is not known yet to be its owner's own is not taken over.
    const isSame = fingerprint !== undefined && fingerprint === before?.fingerprint;
    if (before && !(isSame && before.member)) return arrival.refuse(REFUSALS.nameTaken(name));
    const owner: Owner = { key, name, fingerprint, arrival };
    if (before) this.#here--;
    arrival.name = name;
    this.#owners.set(key, owner);
    arrival.onRelease(() => this.#free(owner));
    if (this.#reservations && !before) return this.#ask(this.#reservations, owner, usedBytes);
    before?.member?.disconnect(DISCONNECTS.takenOver(name));
    // What is told of that may have ended this one.
    if (this.#owners.get(key) === owner) arrival.pass(usedBytes);
  }

  /** A member at another server may have the name; until that is known, the client waits here. */
  #ask(reservations: Reservations, owner: Owner, usedBytes: number): void {
    const { key, name, arrival } = owner;
    const read = (received: Buffer) => {
      if (received.length > usedBytes) arrival.socket.pause();
    };
    arrival.hold({ withinMs: NAME_MS, read, late: () => this.#refuse(arrival, TOO_LATE) });
    reservations.ask(key, (granted) => {
      // One that has gone has released the name: what is asked for is done in order.
      if (this.#owners.get(key) !== owner) return;
      if (!granted) {
        this.#owners.delete(key);
        return this.#refuse(arrival, REFUSALS.nameTaken(name));
      }
      arrival.socket.resume();
      arrival.pass(usedBytes);
    });
  }

  /** Refuses one that waits; the end of a paused socket would not be seen. */
  #refuse(arrival: Arrival, why: string): void {
    arrival.socket.resume();
    arrival.refuse(why);
  }

  #free(owner: Owner): void {
    if (this.#owners.get(owner.key) !== owner) return;
    this.#owners.delete(owner.key);
    if (owner.member) this.#here--;
    this.#reservations?.release(owner.key);
  }
}
