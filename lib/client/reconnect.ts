/**
 * `--reconnect`: a conversation that outlives its connections. A line that is sent
 *
 * 1. waits, with whoever sends it, while there is no connection;
 * 2. is taken by the system in parts, over a connection. From then on the server may have relayed
 *    it, so it is not sent again, with one exception: a server that refuses the client, as one whose
 *    room is full does, has relayed nothing. So what a connection has taken is kept, up to a
 *    limit, until a line of a member is received, and is sent again after a refusal;
 * 3. is lost if the connection is lost when only a part of it was taken: the server relays that
 *    part as a line of its own, so the rest is not sent;
 * 4. is lost if it is too long for the server, and so is what was taken after it;
 * 5. is lost if the server refuses the client after more was taken than is kept.
 *
 * Each loss is noted when it happens, and the end of the conversation tells how many lines were
 * lost at least: what else was on its way when a connection was lost, no client can know. Of a line
 * that is received, a part that has no end is dropped and noted.
 *
 * Once all lines have been taken and no more will come, the end of a connection is the end.
 */

import { LF } from "../program/lf.ts";
import { type Disconnect, longestLineOf } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import type { Connection } from "./connection.ts";
import { type Conversation, failureOf, type Part, sendName } from "./conversation.ts";
import type { Notes } from "./local-side.ts";
import { asUserError, Receiver } from "./receiver.ts";
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

/** Connects, and again whenever a connection is lost. Lines that are received come out whole. */
export class ReconnectingConversation implements Conversation {
  readonly #address: string;
  readonly #connect: () => Promise<Connection>;
  readonly #part: Part;
  readonly #notes: Notes;
  /** Undefined while there is no connection. */
  #receiver: Receiver | undefined;
  readonly #received = new WholeLines();
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

  /** What is to be sent, oldest first. */
  #pending: Uint8Array[] = [];
  #outputEnded = false;
  #wakeWriter: (() => void) | undefined;
  /** The connection that is being written to. */
  #sendingTo: Connection | undefined;
  /** What the connection has taken; undefined once that is not to be sent again. */
  #kept: Uint8Array[] | undefined;
  #takenBytes = 0;
  #endsInsideLine = false;
  /** Whether a line of a member was received: then this client is one, too. */
  #isMember = false;
  /** Whether what is pending begins with the rest of a line that is lost. */
  #skipsRest = false;
  #lostLines = 0;

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
      if (!this.#isMember) this.#look(lines);
      return lines;
    }
    const rest = this.#received.end();
    if (rest !== undefined || this.#lostLines === 0) return rest;
    const lines = this.#lostLines === 1 ? "1 line was" : `${this.#lostLines} lines were`;
    throw new UserError(`at least ${lines} lost`);
  }

  /** Sends all of the bytes, over as many connections as it takes; returns true, in the end. */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.#pending.push(bytes);
    this.#skipRest();
    void this.#send();
    while (this.#pending.length > 0)
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    return true;
  }

  /** Half-closes as soon as everything has been taken. */
  endOutput(): void {
    this.#outputEnded = true;
    void this.#send();
  }

