/** A conversation with a room: lines out, lines in, an end with a reason. */

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
import type { Notes } from "./local-side.ts";

/** Goes on until everything is sent and the server has closed after that. */
export interface Conversation {
  /**
   * Waits for bytes that others have sent; undefined at the end, if all went well.
   *
   * @throws {UserError} if it did not: what the server has said at last, or what is lost
   */
  read(): Promise<Uint8Array | undefined>;
  /** Sends all of the bytes; returns false when that is in vain, and `read` tells why. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Everything is sent: half-closes, and the server closes when it has sent what is pending. */
  endOutput(): void;
}

/** How a client takes part in a conversation. */
export interface Part {
  /** Whether it sends lines, up to `endOutput`. */
  readonly sends: boolean;
  /** What it sends where the server asks for a name, unless it has sent a line by then; or empty. */
  readonly name: string;
}

/** Over one connection: its end is the end of the conversation. */
export class OneConnection implements Conversation {
  readonly #receiver: Receiver;
  readonly #notes: Notes;
  readonly #part: Part;

  /** @param notes told what happens */
  constructor(connection: Connection, part: Part, notes: Notes) {
    this.#receiver = new Receiver(connection, part, notes);
    this.#part = part;
    this.#notes = notes;
    notes.note(`connected to ${connection.remoteAddress}`);
  }

  async read(): Promise<Uint8Array | undefined> {
    const bytes = await this.#receiver.read();
    if (bytes !== undefined) return bytes;
    const { connection } = this.#receiver;
    const failure = failureOf(this.#receiver, this.#part.sends);
    if (failure) throw failure;
    if (connection.endedByServer) this.#notes.note(`${connection.address} closed the connection`);
    return undefined;
  }

  write(bytes: Uint8Array): Promise<boolean> {
    this.#receiver.hasSent = true;
    return this.#receiver.connection.write(bytes);
  }

  endOutput(): void {
    this.#receiver.connection.endOutput();
  }
}

/**
 * Why a connection that has ended was not the end of a conversation that went well, if so. A server
 * that ended it first may not have received everything.
 *
 * @param sends whether there was anything to send
 */
export function failureOf(receiver: Receiver, sends: boolean): UserError | undefined {
  const { connection, disconnect, failure } = receiver;
  if (disconnect) {
    const { message, isPermanent: permanent } = disconnect;
    return new UserError(`the server says: ${message}`, { permanent });
  }
  const endedEarly = sends && connection.endedByServer;
  if (failure || !endedEarly) return failure;
  return new UserError(`${connection.address} closed the connection before everything was sent`);
}

/**
 * Reads one connection to its end, and sends a name if the server asks for one in its first line.
 * Bytes pass as they come; only a copy of a few is kept.
 */
export class Receiver {
  readonly connection: Connection;
  readonly #part: Part;
  readonly #notes: Notes;
  /** Whether a line was sent, which has the name in it, or is it. */
  hasSent = false;
  /** The first line, as far as it was received; undefined once it is known what it is. */
  #first: Buffer | undefined = Buffer.alloc(0);
  #isAsked = false;
  /** What was received last; begins with an LF, for the line before the first. */
  #last: Buffer = Buffer.from("\n");
  /** Why the connection has failed; set when `read` has returned undefined. */
  failure: UserError | undefined;

  /** @param notes told when the name is sent */
  constructor(connection: Connection, part: Part, notes: Notes) {
    this.connection = connection;
    this.#part = part;
    this.#notes = notes;
  }

  /**
   * Waits for bytes; undefined at the end, however it came to it.
   *
   * @throws {UserError} when the server has asked for a name, and none will be sent
   */
  async read(): Promise<Uint8Array | undefined> {
    if (this.#isAsked && !this.hasSent) this.#sendName();
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

  #sendName(): void {
    const { name, sends } = this.#part;
    if (name === "" && !sends)
      throw new UserError("the room asks for a name; give one with --name", { permanent: true });
    // Without one, the first line that is sent is it.
    if (name === "" || this.connection.outputEnded) return;
    void this.connection.write(`${name}\n`);
    this.#notes.note(`sent your name: ${name}`);
  }
}

/** An error that a user can cause; any other is a bug, and thrown. */
export function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  throw error;
}
