/**
 * `--reconnect`: a conversation that outlives its connections. A line that is sent
 *
 * 1. waits, and its sender with it, while there is no connection;
 * 2. is taken by the system, over a connection. From then on it may have been relayed, so it is not
 *    sent again, with one exception: a server that refuses this client has relayed nothing. So what
 *    was taken is kept, up to a limit, until a line of a member is received; a refusal before that
 *    sends it again;
 * 3. is lost if the connection is lost when only a part of it was taken: the server relays that
 *    part as a line, so the rest is not sent;
 * 4. is lost if it is too long for the server, and so are those taken after it;
 * 5. is lost if a refusal comes when more was taken than is kept.
 *
 * Losses are noted, and the end tells how many lines were lost at least: what else was on its way
 * when a connection was lost, no client can know. A line received without its end is noted, too.
 * Once everything has been taken and no more will come, the end of a connection is the end.
 */

import { LF } from "../program/lf.ts";
import { type Disconnect, isLineTooLong } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { Connection } from "./connection.ts";
import { asUserError, type Conversation, failureOf, type Part, Receiver } from "./conversation.ts";
import type { Notes } from "./local-side.ts";
import { WholeLines } from "./whole-lines.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** After a connection that has lasted so long, the next delay is the first again. */
const GOOD_MS = 10_000;
/** How often it looks, while it waits, whether that is still worth it. */
const LOOK_MS = 250;
/** More than a socket takes before a refusal is received. */
const KEPT_BYTES_MAX = 8 << 20;
/** The start of a line that is not the server's own. */
const LINE_OF_MEMBER = /(?:^|\n)(?!\* |$)/;

/**
 * How long to wait before trying to connect, in ms: exponential backoff with jitter.
 *
 * @param failures how often in a row it came to nothing; each doubles the time, up to 30 s
 * @param random from 0, for half of that time, to 1: the clients of a server come back one by one
 */
export function retryDelayMs(failures: number, random = Math.random()): number {
  return (Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures) * (1 + random)) / 2;
}

