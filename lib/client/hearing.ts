/** What is heard over a connection, and why it has ended: a last word of the server's is no line. */

import { UserError } from "../program/system-errors.ts";
import type { LastWord } from "../room/last-words.ts";
import type { Connection } from "./connection.ts";
import { LastLine } from "./last-line.ts";

/**
 * For how long a line that may be the server's last word is held back, in ms. The end comes right
 * after the word; who says such a line in a room that is silent then is heard a moment later.
 */
const HOLD_MS = 1000;

/** How a connection has ended; in order and without a word if neither is there. */
export interface Ending {
  readonly word: LastWord | undefined;
  /** The loss of the connection, or the server's word, as an error. */
  readonly failure: UserError | undefined;
}

/** Reads from a connection until it ends. */
export class Hearing {
  readonly connection: Connection;
  readonly #lastLine = new LastLine();
  /** A read that goes on while what is held back was passed on. */
  #reading: Promise<Uint8Array | UserError | undefined> | undefined;
  /** Undefined until `read` has returned all there was. */
  ending: Ending | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  /** Waits for bytes that others have said; undefined at the end, when `ending` tells why. */
  async read(): Promise<Uint8Array | undefined> {
    while (this.ending === undefined) {
      this.#reading ??= this.connection.read().catch(asUserError);
      const reading = this.#reading;
      const isLate = this.#lastLine.holds && (await isLater(reading, HOLD_MS));
      const bytes = isLate ? this.#lastLine.release() : this.#heard(await reading);
      if (bytes.length > 0) return bytes;
    }
    return undefined;
  }

  #heard(what: Uint8Array | UserError | undefined): Uint8Array {
    this.#reading = undefined;
    if (what instanceof Uint8Array) return this.#lastLine.push(what);
    const { word, rest } = this.#lastLine.end();
    const said = word && new UserError(`the server says: ${word.word}`, word);
    this.ending = { word, failure: said ?? what };
    return rest;
  }
}

/** Whether something is not settled after so many ms. */
async function isLater(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(true), ms);
  const isLate = await Promise.race([promise.then(() => false), late.promise]);
  clearTimeout(timer);
  return isLate;
}

/** An error that a user can cause; any other is a bug, and thrown. */
export function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