  get #isDone(): boolean {
    return this.#outputEnded && this.#pending.length === 0;
  }

  /** Connects, in as many tries as it takes; undefined when there is nothing left to send. */
  async #open(): Promise<Receiver | undefined> {
    while (this.#tries++ === 0 || (await this.#waitForTry())) {
      this.#notes.status(`connecting to ${this.#address}`);
      const made = await this.#connect().catch(asUserError);
      if (!(made instanceof UserError)) return this.#opened(made);
      if (made.permanent) throw made;
      this.#noteFailure(made);
    }
    return undefined;
  }

  /** Returns whether it is worth it. */
  async #waitForTry(): Promise<boolean> {
    const endMs = performance.now() + retryDelayMs(this.#failures++);
    for (let leftMs = Infinity; leftMs > 0 && !this.#isDone;) {
      leftMs = Math.max(0, endMs - performance.now());
      this.#notes.status(`retrying in ${Math.ceil(leftMs / 1000)} s`);
      await Bun.sleep(Math.min(LOOK_MS, leftMs));
    }
    return !this.#isDone;
  }

  #opened(connection: Connection): Receiver {
    this.#connectedAtMs = performance.now();
    this.#kept = [];
    this.#takenBytes = 0;
    this.#endsInsideLine = this.#isMember = false;
    this.#receiver = new Receiver(connection, () => {
      // A line that was sent has the name in it, or is it.
      const hasSent = this.#takenBytes > 0 || this.#sendingTo === connection;
      if (!hasSent) sendName(connection, this.#part, this.#notes);
    });
    this.#notes.status("");
    // A server that has refused this client may do so again: it is noted once it has not.
    if (!this.#wasRefused) this.#noteConnected();
    void this.#send();
    return this.#receiver;
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

  #look(lines: Uint8Array): void {
    if (!LINE_OF_MEMBER.test(Buffer.from(lines).toString("latin1"))) return;
    this.#isMember = true;
    this.#kept = undefined;
    this.#noteConnected();
  }

  /** The connection has ended, or there is none and need not be. */
  #closed(receiver: Receiver | undefined): undefined {
    if (receiver === undefined) return this.#end(this.#failure);
    const { connection, disconnect } = receiver;
    connection.abandon();
    const isRefusal = disconnect?.isRefusal === true && !this.#isMember;
    const loss = this.#lose(disconnect, isRefusal);
    const failure = failureOf(receiver, this.#isDone);
    if (this.#isDone) return this.#end(failure);
    this.#receiver = undefined;
    // A member can send what looks like a refusal.
    if (failure?.permanent && isRefusal === (disconnect?.isRefusal ?? false))
      return this.#end(failure);
    if (!isRefusal && performance.now() - this.#connectedAtMs >= GOOD_MS) this.#failures = 0;
    this.#noteFailure(failure, isRefusal);
    if (loss !== undefined) this.#notes.note(loss);
    if (this.#received.end()) this.#notes.note("the line that was being received is lost");
  }

  /** Decides on what the connection had taken; returns what is lost of it, in words. */
  #lose(disconnect: Disconnect | undefined, isRefusal: boolean): string | undefined {
    let loss: string;
    if (isRefusal && this.#kept) return void this.#pending.unshift(...this.#kept.splice(0));
    else if (isRefusal && this.#takenBytes > 0) loss = "what was sent before the refusal is lost";
    else if (disconnect && longestLineOf(disconnect) !== undefined)
      loss = "a line was too long for the server; it and those sent after it are lost";
    else if (this.#endsInsideLine && !this.#isDone)
      loss = "a line was cut off; its rest is not sent";
    else return undefined;
    this.#lostLines++;
    this.#skipsRest ||= this.#endsInsideLine;
    this.#skipRest();
    return loss;
  }

  #end(failure: UserError | undefined): undefined {
    this.#isOver = true;
    this.#notes.status("");
    if (failure) throw failure;
    this.#noteConnected();
  }

  /** Hands over what is pending, as long as there is a connection that takes it. */
  async #send(): Promise<void> {
    const { connection } = this.#receiver ?? {};
    if (connection === undefined || connection === this.#sendingTo) return;
    this.#sendingTo = connection;
    for (let piece = this.#pending[0]; piece !== undefined; piece = this.#pending[0])
      if (!(await connection.write(piece, (count) => this.#taken(count)))) return;
    this.#sendingTo = undefined;
    if (this.#isDone) connection.endOutput();
  }

  #taken(count: number): void {
    const bytes = this.#drop(count);
    this.#takenBytes += count;
    this.#endsInsideLine = bytes.at(-1) !== LF;
    if (this.#takenBytes > KEPT_BYTES_MAX) this.#kept = undefined;
    this.#kept?.push(new Uint8Array(bytes)); // A copy; `slice` of a Buffer is none.
  }

  #skipRest(): void {
    for (let first = this.#pending[0]; this.#skipsRest && first; first = this.#pending[0]) {
      const end = first.indexOf(LF) + 1;
      this.#skipsRest = end === 0;
      this.#drop(end || first.length);
    }
  }

  /** Removes the first bytes of what is pending. */
  #drop(count: number): Uint8Array {
    const first = this.#pending.shift() ?? new Uint8Array(0);
    if (count < first.length) this.#pending.unshift(first.subarray(count));
    if (this.#pending.length === 0) this.#wakeWriter?.();
    return first.subarray(0, count);
  }
}
