/**
 * `--reconnect`: a conversation that outlives its connections. What is sent waits while there is no
 * connection. Once the system has taken it, it may have been relayed, so it is not sent again, with
 * one exception: a server that refuses this client has relayed nothing. What else is known to be
 * lost is counted and told: the rest of a line that was cut off, a line that was too long, what was
 * sent before a late refusal. What else was on its way when a connection was lost, no client knows.
 */

import { LF } from "../program/lines.ts";
import { UserError } from "../program/system-errors.ts";
import type { SocketConnection } from "./connection.ts";
import { type Conversation, OneConnection, type Part } from "./conversation.ts";
import type { Disconnect } from "./disconnects.ts";
import type { Notes } from "./notes.ts";
import { WholeLines } from "./whole-lines.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** After a connection that has lasted so long, the next delay is the first again. */
const GOOD_MS = 10_000;
/** More than a socket takes before a refusal is received. */
const KEPT_BYTES_MAX = 8 << 20;

/**
 * How long to wait before trying to connect, in ms: exponential backoff with jitter.
 *
 * @param failures how often in a row it came to nothing; each doubles the time, up to 30 s
 * @param random from 0, for half of that time, to 1: the clients of a server come back one by one
 */
export function retryDelayMs(failures: number, random = Math.random()): number {
  return (Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures) * (1 + random)) / 2;
}

/** What is sent over one connection after another. It knows no connection. */
export class Outgoing {
  /** What the connection is to take, oldest first. */
  readonly #pending: Uint8Array[] = [];
  #ended = false;
  /** What this connection has taken; undefined once that is not to be sent again. */
  #kept: Bun.ArrayBufferSink | undefined;
  #takenBytes = 0;
  #endsInsideLine = false;
  /** Whether what is pending begins with the rest of a line that is lost. */
  #skipsRest = false;
  lostLines = 0;

  /** What the connection is to take now. */
  get next(): Uint8Array | undefined {
    return this.#pending[0];
  }

  /** Whether everything was taken, and no more will come. */
  get isDone(): boolean {
    return this.#ended && this.next === undefined;
  }

  /** Takes bytes to send, which are not to be changed until there is no `next`. */
  add(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#pending.push(bytes);
    this.#skipRest();
  }

  end(): void {
    this.#ended = true;
  }

  connected(): void {
    this.#kept = new Bun.ArrayBufferSink();
    this.#takenBytes = 0;
    this.#endsInsideLine = false;
  }

  /** The connection has taken so many bytes of `next`. */
  taken(count: number): void {
    const bytes = this.#drop(count);
    this.#takenBytes += count;
    this.#endsInsideLine = bytes.at(-1) !== LF;
    if (this.#takenBytes > KEPT_BYTES_MAX) this.#kept = undefined;
    this.#kept?.write(bytes);
  }

  /** The server has accepted this client: what was taken may have been relayed. */
  accepted(): void {
    this.#kept = undefined;
  }

  /** The connection is lost, perhaps with a message; returns what is lost with it, in words. */
  lost(disconnect?: Disconnect): string | undefined {
    const { isRefusal = false, message = "" } = disconnect ?? {};
    if (isRefusal && this.#kept) {
      const kept = new Uint8Array(this.#kept.end());
      if (kept.length > 0) this.#pending.unshift(kept);
      return undefined;
    }
    // The end ends a line, too.
    const isCut = this.#endsInsideLine && !this.isDone;
    if (!isCut && !isRefusal && !message.startsWith("line longer than")) return undefined;
    this.lostLines++;
    this.#skipsRest ||= this.#endsInsideLine;
    this.#skipRest();
    return disconnect
      ? "what was sent before that is lost"
      : "a line was cut off; its rest is not sent";
  }

  #skipRest(): void {
    for (let next = this.next; this.#skipsRest && next; next = this.next) {
      const end = next.indexOf(LF) + 1;
      this.#skipsRest = end === 0;
      this.#drop(end || next.length);
    }
  }

  /** Removes the first bytes of what is pending. */
  #drop(count: number): Uint8Array {
    const first = this.#pending.shift() ?? new Uint8Array(0);
    if (count < first.length) this.#pending.unshift(first.subarray(count));
    return first.subarray(0, count);
  }
}

/** Connects, and again whenever a connection is lost. Lines that are received come out whole. */
export class ReconnectingConversation implements Conversation {
  readonly #address: string;
  readonly #connect: () => Promise<SocketConnection>;
  readonly #part: Part;
  readonly #notes: Notes;
  readonly #outgoing = new Outgoing();
  readonly #received = new WholeLines();
  /** Undefined while there is no connection. */
  #current: OneConnection | undefined;
  #connectedAtMs = 0;
  /** Where lines are being written. */
  #sendingTo: OneConnection | undefined;
  #wakeWriter: (() => void) | undefined;
  /** Resolves when there is nothing left to send. */
  readonly #done = Promise.withResolvers<void>();
  #isOver = false;
  /** How many tries and connections in a row came to nothing; undefined before the first try. */
  #failures: number | undefined;
  /** Why there is no connection, as noted. */
  #failure: UserError | undefined;
  #wasRefused = false;
  /** Whether the connection was noted. */
  #isNoted = false;

