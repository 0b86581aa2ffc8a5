/** What is received over one connection; its first and its last line may be messages of the server's. */

import { LF } from "../program/lf.ts";
import {
  ASK_FOR_NAME_BYTES_MAX,
  asksForName,
  type Disconnect,
  disconnectOf,
  SERVER_MESSAGE_BYTES_MAX,
} from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import type { Connection } from "./connection.ts";

/** Reads one connection to its end. Bytes pass as they come; only a copy of a few is kept. */
export class Receiver {
  readonly connection: Connection;
  readonly #onAsked: () => void;
  /** The first line, as far as it was received; undefined once it is known what it is. */
  #first: Buffer | undefined = Buffer.alloc(0);
  #isAsked = false;
  /** What was received last; begins with an LF, for the line before the first. */
  #last: Buffer = Buffer.from("\n");
  /** Why the connection has failed; set when `read` has returned undefined. */
  failure: UserError | undefined;

  /** @param onAsked called once the first line, which asks for a name, has been dealt with */
  constructor(connection: Connection, onAsked: () => void) {
    this.connection = connection;
    this.#onAsked = onAsked;
  }

  /** Waits for bytes; undefined at the end, however it came to it. */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#isAsked) this.#onAsked();
    this.#isAsked = false;
    try {
      const bytes = await this.connection.read();
      if (bytes !== undefined) this.#look(bytes);
      return bytes;
    } catch (error) {
      this.failure = asUserError(error);
      return undefined;
    }
  }

  /** The message by which the server ended the connection, if that is the last line received. */
  get disconnect(): Disconnect | undefined {
    const [, line] = /\n([^\n]*)\n$/.exec(this.#last.toString()) ?? [];
    return line === undefined ? undefined : disconnectOf(line);
  }

  #look(bytes: Uint8Array): void {
    const end = bytes.subarray(-SERVER_MESSAGE_BYTES_MAX - 1);
    this.#last = Buffer.concat([this.#last, end]).subarray(-SERVER_MESSAGE_BYTES_MAX - 1);
    if (this.#first === undefined) return;
    const first = Buffer.concat([this.#first, bytes.subarray(0, ASK_FOR_NAME_BYTES_MAX)]);
    const length = first.indexOf(LF);
    this.#isAsked = length >= 0 && asksForName(first.toString("utf8", 0, length));
    const isClear = length >= 0 || first.length >= ASK_FOR_NAME_BYTES_MAX;
    this.#first = isClear ? undefined : first;
  }
}

/** An error that a user can cause; any other is a bug, and thrown. */
export function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
