/** The way in: a connection takes its seat once it has shown what is asked of it. */

import { createHash, timingSafeEqual } from "node:crypto";

import { PASS_PHRASE_BYTES_MAX } from "./program/files.ts";
import { formatTime } from "./program/units.ts";
import type { Member, Room, RoomSocket } from "./room.ts";

const LF = 0x0a;
const CR = 0x0d;

/** A socket and who sits behind it: nobody, for a connection that was turned away unseen. */
export interface DoorSocket extends RoomSocket {
  data: Guest | Member | undefined;
}

/** A connection that is not a member yet: it hears nothing, and its lines go nowhere. */
export class Guest {
  /** What it has said of its pass phrase. */
  said: Uint8Array = new Uint8Array(0);
  deadline: NodeJS.Timeout | undefined;

  constructor(
    readonly socket: DoorSocket,
    readonly name: string,
    /** Whether a seat is kept for it; without, it is only told so. */
    readonly seated: boolean,
    public awaits: "handshake" | "pass phrase",
  ) {}
}

export interface DoorOptions {
  /** Whether there is a TLS handshake to wait for. */
  handshake: boolean;
  /** What the first line has to be, without its line end. */
  passPhrase?: Uint8Array | undefined;
  /** How long a guest may take for each thing asked of it, in ms. */
  guestMs: number;
  /** How many may wait for a handshake only to be told that the room is full. */
  standingMax: number;
  onRefuse?: ((name: string, why: string) => void) | undefined;
}

/** Lets connections into a room. */
export class Door {
  readonly #room: Room;
  readonly #options: DoorOptions;
  readonly #passDigest: Uint8Array | undefined;
  #standing = 0;

  constructor(room: Room, options: DoorOptions) {
    this.#room = room;
    this.#options = options;
    this.#passDigest = options.passPhrase && digest(options.passPhrase);
  }

  /** A connection has come. */
  arrive(socket: DoorSocket, name: string): void {
    const { handshake, standingMax } = this.#options;
    if (!handshake && !this.#passDigest) {
      socket.data = this.#room.join(socket, name);
      return;
    }
    const seated = this.#room.reserveSeat();
    if (!seated && !handshake) {
      socket.data = this.#room.refuse(socket, name, "room is full");
      return;
    }
    if (!seated && this.#standing + this.#room.departing >= standingMax) {
      this.#options.onRefuse?.(name, "room is full");
      return socket.terminate();
    }
    if (!seated) this.#standing++;
    const guest = new Guest(socket, name, seated, handshake ? "handshake" : "pass phrase");
    socket.data = guest;
    this.#expect(guest);
  }

  /** A guest's handshake has succeeded, and the guest may come in by it. */
  handshaken(guest: Guest): void {
    if (!guest.seated) return this.#refuse(guest, "room is full");
    if (!this.#passDigest) return void this.#admit(guest);
    guest.awaits = "pass phrase";
    this.#expect(guest);
  }

  /** A guest's bytes have arrived: its first line has to be the pass phrase. */
  hear(guest: Guest, bytes: Uint8Array): void {
    if (guest.awaits !== "pass phrase") return;
    const end = bytes.indexOf(LF);
    const said = Buffer.concat([guest.said, end < 0 ? bytes : bytes.subarray(0, end)]);
    if (said.length > PASS_PHRASE_BYTES_MAX + 1) return this.#refuse(guest, "wrong pass phrase");
    guest.said = said;
    if (end < 0) return;
    if (!this.#isPassPhrase(said)) return this.#refuse(guest, "wrong pass phrase");
    const member = this.#admit(guest);
    if (end + 1 < bytes.length) this.#room.hear(member, bytes.subarray(end + 1));
  }

  /** A guest's input has ended before it said its pass phrase. */
  end(guest: Guest): void {
    if (guest.awaits === "pass phrase") this.#refuse(guest, "wrong pass phrase");
    else this.turnAway(guest, "gone before the handshake");
    const { data } = guest.socket;
    if (data && !(data instanceof Guest)) this.#room.end(data);
  }

  /** Ends a guest's connection without a word. */
  turnAway(guest: Guest, why: string): void {
    this.#options.onRefuse?.(guest.name, why);
    this.close(guest);
    guest.socket.terminate();
  }

  /** A guest's connection is gone. */
  close(guest: Guest): void {
    if (guest.deadline === undefined) return;
    clearTimeout(guest.deadline);
    guest.deadline = undefined;
    guest.socket.data = undefined;
    if (guest.seated) this.#room.releaseSeat();
    else this.#standing--;
  }

  #expect(guest: Guest): void {
    const { guestMs } = this.#options;
    clearTimeout(guest.deadline);
    guest.deadline = setTimeout(() => {
      const why = `no ${guest.awaits} within ${formatTime(guestMs)}`;
      if (guest.awaits === "handshake") this.turnAway(guest, why);
      else this.#refuse(guest, why);
    }, guestMs);
    guest.deadline.unref();
  }

  #admit(guest: Guest): Member {
    this.close(guest);
    return (guest.socket.data = this.#room.join(guest.socket, guest.name));
  }

  #refuse(guest: Guest, word: string): void {
    this.close(guest);
    guest.socket.data = this.#room.refuse(guest.socket, guest.name, word);
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
