/**
 * `--reconnect`, and the client in a terminal: a conversation that outlives its connections. What is
 * sent waits while the client is not in the room.
 */

import { VANISHED } from "../program/network.ts";
import { UserError } from "../program/system-errors.ts";
import type { SocketConnection } from "./connection.ts";
import { type Conversation, OneConnection, type Part } from "./conversation.ts";
import { Outgoing } from "./outgoing.ts";
import type { Notes } from "./pipe.ts";
import { WholeLines } from "./whole-lines.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** What was sent so shortly before a loss, in ms, the server may not have read. */
const LATE_MS = 2000;
/** After a connection that has lasted so long, the next delay is the first again. */
const GOOD_MS = 10_000;

/**
 * How long to wait before trying to connect, in ms: exponential backoff with jitter.
 *
 * @param failures how often in a row it came to nothing; each doubles the time, up to 30 s
 * @param random from 0, for half of that time, to 1: the clients of a server come back one by one
 */
export function retryDelayMs(failures: number, random = Math.random()): number {
  return (Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures) * (1 + random)) / 2;
}

const JOINED = "joined";

/** A first connection, and whether there is another when it is lost. */
export interface First {
  readonly connection: SocketConnection;
  readonly tries: "once joined" | "never";
}

/**
 * Connects, and again whenever a connection is lost. Lines that are received come out whole. Until the
 * client is in the room, no line is sent, but the name if the server asks for it; and what the server
 * has told by then is passed on only if it has let the client in.
 */
export class Reconnecting implements Conversation {
  readonly #connect: () => Promise<SocketConnection>;
  readonly #part: Part;
  readonly #notes: Notes;
  /** Undefined if there is always another try. */
  readonly #first: First | undefined;
  readonly #outgoing = new Outgoing();
  readonly #received = this.#receive();
  #unused: SocketConnection | undefined;
  #current: OneConnection | undefined;
  #joined = Promise.withResolvers<typeof JOINED>();
  /** Whether what is pending was handed over to this connection. */
  #isSending = false;
  #hasJoinedOnce = false;
  /** When the client was in the room last. */
  #lostAtMs = 0;
  /** Why the last try came to nothing. */
  #failedBy = "";
  #wakeWriter: (() => void) | undefined;
  /** Ends the wait for the next try. */
  #wakeReader = () => {};

  /** @param first if there is one already; without it, everything is tried again */
  constructor(connect: () => Promise<SocketConnection>, part: Part, notes: Notes, first?: First) {
    this.#connect = connect;
    this.#part = part;
    this.#notes = notes;
    this.#first = first;
    this.#unused = first?.connection;
  }