/** What is sent over one connection after another, step by step as above. It knows no connection. */
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

  /** The connection is lost; returns what is lost with it, in words. */
  lost(disconnect: Disconnect | undefined, isRefusal: boolean): string | undefined {
    let loss = "a line was cut off; its rest is not sent";
    if (isRefusal) {
      if (this.#takenBytes === 0) return undefined;
      if (this.#kept) return void this.#pending.unshift(new Uint8Array(this.#kept.end()));
      loss = "what was sent before the refusal is lost";
    } else if (disconnect && isLineTooLong(disconnect))
      loss = "a line was too long for the server; it and those sent after it are lost";
    // The end ends a line, too.
    else if (!this.#endsInsideLine || this.isDone) return undefined;
    this.lostLines++;
    this.#skipsRest ||= this.#endsInsideLine;
    this.#skipRest();
    return loss;
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
  readonly #connect: () => Promise<Connection>;
  readonly #part: Part;
  readonly #notes: Notes;
  readonly #outgoing = new Outgoing();
  readonly #received = new WholeLines();
  /** Undefined while there is no connection. */
  #receiver: Receiver | undefined;
  /** Where lines are being written. */
  #sendingTo: Receiver | undefined;
  #wakeWriter: (() => void) | undefined;
  /** Whether a line of a member was received: so this client is one, too. */
  #isMember = false;
  #isOver = false;
  #tries = 0;
  /** How many in a row came to nothing. */
  #failures = 0;
  #wasRefused = false;
  #wasConnected = false;
  #connectedAtMs = 0;
  /** Since when the user has no connection; undefined once one was noted. */
  #awaySinceMs: number | undefined = performance.now();
  /** Why there is none, in words, as noted; and that, if it is a failure. */
  #reason = "";
  #failure: UserError | undefined;

  /**
   * @param address where it connects to, as the user wrote it
   * @param connect makes a connection
   * @param notes told what happens
   */
  constructor(address: string, connect: () => Promise<Connection>, part: Part, notes: Notes) {
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
      this.#receiver ??= await this.#open();
      const bytes = await this.#receiver?.read();
      const lines = bytes ? this.#received.push(bytes) : this.#closed(this.#receiver);
      if (lines === undefined) continue;
      if (!this.#isMember && LINE_OF_MEMBER.test(Buffer.from(lines).toString("latin1"))) {
        this.#isMember = true;
        this.#outgoing.accepted();
        this.#noteConnected();
      }
      return lines;
    }
    const { lostLines } = this.#outgoing;
    const rest = this.#received.end();
    if (rest !== undefined || lostLines === 0) return rest;
    throw new UserError(
      `at least ${lostLines === 1 ? "1 line was" : `${lostLines} lines were`} lost`,
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
  }

  /** Connects, in as many tries as it takes; undefined when there is nothing left to send. */
  async #open(): Promise<Receiver | undefined> {
    let made: Connection | UserError | undefined;
    while (!(made instanceof Connection)) {
      if (this.#tries++ > 0 && !(await this.#waitForTry())) return undefined;
      this.#notes.status(`connecting to ${this.#address}`);
      made = await this.#connect().catch(asUserError);
      this.#notes.status("");
      if (made instanceof UserError && made.permanent) throw made;
      if (made instanceof UserError) this.#noteFailure(made);
    }
    this.#connectedAtMs = performance.now();
    this.#isMember = false;
    this.#outgoing.connected();
    this.#receiver = new Receiver(made, this.#part, this.#notes);
    // A server that has refused this client may do so again: it is noted once it has not.
    if (!this.#wasRefused) this.#noteConnected();
    void this.#send();
    return this.#receiver;
  }

  /** Returns whether it is worth it. */
  async #waitForTry(): Promise<boolean> {
    const endMs = performance.now() + retryDelayMs(this.#failures++);
    const left = () => endMs - performance.now();
    for (let leftMs = left(); leftMs > 0 && !this.#outgoing.isDone; leftMs = left()) {
      this.#notes.status(`retrying in ${Math.ceil(leftMs / 1000)} s`);
      await Bun.sleep(Math.min(LOOK_MS, leftMs));
    }
    this.#notes.status("");
    return !this.#outgoing.isDone;
  }

  /** Hands over what is next, as long as there is a connection that takes it. */
  async #send(): Promise<void> {
    const receiver = this.#receiver;
    if (receiver === undefined || receiver === this.#sendingTo) return;
    this.#sendingTo = receiver;
    for (let { next } = this.#outgoing; next; { next } = this.#outgoing) {
      receiver.hasSent = true;
      const taken = (count: number) => this.#outgoing.taken(count);
      if (!(await receiver.connection.write(next, taken))) return;
    }
    this.#sendingTo = undefined;
    this.#wakeWriter?.();
    if (this.#outgoing.isDone) receiver.connection.endOutput();
  }

  /** The connection has ended, or there is none and need not be. */
  #closed(receiver: Receiver | undefined): undefined {
    if (receiver === undefined) return this.#end(this.#failure);
    const { connection, disconnect } = receiver;
    connection.abandon();
    // A member can send what looks like a refusal.
    const isRefusal = disconnect?.isRefusal === true && !this.#isMember;
    const isReason = isRefusal || disconnect?.isRefusal !== true;
    const loss = this.#outgoing.lost(disconnect, isRefusal);
    this.#wakeWriter?.();
    const { isDone } = this.#outgoing;
    const failure = failureOf(receiver, isDone);
    if (isDone || (failure?.permanent && isReason)) return this.#end(failure);
    this.#receiver = undefined;
    if (!isRefusal && performance.now() - this.#connectedAtMs >= GOOD_MS) this.#failures = 0;
    this.#noteFailure(failure, isRefusal);
    if (loss !== undefined) this.#notes.note(loss);
    if (this.#received.end()) this.#notes.note("the line that was being received is lost");
  }

  #end(failure: UserError | undefined): undefined {
    this.#isOver = true;
    if (failure) throw failure;
    this.#noteConnected();
  }

  #noteConnected(): void {
    const { connection } = this.#receiver ?? {};
    if (connection === undefined || this.#awaySinceMs === undefined) return;
    const seconds = Math.ceil((performance.now() - this.#awaySinceMs) / 1000);
    const after = this.#tries > 1 ? ` after ${seconds} s` : "";
    const connected = this.#wasConnected ? "reconnected" : "connected";
    this.#notes.note(`${connected} to ${connection.remoteAddress}${after}`);
    this.#awaySinceMs = undefined;
    this.#wasConnected = true;
    this.#reason = "";
  }

  #noteFailure(failure: UserError | undefined, isRefusal = false): void {
    const reason = failure?.message ?? `${this.#address} closed the connection`;
    if (reason !== this.#reason) this.#notes.note(reason);
    this.#reason = reason;
    this.#failure = failure;
    this.#wasRefused = isRefusal;
    this.#awaySinceMs ??= performance.now();
  }
}
