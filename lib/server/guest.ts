/** The way in: a connection becomes a member once it has shown what is asked of it. */

import { createHash, timingSafeEqual } from "node:crypto";

import { PASS_PHRASE_BYTES_MAX } from "../program/files.ts";
import { formatTime } from "../program/units.ts";
import type { Room } from "../room/room.ts";
import { GONE, type Life, type RoomSocket } from "../room/socket.ts";
import { greetsInTls, SPEAKS_TLS } from "./tls-words.ts";

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = new Uint8Array(0);

/** A connection that is not a member yet: it hears nothing, and its lines go nowhere. */
export class Guest implements Life {
  awaits: "handshake" | "pass phrase" = "handshake";
  /** What it has said of its pass phrase. */
  said = NOTHING;
  deadlineMs = 0;
  readonly #guests: Guests;

  /** @param refusal why it will be refused once it can be told; undefined for one that holds a seat */
  constructor(
    guests: Guests,
    readonly socket: RoomSocket,
    readonly name: string,
    readonly refusal: string | undefined,
  ) {
    this.#guests = guests;
  }

  /** Its TLS handshake is over. */
  handshaken(failure: string | undefined): void {
    if (failure === undefined) this.#guests.handshaken(this);
    else this.failed(`the handshake failed: ${failure}`);
  }

  received(bytes: Uint8Array): void {
    if (this.awaits === "pass phrase") this.#guests.received(this, bytes);
  }

  drained(): void {}

  ended(): void {
    if (this.awaits === "pass phrase") this.#guests.refuse(this, "wrong pass phrase");
    else this.failed("gone before the handshake");
  }

  closed(): void {
    this.socket.data = GONE;
    this.#guests.forget(this);
  }

  failed(reason = "reset"): void {
    this.closed();
    this.#guests.report(this, reason);
    this.socket.terminate();
  }

  stopped(): void {
    if (this.awaits === "pass phrase") this.#guests.admit(this);
    else this.failed("server stopping");
  }
}

export interface GuestsOptions {
  /** Whether there is a TLS handshake to wait for. */
  handshake: boolean;
  /** What the first line has to be, without its line end. */
  passPhrase?: Uint8Array | undefined;
  /** How long a guest may take for each thing asked of it, in ms. */
  guestMs: number;
  now: () => number;
  wake: (delayMs: number) => void;
  onRefuse?: ((name: string, why: string) => void) | undefined;
}

/** All that are not in yet. */
export class Guests {
  readonly #room: Room;
  readonly #options: GuestsOptions;
  #passDigest: Uint8Array | undefined;
  /** Both in the order of their deadlines: whoever gets a new one goes to the end. */
  readonly #seated = new Set<Guest>();
  readonly #refused = new Set<Guest>();

  constructor(room: Room, options: GuestsOptions) {
    this.#room = room;
    this.#options = options;
    this.passPhrase = options.passPhrase;
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
    const [seated] = this.#seated;
    const [refused] = this.#refused;
    const never = Number.POSITIVE_INFINITY;
    return Math.min(seated?.deadlineMs ?? never, refused?.deadlineMs ?? never);
  }

  /**
   * A connection has come: it is asked for what it has to show.
   *
   * @param refusal why it cannot stay; it is told as soon as that is possible
   */
  arrive(socket: RoomSocket, name: string, refusal: string | undefined): void {
    const guest = new Guest(this, socket, name, refusal);
    socket.data = guest;
    if (this.#options.handshake) this.#expect(guest);
    else this.handshaken(guest);
  }

  handshaken(guest: Guest): void {
    if (guest.refusal !== undefined) return this.refuse(guest, guest.refusal);
    if (!this.#passDigest) return this.admit(guest);
    guest.awaits = "pass phrase";
    this.#expect(guest);
  }

  /** Bytes of a guest whose first line has to be the pass phrase. */
  received(guest: Guest, bytes: Uint8Array): void {
    if (guest.said.length === 0 && !this.#options.handshake && greetsInTls(bytes))
      return this.refuse(guest, SPEAKS_TLS);
    const end = bytes.indexOf(LF);
    guest.said = Buffer.concat([guest.said, end < 0 ? bytes : bytes.subarray(0, end)]);
    const tooLong = guest.said.length > PASS_PHRASE_BYTES_MAX + 1; // and a CR
    if (end < 0 && !tooLong) return;
    if (tooLong || !this.#isPassPhrase(guest.said)) return this.refuse(guest, "wrong pass phrase");
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
    this.#options.onRefuse?.(guest.name, guest.refusal ?? why);
  }

  forget(guest: Guest): void {
    this.#seated.delete(guest);
    this.#refused.delete(guest);
  }

  /** Disconnects those that have taken too long. */
  flush(now: number): void {
    for (const guests of [this.#seated, this.#refused])
      for (const guest of guests) {
        if (now < guest.deadlineMs) break;
        const why = `no ${guest.awaits} within ${formatTime(this.#options.guestMs)}`;
        if (guest.awaits === "handshake") guest.failed(why);
        else this.refuse(guest, why);
      }
  }

  /** Disconnects the one that has waited longest only to be refused; returns whether there was one. */
  closeOldest(): boolean {
    const [oldest] = this.#refused;
    oldest?.failed();
    return oldest !== undefined;
  }

  /** The server stops. */
  stop(): void {
    for (const guests of [this.#seated, this.#refused]) for (const guest of guests) guest.stopped();
  }

  #expect(guest: Guest): void {
    const guests = guest.refusal === undefined ? this.#seated : this.#refused;
    guests.delete(guest);
    guests.add(guest);
    guest.deadlineMs = this.#options.now() + this.#options.guestMs;
    this.#options.wake(0);
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