  /**
   * Waits for whole lines. It is this that connects, and notices a loss: so it has to be called for
   * `write` to go on.
   *
   * @throws {UserError} for what another try would not change, or if there is to be none; after
   *   `endOutput`, when the connection is lost; at the end, when lines are known to be lost
   */
  async read(): Promise<Uint8Array | undefined> {
    return (await this.#received.next()).value;
  }

  /** Sends all of the bytes, over as many connections as it takes; returns true, in the end. */
  async write(bytes: Uint8Array): Promise<boolean> {
    const rest = this.#outgoing.add(bytes);
    if (rest.length > 0) this.#send(rest);
    if (this.#outgoing.pending.length > 0)
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    return true;
  }

  endOutput(): void {
    this.#outgoing.ended = true;
    this.#goOn();
  }

  async *#receive(): AsyncGenerator<Uint8Array, undefined> {
    const received = new WholeLines();
    let failures = 0;
    do {
      let connectedAtMs = Infinity;
      let failure: UserError | undefined;
      try {
        const current = await this.#open();
        connectedAtMs = performance.now();
        yield* this.#linesOf(current, received);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        failure = error;
      }

      const { connection, disconnect, hasJoined } = this.#current ?? {};
      this.#notes.status("");
      this.#current = undefined;
      connection?.abandon();
      const loss = connection && this.#outgoing.lost(disconnect);
      this.#goOn();
      const { isDone } = this.#outgoing;
      const isLast = isDone || !this.#triesAgain;
      if (failure && (failure.permanent || isLast)) throw failure;
      if (isLast) break;
      if (hasJoined) this.#lostAtMs = performance.now();
      this.#noteFailure(failure, disconnect === undefined ? connection : undefined);
      if (hasJoined && !disconnect?.isRefusal)
        this.#notes.lost?.(failure?.code === "ETIMEDOUT" ? VANISHED.silentMs : LATE_MS);
      if (loss !== undefined) this.#notes.note(loss);
      else if (hasJoined && disconnect?.isRefusal && this.#outgoing.pending.length > 0)
        this.#notes.note("what was sent is sent again");
      if (received.end()) this.#notes.note("the line that was being received is lost");

      if (!disconnect?.isRefusal && performance.now() - connectedAtMs >= GOOD_MS) failures = 0;
      // A person that was idle comes back by a key; a program has nobody who presses one.
      const isIdle = this.#first !== undefined && disconnect?.message.startsWith("idle for ");
      await this.#wait(isIdle ? Infinity : retryDelayMs(failures++));
      // If it was the server that ended the connection, and no more is sent, nothing is missing; and a
      // person who quits knows what is.
      const isMissing =
        this.#first === undefined && (disconnect !== undefined || !connection?.endedByServer);
      if (failure && isMissing && this.#outgoing.isDone) throw failure;
    } while (!this.#outgoing.isDone);
    const rest = received.end();
    if (rest !== undefined) yield rest;
    const { lostLines } = this.#outgoing;
    if (lostLines > 0)
      throw new UserError(
        `at least ${lostLines} ${lostLines === 1 ? "line was" : "lines were"} lost`,
      );
  }

  get #triesAgain(): boolean {
    if (this.#first === undefined) return true;
    return this.#first.tries === "once joined" && this.#hasJoinedOnce;
  }

  /** The lines of one connection: the first ones once it is known that the client is in the room. */
  async *#linesOf(current: OneConnection, received: WholeLines): AsyncGenerator<Uint8Array, void> {
    const held: Uint8Array[] = [];
    for (;;) {
      const wasIn = current.hasJoined; // To read may send a name, which may be all that is asked.
      const reading = current.read();
      if (!wasIn && (await Promise.race([reading, this.#joined.promise])) === JOINED)
        yield* held.splice(0);
      const bytes = await reading;
      if (bytes === undefined) return;
      const lines = received.push(bytes);
      if (lines === undefined) continue;
      if (!current.hasJoined) held.push(lines);
      else yield held.length > 0 ? Buffer.concat([...held.splice(0), lines]) : lines;
    }
  }

  async #open(): Promise<OneConnection> {
    this.#notes.status("connecting");
    const connection = this.#unused ?? (await this.#connect());
    this.#unused = undefined;
    this.#outgoing.connected();
    this.#joined = Promise.withResolvers();
    this.#isSending = false;
    const onJoined = (name: string) => this.#onJoined(connection.remoteAddress, name);
    this.#current = new OneConnection(connection, this.#part, this.#notes, onJoined);
    this.#goOn();
    return this.#current;
  }

  #onJoined(address: string, name: string): void {
    const awayS = Math.round((performance.now() - this.#lostAtMs) / 1000);
    this.#notes.status("");
    if (this.#hasJoinedOnce) this.#notes.note(`reconnected to ${address} after ${awayS} s`);
    else this.#notes.note(`connected to ${address}`);
    if (name && !this.#hasJoinedOnce) this.#notes.note(`you are ${name}`);
    this.#notes.joined?.(this.#current?.isMember === true);
    this.#hasJoinedOnce = true;
    this.#failedBy = "";
    // What has come with that is passed on first.
    const { resolve } = this.#joined;
    setImmediate(() => {
      resolve(JOINED);
      if (!this.#current?.hasJoined || this.#isSending) return;
      this.#isSending = true;
      this.#send(...this.#outgoing.pending);
    });
  }

  /** Hands over what is pending, once the client is in the room. */
  #send(...pieces: Uint8Array[]): void {
    if (!this.#isSending) return;
    const taken = (count: number) => {
      this.#outgoing.taken(count);
      this.#goOn();
    };
    for (const bytes of pieces) void this.#current?.write(bytes, taken);
  }

  /** Once nothing is pending, more can be written; or, if no more will come, the output ends. */
  #goOn(): void {
    if (this.#outgoing.pending.length > 0) return;
    this.#wakeWriter?.();
    if (!this.#outgoing.ended) return;
    this.#current?.endOutput();
    this.#wakeReader();
  }

  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wakeReader = resolve;
    const isForever = ms === Infinity;
    const wait = isForever ? "not connected" : `retrying in ${Math.ceil(ms / 1000)} s`;
    this.#notes.status(wait, resolve);
    await (isForever ? promise : Promise.race([Bun.sleep(ms), promise]));
  }

  /** Tells why a connection was lost, or why there is none; once, however often it comes again. */
  #noteFailure(failure: UserError | undefined, endedBy: SocketConnection | undefined): void {
    const isClosed = failure && endedBy?.endedByServer;
    const why = isClosed ? `${endedBy.address} closed the connection` : (failure?.message ?? "");
    if (why !== "" && why !== this.#failedBy) this.#notes.note(why);
    this.#failedBy = why;
  }
}
