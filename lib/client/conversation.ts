/** The conversation with a room, over one connection or many, as the client has it. */

import { UserError } from "../program/system-errors.ts";
import type { Connection } from "./connection.ts";
import { Hearing } from "./hearing.ts";
import type { Notes } from "./local-side.ts";

/** Saying and hearing, until everything is said and the server has closed after that. */
export interface Conversation {
  /**
   * Waits for bytes that others have said; undefined at the end, if all went well.
   *
   * @throws {UserError} if it did not: what the server has said, or what is lost
   */
  read(): Promise<Uint8Array | undefined>;
  /** Says all of the bytes; returns false when that is in vain, and `read` tells why. */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Everything is said: half-closes, so that the server closes when it has handed over the rest. */
  endOutput(): void;
}

/** Says a name, so that it is known before anything else is said; nothing if it is empty. */
export function sayName(connection: Connection, name: string, notes: Notes): void {
  if (name === "" || connection.outputEnded) return;
  void connection.write(`${name}\n`);
  notes.note(`said your name: ${name}`);
}

/** Over one connection: its end is the end of the conversation. */
export class OneConnection implements Conversation {
  readonly #connection: Connection;
  readonly #hearing: Hearing;
  readonly #notes: Notes;
  readonly #speaks: boolean;
  #hasSpoken = false;

  /**
   * @param speaks whether there is anything to say, which `endOutput` ends
   * @param name said first where the room asks for one; empty for none
   * @param notes told what happens
   */
  constructor(connection: Connection, speaks: boolean, name: string, notes: Notes) {
    this.#connection = connection;
    this.#hearing = new Hearing(connection, () => {
      if (!this.#hasSpoken) sayName(connection, name, notes);
    });
    this.#speaks = speaks;
    this.#notes = notes;
    notes.note(`connected to ${connection.remoteAddress}`);
  }

  async read(): Promise<Uint8Array | undefined> {
    const bytes = await this.#hearing.read();
    if (bytes !== undefined) return bytes;
    const failure = this.#hearing.ending?.failure;
    if (failure) throw failure;
    const { address, endedByServer } = this.#connection;
    if (endedByServer && this.#speaks) throw closedEarly(address);
    if (endedByServer) this.#notes.note(closedBy(address));
    return undefined;
  }

  write(bytes: Uint8Array): Promise<boolean> {
    this.#hasSpoken = true;
    return this.#connection.write(bytes);
  }

  endOutput(): void {
    this.#connection.endOutput();
  }
}

/** The server has ended the connection in order, which is no failure to who has nothing to say. */
export const closedBy = (address: string) => `${address} has closed the connection`;

/** The server has ended the connection before this client did: who knows what it has heard. */
export function closedEarly(address: string): UserError {
  return new UserError(`${closedBy(address)} before everything was said`);
}