  /**
   * @param address where it connects to, as the user wrote it
   * @param connect makes a connection
   * @param notes told what happens
   */
  constructor(address: string, connect: () => Promise<SocketConnection>, part: Part, notes: Notes) {
    this.#address = address;
    this.#connect = connect;
    this.#part = part;
    this.#notes = notes;
  }

  /**
   * Waits for whole lines. It is this that connects, and notices a loss: so it has to be called for
   * `write` to go on.
   *
   * @throws {UserError} for what another try would not change; after `endOutput`, when the
   *   connection is lost; at the end, when lines are known to be lost
   */
  async read(): Promise<Uint8Array | undefined> {
    while (!this.#isOver) {
      const current = (this.#current ??= await this.#open());
      if (current === undefined) break;
      let bytes: Uint8Array | undefined;
      let failure: UserError | undefined;
      try {
        bytes = await current.read();
      } catch (error) {
        failure = asUserError(error);
      }
      if (current.isMember) {
        this.#outgoing.accepted();
        this.#noteConnected();
      }
      const lines = bytes ? this.#received.push(bytes) : this.#closed(current, failure);
      if (lines !== undefined) return lines;
    }
    const { lostLines } = this.#outgoing;
    const rest = this.#received.end();
    if (rest !== undefined || lostLines === 0) return rest;
    throw new UserError(
      `at least ${lostLines} ${lostLines === 1 ? "line was" : "lines were"} lost`,
    );
  }

  /** Sends all of the bytes, over as many connections as it takes; returns true, in the end. */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.#outgoing.add(bytes);
    void this.#send();
    while (this.#outgoing.next) await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    return true;
  }

  /** Half-closes as soon as everything has been taken. */
  endOutput(): void {
    this.#outgoing.end();
    void this.#send();
    if (this.#outgoing.isDone) this.#done.resolve();
  }

  /** Connects, in as many tries as it takes; undefined when there is nothing left to send. */
  async #open(): Promise<OneConnection | undefined> {
    for (;;) {
      if (this.#failures !== undefined) {
        const delayMs = retryDelayMs(this.#failures);
        this.#notes.status(`retrying in ${Math.ceil(delayMs / 1000)} s`);
        await Promise.race([Bun.sleep(delayMs), this.#done.promise]);
        if (this.#outgoing.isDone && this.#failure) throw this.#failure;
        if (this.#outgoing.isDone) return undefined;
      }
      this.#failures = (this.#failures ?? -1) + 1;
      this.#notes.status(`connecting to ${this.#address}`);
      const made = await this.#connect().catch(asUserError);
      this.#notes.status("");
      if (made instanceof UserError) {
        if (made.permanent) throw made;
        this.#noteFailure(made);
        continue;
      }
      this.#connectedAtMs = performance.now();
      this.#outgoing.connected();
      this.#current = new OneConnection(made, this.#part, this.#notes);
      // A server that has refused this client may do so again: it is noted once it has not.
      if (!this.#wasRefused) this.#noteConnected();
      void this.#send();
      return this.#current;
    }
  }

  /** Hands over what is next, as long as there is a connection that takes it. */
  async #send(): Promise<void> {
    const current = this.#current;
    if (current === undefined || current === this.#sendingTo) return;
    this.#sendingTo = current;
    const taken = (count: number) => this.#outgoing.taken(count);
    for (let { next } = this.#outgoing; next; { next } = this.#outgoing)
      if (!(await current.write(next, taken))) return;
    this.#sendingTo = undefined;
    this.#wakeWriter?.();
    if (this.#outgoing.isDone) current.endOutput();
  }

  /** The connection has ended. */
  #closed({ connection, disconnect }: OneConnection, failure: UserError | undefined): undefined {
    connection.abandon();
    const loss = this.#outgoing.lost(disconnect);
    this.#wakeWriter?.();
    this.#isOver = this.#outgoing.isDone || failure?.permanent === true;
    if (this.#isOver && failure) throw failure;
    if (this.#isOver) return this.#noteConnected();
    this.#current = undefined;
    this.#isNoted = false;
    this.#wasRefused = disconnect?.isRefusal === true;
    const lastedMs = performance.now() - this.#connectedAtMs;
    if (!this.#wasRefused && lastedMs >= GOOD_MS) this.#failures = 0;
    if (failure) this.#noteFailure(failure);
    // If no more will be sent, everything was.
    if (connection.endedByServer && !disconnect) this.#failure = undefined;
    if (loss !== undefined) this.#notes.note(loss);
    if (this.#received.end()) this.#notes.note("the line that was being received is lost");
  }

  #noteConnected(): undefined {
    if (this.#isNoted || !this.#current) return;
    this.#notes.note(`connected to ${this.#current.connection.remoteAddress}`);
    this.#isNoted = true;
    this.#failure = undefined;
  }

  #noteFailure(failure: UserError): void {
    if (failure.message !== this.#failure?.message) this.#notes.note(failure.message);
    this.#failure = failure;
  }
}

/** An error that a user can cause; any other is a bug, and thrown. */
function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
