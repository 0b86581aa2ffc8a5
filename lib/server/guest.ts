/** The way in: a connection becomes a member once it has shown what is asked of it. */

import { createHash, timingSafeEqual } from "node:crypto";

import { PASS_PHRASE_BYTES_MAX } from "../program/files.ts";
import { formatTime } from "../program/units.ts";
import type { Deadlines } from "../room/deadlines.ts";
import {
  noPassPhraseWithin,
  ROOM_IS_FULL,
  SPEAKS_TLS,
  WRONG_PASS_PHRASE,
} from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";
import type { Identity } from "../room/names.ts";
import { close, GONE, type Life } from "../room/socket.ts";
import type { AcceptedSocket } from "./connection-options.ts";
import type { Connections } from "./connections.ts";
import { identityOf } from "./identity.ts";
import { greetsInTls } from "./tls-words.ts";

const CR = 0x0d;

/** One that is not in yet, of which something is expected within a time. */
export interface Waiting {
  /** It has taken too long. */
  late(): void;
  /** The server stops. */
  stopped(): void;
  failed(): void;
}

/** A connection that is not a member yet: it hears nothing, and its lines go nowhere. */
export class Guest implements Life, Waiting {
  /** What it has said of its pass phrase. */
  said = new Uint8Array(0);
  readonly #connections: Connections;
  readonly #socket: AcceptedSocket;
  readonly #name: string;
  /** Whether there is a TLS handshake to wait for. */
  readonly #handshake: boolean;
  /** Why it is refused as soon as it can be told; undefined for one that holds a seat. */
  #refusal: string | undefined;
  #deadlines: Deadlines<Waiting>;
  #awaits: "handshake" | "pass phrase" = "handshake";

  constructor(
    connections: Connections,
    socket: AcceptedSocket,
    name: string,
    handshake: boolean,
    refusal?: string,
  ) {
    this.#connections = connections;
    this.#socket = socket;
    this.#name = name;
    this.#handshake = handshake;
    this.#refusal = refusal;
    this.#deadlines = refusal === undefined ? connections.seated : connections.refused;
    socket.data = this;
  }

  /** It has come. */
  arrive(): void {
    if (this.#handshake) this.#expect("handshake");
    else this.handshaken();
  }

  handshaken(failure?: string): void {
    if (failure !== undefined) return this.failed(`the handshake failed: ${failure}`);
    if (this.#refusal === ROOM_IS_FULL && this.#connections.succeeds(this.#identity))
      this.#takeSeat();
    if (this.#refusal !== undefined) this.#refuse(this.#refusal);
    else if (this.#connections.passPhrase) this.#expect("pass phrase");
    else this.#admit();
  }

  /** Compares the first line with the pass phrase; what follows is said. */
  received(bytes: Uint8Array): void {
    if (this.#awaits === "handshake") return;
    const end = bytes.indexOf(LF);
    this.said = Buffer.concat([this.said, end < 0 ? bytes : bytes.subarray(0, end)]);
    if (!this.#handshake && greetsInTls(this.said)) return this.#refuse(SPEAKS_TLS);
    const tooLong = this.said.length > PASS_PHRASE_BYTES_MAX + 1; // and a CR
    if (end < 0 && !tooLong) return;
    if (tooLong || !this.#knowsPassPhrase()) return this.#refuse(WRONG_PASS_PHRASE);
    this.#admit();
    if (end + 1 < bytes.length) this.#socket.data.received(bytes.subarray(end + 1));
  }

  drained(): void {}

  ended(): void {
    if (this.#awaits === "pass phrase") this.#refuse(WRONG_PASS_PHRASE);
    else this.failed("gone before the handshake");
  }

  closed(): void {
    this.#socket.data = GONE;
    this.#deadlines.stop(this);
  }

  failed(reason = "reset"): void {
    this.closed();
    this.#report(this.#refusal ?? reason);
    this.#socket.terminate();
  }

  stopped(): void {
    this.handshaken = () => {}; // Closing the socket fails the handshake, which is no news.
    this.#report("server stopping");
    close(this.#socket);
  }

  /** It has taken too long. */
  late(): void {
    const time = formatTime(this.#connections.settings.guestMs);
    if (this.#awaits === "handshake") this.failed(`no handshake within ${time}`);
    else this.#refuse(noPassPhraseWithin(time));
  }

  #expect(what: "handshake" | "pass phrase"): void {
    this.#awaits = what;
    this.#deadlines.start(this);
    this.#connections.room.settings.wake(0);
  }

  /** Compares digests, whose length tells nothing, in a time that tells nothing. */
  #knowsPassPhrase(): boolean {
    const { said } = this;
    const { passPhrase } = this.#connections;
    const line = said.at(-1) === CR ? said.subarray(0, -1) : said;
    return passPhrase !== undefined && timingSafeEqual(digest(line), digest(passPhrase));
  }

  /** Who it is by its certificate, where that matters. */
  get #identity(): Identity | undefined {
    return this.#connections.room.names && this.#handshake ? identityOf(this.#socket) : undefined;
  }

  /** It is not refused after all. */
  #takeSeat(): void {
    this.#deadlines.stop(this);
    this.#deadlines = this.#connections.seated;
    this.#refusal = undefined;
  }

  #admit(): void {
    this.#deadlines.stop(this);
    const { room } = this.#connections;
    const identity = this.#identity;
    room.join(this.#socket, this.#name, identity);
  }

  #refuse(word: string): void {
    this.#deadlines.stop(this);
    this.#connections.room.refuse(this.#socket, this.#name, word);
  }

  #report(why: string): void {
    this.#connections.room.settings.onRefuse?.(this.#name, why);
  }
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
