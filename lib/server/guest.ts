/** The way in: a connection becomes a member once it has shown what is asked of it. */

import { createHash, timingSafeEqual } from "node:crypto";

import { PASS_PHRASE_BYTES_MAX } from "../program/files.ts";
import { formatTime } from "../program/units.ts";
import { Deadlines } from "../room/deadlines.ts";
import type { Room } from "../room/room.ts";
import { close, GONE, type Life, type RoomSocket } from "../room/socket.ts";
import { greetsInTls, SPEAKS_TLS } from "./tls-words.ts";

const LF = 0x0a;
const CR = 0x0d;
const WRONG = "wrong pass phrase";

/** What guests have to show, and how soon. */
export interface GuestsOptions {
  /** Whether there is a TLS handshake to wait for. */
  readonly handshake: boolean;
  /** What the first line has to be, without its line end. */
  readonly passPhrase?: Uint8Array | undefined;
  /** How long a guest may take for each thing asked of it, in ms; 10 s by default. */
  readonly guestMs?: number;
}

/** A connection that is not a member yet: it hears nothing, and its lines go nowhere. */
export class Guest implements Life {
  readonly socket: RoomSocket;
  readonly name: string;
  /** Why it is refused as soon as it can be told; undefined for one that holds a seat. */
  readonly refusal: string | undefined;
  awaits: "handshake" | "pass phrase" = "handshake";
  /** What it has said of its pass phrase. */
  said = new Uint8Array(0);
  readonly #guests: Guests;

  constructor(guests: Guests, socket: RoomSocket, name: string, refusal: string | undefined) {
    this.#guests = guests;
    this.socket = socket;
    this.name = name;
    this.refusal = refusal;
  }

  handshaken(failure: string | undefined): void {
    if (failure === undefined) this.#guests.handshaken(this);
    else this.failed(`the handshake failed: ${failure}`);
  }

  received(bytes: Uint8Array): void {
    if (this.awaits === "pass phrase") this.#guests.compare(this, bytes);
  }

  drained(): void {}

  ended(): void {
    if (this.awaits === "pass phrase") this.#guests.refuse(this, WRONG);
    else this.failed("gone before the handshake");
  }

  closed(): void {
    this.socket.data = GONE;
    this.#guests.forget(this);
  }

  failed(reason = "reset"): void {
    this.closed();
    this.#guests.report(this, this.refusal ?? reason);
    this.socket.terminate();
  }

  stopped(): void {
    this.handshaken = () => {}; // Closing the socket fails the handshake, which is no news.
    this.#guests.report(this, "server stopping");
    close(this.socket);
  }
}

/** All that are not in yet. */
export class Guests {
  readonly #room: Room;
  readonly #handshake: boolean;
  readonly #guestMs: number;
  #passDigest: Uint8Array | undefined;
  readonly #seated: Deadlines<Guest>;
  readonly #refused: Deadlines<Guest>;

  constructor(room: Room, { handshake, passPhrase, guestMs = 10_000 }: GuestsOptions) {
    this.#room = room;
    this.#handshake = handshake;
    this.#guestMs = guestMs;
    this.#seated = new Deadlines(guestMs, room.settings.now);
    this.#refused = new Deadlines(guestMs, room.settings.now);
    this.passPhrase = passPhrase;
  }

  /** What the first line of newcomers has to be from now on. */
  set passPhrase(phrase: Uint8Array | undefined) {
    this.#passDigest = phrase && digest(phrase);
  }

  /** How many hold a seat. */
  get seats(): number {
    return this.#seated.size;
  }

  /** When the next one has taken too long. */
  get dueAtMs(): number {
    return Math.min(this.#seated.dueAtMs, this.#refused.dueAtMs);
  }

  /** A connection has come; it may have a reason why it cannot stay. */
  arrive(socket: RoomSocket, name: string, refusal: string | undefined): void {
    const guest = new Guest(this, socket, name, refusal);
    socket.data = guest;
    if (this.#handshake) this.#expect(guest, "handshake");
    else this.handshaken(guest);
  }

  handshaken(guest: Guest): void {
    if (guest.refusal !== undefined) this.refuse(guest, guest.refusal);
    else if (this.#passDigest) this.#expect(guest, "pass phrase");
    else this.admit(guest);
  }

  /** Compares the first line with the pass phrase; what follows is said. */
  compare(guest: Guest, bytes: Uint8Array): void {
    if (!this.#handshake && guest.said.length === 0 && greetsInTls(bytes))
      return this.refuse(guest, SPEAKS_TLS);
    const end = bytes.indexOf(LF);
    guest.said = Buffer.concat([guest.said, end < 0 ? bytes : bytes.subarray(0, end)]);
    const tooLong = guest.said.length > PASS_PHRASE_BYTES_MAX + 1; // and a CR
    if (end < 0 && !tooLong) return;
    if (tooLong || !this.#isPassPhrase(guest.said)) return this.refuse(guest, WRONG);
    this.admit(guest);
    if (end + 1 < bytes.length) guest.socket.data.received(bytes.subarray(end + 1));
  }

  admit(guest: Guest): void {
    this.forget(guest);
    this.#room.join(guest.socket, guest.name);
  }

  refuse(guest: Guest, word: string): void {
    this.forget(guest);
    this.#room.refuse(guest.socket, guest.name, word);
  }

  report(guest: Guest, why: string): void {
    this.#room.settings.onRefuse?.(guest.name, why);
  }

  forget(guest: Guest): void {
    this.#seated.stop(guest);
    this.#refused.stop(guest);
  }

  /** Disconnects those that have taken too long. */
  flush(now: number): void {
    for (const guest of [...this.#seated.over(now), ...this.#refused.over(now)]) {
      const why = `no ${guest.awaits} within ${formatTime(this.#guestMs)}`;
      if (guest.awaits === "handshake") guest.failed(why);
      else this.refuse(guest, why);
    }
  }

  /** Disconnects the one that has waited longest only to be refused. */
  closeOldest(): void {
    this.#refused.first?.failed();
  }

  /** The server stops. */
  stop(): void {
    for (const guest of [...this.#seated.all(), ...this.#refused.all()]) guest.stopped();
  }

  #expect(guest: Guest, what: Guest["awaits"]): void {
    guest.awaits = what;
    (guest.refusal === undefined ? this.#seated : this.#refused).start(guest);
    this.#room.wake(0);
  }

  /** Compares digests, whose length tells nothing, in a time that tells nothing. */
  #isPassPhrase(said: Uint8Array): boolean {
    const line = said.at(-1) === CR ? said.subarray(0, -1) : said;
    return this.#passDigest !== undefined && timingSafeEqual(digest(line), this.#passDigest);
  }
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
