/** What is heard over a connection, and why it has ended: a last word of the server's is no line. */

import { ASK_FOR_NAME_BYTES_MAX, asksForName, type LastWord } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { settlesWithin } from "../program/within.ts";
import { LF } from "../room/line-buffer.ts";
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
  readonly #onAsked: () => void;
  /** Whether the room asks for a name before anything is said; undefined until that is clear. */
  asksForName: boolean | undefined;
  /** The first line, as far as it was heard, one byte to a character. */
  #first = "";
  #isAsked = false;
  /** A read that goes on while what is held back was passed on. */
  #reading: Promise<Uint8Array | UserError | undefined> | undefined;
  /** Undefined until `read` has returned all there was. */
  ending: Ending | undefined;

  /** @param onAsked told that the room asks for a name, once that line has been dealt with */
  constructor(connection: Connection, onAsked: () => void) {
    this.connection = connection;
    this.#onAsked = onAsked;
  }

  /** Waits for bytes that others have said; undefined at the end, when `ending` tells why. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#isAsked) this.#onAsked();
    this.#isAsked = false;
    while (this.ending === undefined) {
      this.#reading ??= this.connection.read().catch(asUserError);
      const reading = this.#reading;
      const isLate = this.#lastLine.holds && !(await settlesWithin(HOLD_MS, reading));
      const bytes = isLate ? this.#lastLine.release() : this.#heard(await reading);
      if (this.asksForName === undefined) this.#lookAt(bytes);
      if (bytes.length > 0) return bytes;
    }
    return undefined;
  }

  #lookAt(bytes: Uint8Array): void {
    const end = bytes.indexOf(LF);
    const part = bytes.subarray(0, end < 0 ? ASK_FOR_NAME_BYTES_MAX : end);
    this.#first += Buffer.from(part).toString("latin1");
    if (end < 0 && this.#first.length < ASK_FOR_NAME_BYTES_MAX) return;
    this.#isAsked = asksForName(Buffer.from(this.#first, "latin1").toString());
    this.asksForName = this.#isAsked;
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

/** An error that a user can cause; any other is a bug, and thrown. */
export function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
