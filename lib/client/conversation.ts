/** A conversation with a room: lines out, lines in, an end with a reason. */

import { UserError } from "../program/system-errors.ts";
import type { Connection } from "./connection.ts";
import type { Notes } from "./local-side.ts";
import { Receiver } from "./receiver.ts";

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

/**
 * Sends the name that the server has asked for. Without one, the first line that is sent is it.
 *
 * @throws {UserError} when none will be sent
 */
export function sendName(connection: Connection, { sends, name }: Part, notes: Notes): void {
  if (name === "" && !sends)
    throw new UserError("the room asks for a name; give one with --name", { permanent: true });
  if (name === "" || connection.outputEnded) return;
  void connection.write(`${name}\n`);
  notes.note(`sent your name: ${name}`);
}

/** Over one connection: its end is the end of the conversation. */
export class OneConnection implements Conversation {
  readonly #receiver: Receiver;
  readonly #notes: Notes;
  readonly #part: Part;
  #hasSent = false;

  /** @param notes told what happens */
  constructor(connection: Connection, part: Part, notes: Notes) {
    this.#receiver = new Receiver(connection, () => {
      if (!this.#hasSent) sendName(connection, part, notes);
    });
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
    this.#hasSent = true;
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
