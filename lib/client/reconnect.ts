/** A conversation that outlives the connections it is made of: it connects again. */

import { UserError } from "../program/system-errors.ts";
import type { Connection } from "./connection.ts";
import { closedEarly, type Conversation, sayName } from "./conversation.ts";
import { Delivery } from "./delivery.ts";
import { Hearing } from "./hearing.ts";
import type { Notes } from "./local-side.ts";
import { Retries } from "./retries.ts";
import { WholeLines } from "./whole-lines.ts";

/** When a refusal would have come: a server says it at once, which is a way there and back. */
const PROBATION_MS = 2000;

/**
 * Connects, and again whenever a connection is lost, until everything is said and the server has
 * closed after that. When it tries is up to `Retries`; what goes out over which connection, and
 * what is lost, up to `Delivery`. What is heard comes out in whole lines.
 */
export class ReconnectingConnection implements Conversation {
  readonly #name: string;
  readonly #notes: Notes;
  readonly #retries: Retries;
  readonly #delivery = new Delivery();
  readonly #heard = new WholeLines();
  /** Undefined while there is none. */
  #connection: Connection | undefined;
  #hearing: Hearing | undefined;
  /** Until it is over, the server may still refuse this client. */
  #probation: NodeJS.Timeout | undefined;
  #isOver = false;
  /** The connection that is being written to. */
  #writingTo: Connection | undefined;
  #wakeWriter: (() => void) | undefined;

  /**
   * @param address where it connects to, as the user says it
   * @param connect makes a connection
   * @param name said first where the room asks for one; empty for none
   * @param notes told what happens
   */
  constructor(address: string, connect: () => Promise<Connection>, name: string, notes: Notes) {
    this.#name = name;
    this.#notes = notes;
    this.#retries = new Retries(address, connect, notes);
  }

  /**
   * Waits for whole lines. It is this that connects, and notices a loss: so somebody has to read
   * for `write` to go on.
   *
   * @returns a run of lines; undefined at the end, which comes only after `endOutput`
   * @throws {UserError} for what another try would not change; after `endOutput`, when the
   *   connection is lost; at the end, when lines are known to be lost
   */
  async read(): Promise<Uint8Array | undefined> {
    while (!this.#isOver) {
      this.#hearing ??= await this.#connect();
      const bytes = await this.#hearing?.read();
      const lines = bytes ? this.#heard.push(bytes) : this.#left();
      if (lines === undefined) continue;
      // Who has to say a name hears others before it is let in.
      if (!this.#hearing?.asksForName && this.#delivery.heard(lines)) this.#letIn();
      return lines;
    }
    const rest = this.#heard.end();
    if (rest !== undefined) return rest;
    const { lostLines } = this.#delivery;
    const lost = `at least ${lostLines} ${lostLines === 1 ? "line is" : "lines are"} lost`;
    if (lostLines > 0) throw new UserError(`not everything was heard: ${lost}`);
    return undefined;
  }

  /** Says all of the bytes, over as many connections as it takes; returns true, in the end. */
  async write(bytes: Uint8Array): Promise<boolean> {
    this.#delivery.say(bytes);
    void this.#writeOn();
    while (!this.#delivery.takesMore)
      await new Promise<void>((resolve) => (this.#wakeWriter = resolve));
    return true;
  }

  /** Half-closes as soon as everything has gone out. */
  endOutput(): void {
    this.#delivery.end();
    void this.#writeOn();
  }

  /** Undefined when that is pointless: everything is said. */
  async #connect(): Promise<Hearing | undefined> {
    const connection = await this.#retries.next(() => this.#delivery.isDone);
    this.#connection = connection;
    if (connection === undefined) return this.#end(this.#retries.failure);
    this.#delivery.connected();
    this.#startProbation();
    void this.#writeOn();
    return new Hearing(connection, () => this.#sayName(connection));
  }

  /**
   * Not after a line: that has the name in it. Nor after a refusal: as long as the name is taken, who
   * only listens can stay without, and does not hear all of the history again and again.
   */
  #sayName(connection: Connection): void {
    if (this.#delivery.hasTaken || this.#writingTo === connection) return;
    if (this.#retries.isDoubtful) return;
    this.#startProbation();
    sayName(connection, this.#name, this.#notes);
  }

  #startProbation(): void {
    clearTimeout(this.#probation);
    this.#probation = setTimeout(() => this.#letIn(), PROBATION_MS);
  }

  #letIn(): void {
    clearTimeout(this.#probation);
    this.#delivery.settled();
    this.#retries.letIn();
    void this.#writeOn();
  }

  /** The connection has ended, or there is none. */
  #left(): undefined {
    if (this.#hearing === undefined) return;
    const { word, failure } = this.#hearing.ending ?? {};
    const { address, endedByServer } = this.#hearing.connection;
    clearTimeout(this.#probation);
    this.#connection?.abandon();
    this.#connection = this.#hearing = undefined;
    const isRefusal = this.#delivery.isRefusal(word);
    const loss = this.#delivery.lost(word);
    this.#wakeWriter?.();
    if (this.#delivery.isDone)
      return this.#end(failure ?? (endedByServer ? closedEarly(address) : undefined));
    if (failure?.permanent && isRefusal === (word?.refusal ?? false)) return this.#end(failure);
    this.#retries.failed(failure, isRefusal);
    if (loss !== undefined) this.#notes.note(loss);
    if (this.#heard.end()) this.#notes.note("the line that was being received is lost");
  }

  #end(failure: UserError | undefined): undefined {
    this.#isOver = true;
    this.#notes.status("");
    if (failure) throw failure;
    this.#retries.letIn();
  }

  /** Hands over what goes out next, as long as the connection takes it. */
  async #writeOn(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || connection === this.#writingTo) return;
    // It was refused before: what it says now would look said, and might come back.
    if (this.#retries.isDoubtful) return;
    this.#writingTo = connection;
    const taken = (count: number) => {
      if (!this.#delivery.hasTaken) this.#startProbation();
      this.#delivery.taken(count);
    };
    for (let piece = this.#delivery.next; piece !== undefined; piece = this.#delivery.next) {
      const isOpen = await connection.write(piece, taken);
      if (!isOpen || connection !== this.#connection) return;
      this.#wakeWriter?.();
    }
    this.#writingTo = undefined;
    if (this.#delivery.isDone) connection.endOutput();
  }
}
