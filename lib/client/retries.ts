/** Making connections, one after another: when to try again, and what the user is told of it. */

import type { UserError } from "../program/system-errors.ts";
import type { Connection } from "./connection.ts";
import { closedBy } from "./conversation.ts";
import { asUserError } from "./hearing.ts";
import type { Notes } from "./local-side.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** A connection that has lasted so long was a good one: the next delay is the first again. */
const GOOD_MS = 10_000;
/** How often it looks, while it waits, whether that is still worth it. */
const LOOK_MS = 250;

/**
 * How long to wait before trying to connect, in ms: exponential backoff with jitter.
 *
 * @param failures how often in a row it came to nothing; each doubles the time, up to 30 s
 * @param random from 0, for half of that time, to 1: the clients of a server come back one by one
 */
export function retryDelayMs(failures: number, random = Math.random()): number {
  return (Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures) * (1 + random)) / 2;
}

/** Makes connections. One that the server refuses with a word is a failure like one not made. */
export class Retries {
  readonly #address: string;
  readonly #connect: () => Promise<Connection>;
  readonly #notes: Notes;
  #connection: Connection | undefined;
  #connectedAtMs = 0;
  #tries = 0;
  #failures = 0;
  #wasRefused = false;
  /** Since when the user has no connection, as told; undefined for one who was told of one. */
  #awaySinceMs: number | undefined = performance.now();
  #wasConnected = false;
  /** Whether the user was told why there is none, and the failure if it was one. */
  #isNoted = false;
  failure: UserError | undefined;
  /** What has gone wrong since. */
  #reason = "";

  /**
   * @param address where it connects to, as the user says it
   * @param notes told what happens
   */
  constructor(address: string, connect: () => Promise<Connection>, notes: Notes) {
    this.#address = address;
    this.#connect = connect;
    this.#notes = notes;
  }

  /**
   * Tries until there is a connection: the first time at once.
   *
   * @param isPointless asked before each further try; if so, returns undefined
   * @throws {UserError} for what another try would not change
   */
  async next(isPointless: () => boolean): Promise<Connection | undefined> {
    for (;;) {
      if (this.#tries++ > 0 && !(await this.#wait(isPointless))) return undefined;
      this.#notes.status(`connecting to ${this.#address}`);
      try {
        return this.#connected(await this.#connect());
      } catch (error) {
        const failure = asUserError(error);
        if (failure.permanent) throw failure;
        this.failed(failure);
      }
    }
  }

  /**
   * A connection has ended, or a try to make one; the first reason is noted, others only shown.
   *
   * @param failure undefined when the server has closed the connection in order
   */
  failed(failure: UserError | undefined, isRefusal = false): void {
    const lastedMs = performance.now() - this.#connectedAtMs;
    if (this.#connection && lastedMs >= GOOD_MS && !isRefusal) this.#failures = 0;
    this.#connection = undefined;
    this.#wasRefused = isRefusal;
    this.#awaySinceMs ??= performance.now();
    const reason = failure?.message ?? closedBy(this.#address);
    if (this.#isNoted) this.#reason = ` (${reason})`;
    else this.#note(reason, failure);
  }

  #note(reason: string, failure: UserError | undefined): void {
    this.#notes.note(reason);
    this.#isNoted = true;
    this.failure = failure;
    this.#reason = "";
  }

  #connected(connection: Connection): Connection {
    this.#connection = connection;
    this.#connectedAtMs = performance.now();
    // One that was refused before may be refused again: it waits to be let in.
    if (!this.#wasRefused) this.letIn();
    return connection;
  }

  /** Whether the user is told of no connection, be there one or not. */
  get isDoubtful(): boolean {
    return this.#awaySinceMs !== undefined;
  }

  /** The server has let this client in, as far as anybody can tell. */
  letIn(): void {
    if (this.#connection === undefined || this.#awaySinceMs === undefined) return;
    const seconds = Math.ceil((performance.now() - this.#awaySinceMs) / 1000);
    const again = this.#wasConnected ? " again" : "";
    const after = this.#tries > 1 ? `, after ${seconds} s` : "";
    this.#notes.status("");
    this.#notes.note(`connected to ${this.#connection.remoteAddress}${again}${after}`);
    this.#awaySinceMs = undefined;
    this.#wasConnected = true;
    this.#isNoted = false;
  }

  /** Waits until it is time for another try; returns whether it is. */
  async #wait(isPointless: () => boolean): Promise<boolean> {
    const endMs = performance.now() + retryDelayMs(this.#failures++);
    for (let leftMs = endMs - performance.now(); leftMs > 0; leftMs = endMs - performance.now()) {
      if (isPointless()) return false;
      this.#notes.status(`trying again in ${Math.ceil(leftMs / 1000)} s${this.#reason}`);
      await Bun.sleep(Math.min(LOOK_MS, leftMs));
    }
    return !isPointless();
  }
}
