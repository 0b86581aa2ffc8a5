/**
 * `--reconnect`, and the client in a terminal: a conversation that outlives its connections, as a loop
 * around those of one connection each. What is not sent yet has one owner, `Outgoing`.
 */

import { setImmediate } from "node:timers/promises";

import { VANISHED } from "../program/network.ts";
import { UserError } from "../program/system-errors.ts";
import type { SocketConnection } from "./connection.ts";
import { BEFORE_ALL, OneConnection, type Part } from "./conversation.ts";
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

/** How to converse over connections that come and go. */
export interface ReconnectOptions {
  connect(): Promise<SocketConnection>;
  /** When to connect again; with "always", no person is asked to press a key for it. */
  readonly tries: "always" | "once joined" | "never";
  readonly part: Part;
  note(event: string): void;
  /** The terminal of a person. */
  readonly terminal?: Omit<Notes, "note"> | undefined;
}

/**
 * Connects, and again whenever a connection is lost. Lines that are received come out whole. Until the
 * client is in the room, no line is sent, but the name if the server asks for it; and what the server
 * has told by then is passed on only if it has let the client in.
 */
export class Reconnecting {
  readonly #options: ReconnectOptions;
  readonly #outgoing = new Outgoing();
  readonly #received = this.#receive();
  /** When the client was in the room last, if it has ever left it. */
  #lostAtMs: number | undefined;
  /** Why the last try came to nothing. */
  #failedBy = "";
  #endWait = () => {};

  constructor(options: ReconnectOptions) {
    this.#options = options;
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
    const { connect, tries, part, note, terminal } = this.#options;
    const received = new WholeLines();
    for (let failures = 0; ; failures++) {
      let current: OneConnection | undefined;
      let failure: UserError | undefined;
      try {
        terminal?.status("connecting");
        current = new OneConnection(await connect(), part, (why) => this.#noteOnce(why));
        void this.#sendOver(current);
        yield* linesOf(current, received);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        failure = error;
      }
      terminal?.status("");
      current?.abandon();
      if (current?.hasJoined) this.#lostAtMs = performance.now();
      const loss = current && this.#outgoing.lost(current.disconnect);
      if (failure && (failure.permanent || this.#isOver)) throw failure;
      if (this.#isOver) break;
      if (failure) this.#noteOnce(failure.message.replace(BEFORE_ALL, ""));
      if (current?.hasJoined && !current.disconnect?.isRefusal) {
        terminal?.lost(failure?.code === "ETIMEDOUT" ? VANISHED.silentMs : LATE_MS);
        failures = 0;
      }
      if (loss) note(loss);
      if (received.end()) note("the line that was being received is lost");

      // A person that was idle comes back by a key; --reconnect asks for none.
      const isIdle = tries !== "always" && current?.disconnect?.message.startsWith("idle for ");
      await this.#wait(isIdle ? Infinity : retryDelayMs(failures));
      // Without --reconnect it is a person who has quit, and knows what is missing.
      if (this.#isOver && failure && tries === "always") throw failure;
      if (this.#isOver) break;
    }
    const rest = received.end();
    if (rest) yield rest;
    const { lostLines } = this.#outgoing;
    const were = lostLines === 1 ? "line was" : "lines were";
    if (lostLines > 0) throw new UserError(`at least ${lostLines} ${were} lost`);
  }

  /** Whether there is no other try: none was asked for, or it was in the room and all is sent. */
  get #isOver(): boolean {
    const { tries } = this.#options;
    if (this.#lostAtMs === undefined) return tries !== "always";
    return tries === "never" || this.#outgoing.isDone;
  }

  /** Sends over a connection what is to be sent, once the client has joined there. */
  async #sendOver(current: OneConnection): Promise<void> {
    const outgoing = this.#outgoing;
    this.#noteJoined(current, await current.joined);
    // What has come with that is passed on first; if it is the end, nothing is sent in vain.
    await setImmediate();
    for (;;) {
      await outgoing.until(
        ({ pending, isDone }) => pending.length > 0 || isDone || current.connection.outputEnded,
      );
      if (outgoing.isDone) return current.endOutput();
      const isTaken = await current.write(outgoing.pending, (count) => outgoing.taken(count));
      if (!isTaken) return;
    }
  }

  #noteJoined(current: OneConnection, name: string): void {
    const { note, terminal } = this.#options;
    const address = current.connection.remoteAddress;
    terminal?.status("");
    const isFirst = this.#lostAtMs === undefined;
    const awayS = Math.round((performance.now() - (this.#lostAtMs ?? 0)) / 1000);
    note(isFirst ? `connected to ${address}` : `reconnected to ${address} after ${awayS} s`);
    if (isFirst && name) note(`you are ${name}`);
    terminal?.joined(current.isMember);
    this.#failedBy = "";
  }

  /** Tells why a connection was lost, or why there is none; once, however often it comes again. */
  #noteOnce(why: string): void {
    if (why !== this.#failedBy) this.#options.note(why);
    this.#failedBy = why;
  }

  /** Waits for the next try, which a person may ask for, or until there is none. */
  async #wait(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const alarm = ms < Infinity ? setTimeout(resolve, ms) : undefined;
    const at = new Date(Date.now() + ms).toTimeString().slice(0, "14:05:07".length);
    const wait = alarm ? `retrying at ${at}` : "not connected";
    this.#options.terminal?.status(wait, resolve);
    this.#endWait = resolve;
    await promise;
    clearTimeout(alarm);
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
    if (lines) held.push(lines);
    if (!lines || !current.hasJoined) continue;
    yield held.length > 1 ? Buffer.concat(held) : lines;
    held = [];
  }
}
