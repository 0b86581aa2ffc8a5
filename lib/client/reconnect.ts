/** A connection that outlives the connections it is made of: it reconnects. */

import { UserError } from "../program/system-errors.ts";
import type { Connection } from "./connection.ts";
import type { Notes } from "./local-end.ts";
import { LF, WholeLines } from "./whole-lines.ts";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** A connection that has lasted so long was a good one: the next delay is the first again. */
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

/**
 * Connects again whenever a connection is lost, until the output is ended.
 *
 * Nothing is sent twice that the system had taken: what of it was lost on the way, nobody here can
 * know. If it had taken only the first part of a line, its rest is not sent either: it would be
 * heard as a line that nobody has said. So the room hears this line cut off or not at all, the
 * others whole, and the user is told. Likewise for what is heard: only whole lines come out.
 */
export class ReconnectingConnection {
  /** Where it is connected to, as the user said it. */
  readonly address: string;
  readonly #connectAgain: () => Promise<Connection>;
  readonly #notes: Notes;
  /** Undefined while there is none. */
  #connection: Connection | undefined;
  #connectedAtMs = performance.now();
  #failures = 0;
  readonly #heard = new WholeLines();
  readonly #outputEnd = Promise.withResolvers<void>();
  #outputEnded = false;
  /** Whether the system has taken a part of a line and not its rest; which is skipped later. */
  #insideLine = false;
  #skipsRest = false;
  #wakeWriter: (() => void) | undefined;

  /** Starts with one connection; `connectAgain` makes others, `notes` are told what happens. */
  constructor(first: Connection, connectAgain: () => Promise<Connection>, notes: Notes) {
    this.#connection = first;
    this.address = first.address;
    this.#connectAgain = connectAgain;
    this.#notes = notes;
  }

  /**
   * Waits for whole lines. It is this that notices a loss and connects again, so somebody has to
   * read for `write` to go on.
   *
   * @returns a run of lines; undefined at the end, which comes only after `endOutput`
   * @throws {UserError} when the connection is lost after `endOutput`
   */
  async read(): Promise<Uint8Array | undefined> {
    while (this.#connection !== undefined) {
      let failure: UserError | undefined;
      const reading = this.#connection.read();
      const chunk = await reading.catch((error) => void (failure = asUserError(error)));
      if (chunk !== undefined) {
        const lines = this.#heard.push(chunk);
        if (lines !== undefined) return lines;
      } else if (!this.#outputEnded) {
        this.#leave(failure);
        await this.#comeBack();
      } else if (failure) throw failure;
      else return this.#heard.end();
    }
    return undefined;
  }

  /** Sends all of the bytes, over as many connections as it takes; returns true, in the end. */
  async write(bytes: Uint8Array): Promise<boolean> {
    for (let offset = 0; offset < bytes.length;) {
      if (this.#skipsRest) {
        const end = bytes.indexOf(LF, offset) + 1;
        this.#skipsRest = end === 0;
        offset = end || bytes.length;
        continue;
      }
      const connection = this.#connection;
      const done = await connection?.write(bytes.subarray(offset), (count) => {
        offset += count;
        this.#insideLine = bytes[offset - 1] !== LF;
      });
      // This one is lost; `read` will see to another.
      if (!done && connection === this.#connection)
        await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    }
    return true;
  }

  /** Half-closes. Without a connection there is nothing more to hear, so this is the end. */
  endOutput(): void {
    this.#outputEnded = true;
    this.#outputEnd.resolve();
    this.#connection?.endOutput();
  }

  #leave(failure: UserError | undefined): void {
    this.#connection?.abandon();
    this.#connection = undefined;
    if (performance.now() - this.#connectedAtMs >= GOOD_MS) this.#failures = 0;
    this.#notes.note(failure?.message ?? `${this.address} has closed the connection`);
    if (this.#heard.end()) this.#notes.note("the line that was being received is lost");
  }

  /** Tries until there is a connection, or the output is ended. */
  async #comeBack(): Promise<void> {
    const lostAtMs = performance.now();
    for (let reason = ""; this.#connection === undefined;) {
      let leftMs = retryDelayMs(this.#failures++);
      for (; leftMs > 0 && !this.#outputEnded; leftMs -= 1000) {
        this.#notes.status(`trying again in ${Math.ceil(leftMs / 1000)} s${reason}`);
        await Promise.race([Bun.sleep(Math.min(leftMs, 1000)), this.#outputEnd.promise]);
      }
      if (this.#outputEnded) return this.#notes.status("");
      this.#notes.status(`connecting to ${this.address}`);
      try {
        this.#connected(await this.#connectAgain(), lostAtMs);
      } catch (error) {
        reason = ` (${asUserError(error).message})`;
      }
    }
  }

  #connected(connection: Connection, lostAtMs: number): void {
    this.#connection = connection;
    this.#connectedAtMs = performance.now();
    this.#notes.status("");
    const awaySeconds = Math.ceil((this.#connectedAtMs - lostAtMs) / 1000);
    this.#notes.note(`connected to ${connection.remoteAddress} again, after ${awaySeconds} s`);
    if (this.#insideLine) this.#notes.note("a line was cut off; its rest is not sent");
    this.#skipsRest ||= this.#insideLine;
    this.#insideLine = false;
    if (this.#outputEnded) connection.endOutput();
    this.#wakeWriter?.();
  }
}

function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
