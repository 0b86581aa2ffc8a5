/**
 * `--reconnect`, and the client in a terminal: a conversation that outlives its connections, as a loop
 * around those of one connection each. What is not sent yet has one owner, `Outgoing`.
 */

import { VANISHED } from "../program/network.ts";
import { UserError } from "../program/system-errors.ts";
import type { SocketConnection } from "./connection.ts";
import { BEFORE_ALL, type Conversation, OneConnection, type Part } from "./conversation.ts";
import type { Notes } from "./pipe.ts";
import { Outgoing, WholeLines } from "./whole-lines.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** What was sent so shortly before a loss, in ms, the server may not have read. */
const LATE_MS = 2000;

/**
 * How long to wait before trying to connect, in ms: exponential backoff with jitter.
 *
 * @param failures how often in a row it came to nothing; each doubles the time, up to 30 s
 * @param random from 0, for half of that time, to 1: the clients of a server come back one by one
 */
export function retryDelayMs(failures: number, random = Math.random()): number {
  return (Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures) * (1 + random)) / 2;
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
  readonly #tries: "always" | "once joined" | "never";
  readonly #outgoing = new Outgoing();
  readonly #received = this.#receive();
  #hasJoinedOnce = false;
  /** When the client was in the room last. */
  #lostAtMs = 0;
  /** Why the last try came to nothing. */
  #failedBy = "";
  #endWait = () => {};

  /** @param tries when to connect again; with "always", no person is asked to press a key for it */
  constructor(
    connect: () => Promise<SocketConnection>,
    part: Part,
    notes: Notes,
    tries: "always" | "once joined" | "never",
  ) {
    this.#connect = connect;
    this.#part = part;
    this.#notes = notes;
    this.#tries = tries;
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
    this.#outgoing.add(bytes);
    await this.#outgoing.until(({ pending }) => pending.length === 0);
    return true;
  }

  endOutput(): void {
    this.#outgoing.end();
    if (this.#isOver) this.#endWait();
  }

  async *#receive(): AsyncGenerator<Uint8Array, undefined> {
    const received = new WholeLines();
    for (let failures = 0; ; failures++) {
      let current: OneConnection | undefined;
      let failure: UserError | undefined;
      try {
        this.#notes.status("connecting");
        current = new OneConnection(await this.#connect(), this.#part, (why) =>
          this.#noteOnce(why),
        );
        void this.#sendOver(current);
        yield* linesOf(current, received);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        failure = error;
      }
      this.#notes.status("");
      current?.connection.abandon();
      const loss = current && this.#outgoing.lost(current.disconnect);
      if (failure && (failure.permanent || this.#isOver)) throw failure;
      if (this.#isOver) break;
      if (failure) this.#noteOnce(failure.message.replace(BEFORE_ALL, ""));
      if (current?.hasJoined) {
        this.#lostAtMs = performance.now();
        if (!current.disconnect?.isRefusal) {
          this.#notes.lost?.(failure?.code === "ETIMEDOUT" ? VANISHED.silentMs : LATE_MS);
          failures = 0;
        }
      }
      if (loss !== undefined) this.#notes.note(loss);
      if (received.end()) this.#notes.note("the line that was being received is lost");

      // A person that was idle comes back by a key; --reconnect asks for none.
      const isIdle = !this.#triesAlways && current?.disconnect?.message.startsWith("idle for ");
      await this.#wait(isIdle ? Infinity : retryDelayMs(failures));
      // Without --reconnect it is a person who has quit, and knows what is missing.
      if (this.#isOver && failure && this.#triesAlways) throw failure;
      if (this.#isOver) break;
    }
    const rest = received.end();
    if (rest !== undefined) yield rest;
    const { lostLines } = this.#outgoing;
    if (lostLines > 0)
      throw new UserError(
        `at least ${lostLines} ${lostLines === 1 ? "line was" : "lines were"} lost`,
      );
  }

  get #triesAlways(): boolean {
    return this.#tries === "always";
  }

  /** Whether there is no other try: none was asked for, or it was in the room and all is sent. */
  get #isOver(): boolean {
    if (this.#hasJoinedOnce) return this.#tries === "never" || this.#outgoing.isDone;
    return !this.#triesAlways;
  }

  /** Sends over a connection what is to be sent, once the client has joined there. */
  async #sendOver(current: OneConnection): Promise<void> {
    this.#outgoing.connected();
    const name = await current.joined;
    this.#noteJoined(current, name);
    // What has come with that is passed on first; if it is the end, nothing is sent in vain.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const outgoing = this.#outgoing;
    for (;;) {
      await outgoing.until(({ pending, isDone }) => pending.length > 0 || isDone);
      const [next] = outgoing.pending;
      if (!next) return current.endOutput();
      if (!(await current.write(next, (count) => outgoing.taken(count)))) return;
    }
  }

  #noteJoined(current: OneConnection, name: string): void {
    const address = current.connection.remoteAddress;
    const awayS = Math.round((performance.now() - this.#lostAtMs) / 1000);
    this.#notes.status("");
    if (this.#hasJoinedOnce) this.#notes.note(`reconnected to ${address} after ${awayS} s`);
    else this.#notes.note(`connected to ${address}`);
    if (name && !this.#hasJoinedOnce) this.#notes.note(`you are ${name}`);
    this.#notes.joined?.(current.isMember);
    this.#hasJoinedOnce = true;
    this.#failedBy = "";
  }

  /** Tells why a connection was lost, or why there is none; once, however often it comes again. */
  #noteOnce(why: string): void {
    if (why !== this.#failedBy) this.#notes.note(why);
    this.#failedBy = why;
  }

  /** Waits for the next try, which a person may ask for, or until there is none. */
  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const isForever = ms === Infinity;
    const wait = isForever ? "not connected" : `retrying in ${Math.ceil(ms / 1000)} s`;
    this.#notes.status(wait, resolve);
    this.#endWait = resolve;
    const alarm = isForever ? undefined : setTimeout(resolve, ms);
    await promise.finally(() => clearTimeout(alarm));
  }
}

/** The lines of one connection: the first ones once it is known that the client is in the room. */
async function* linesOf(current: OneConnection, received: WholeLines): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  for (;;) {
    const reading = current.read();
    if (held.length > 0) await Promise.race([reading, current.joined]);
    // What a member receives first, such as history, goes together with what was held.
    if (current.hasJoined && !current.isMember) yield* held.splice(0);
    const bytes = await reading;
    if (bytes === undefined) return;
    const lines = received.push(bytes);
    if (lines === undefined) continue;
    held.push(lines);
    if (!current.hasJoined) continue;
    yield held.length > 1 ? Buffer.concat(held) : lines;
    held = [];
  }
}
