/** A server for faults: it ends with whoever uses it, and is watched from outside. */

import { usageOf } from "../bench/usage.ts";
import { limitFiles, serverCommand, ServerProgram } from "../harness.ts";

export interface RoomProcessOptions {
  /** Options of the server. */
  args?: readonly string[];
  /** Its limit on open files. */
  filesMax?: number;
}

export class RoomProcess {
  readonly #server: ServerProgram;

  private constructor(server: ServerProgram) {
    this.#server = server;
  }

  /** Starts a server on a free port of this machine; returns once it listens. */
  static async start({ args = [], filesMax }: RoomProcessOptions = {}): Promise<RoomProcess> {
    const command = serverCommand("--host", "127.0.0.1", ...args, "0");
    return new RoomProcess(
      await ServerProgram.run(filesMax === undefined ? command : limitFiles(filesMax, command)),
    );
  }

  get port(): number {
    return this.#server.port;
  }

  /** What it has said about itself, a line an event. */
  get journal(): string[] {
    return this.#server.stderr.split("\n").slice(0, -1);
  }

  /** Its resident memory, in bytes. */
  get memoryBytes(): number {
    return usageOf(this.#server.pid).residentBytes;
  }

  /** The processor time it has used, in ms. */
  get processorMs(): number {
    return this.#server.processorMs;
  }

  /** Waits for an event, of those past too. */
  async logged(event: RegExp): Promise<void> {
    await this.#server.logged(event);
  }

  /** How many events it has reported that match. */
  count(event: RegExp): number {
    return this.#server.count(event);
  }

  /** SIGTERM; returns its exit code. */
  stop(): Promise<number> {
    return this.#server.stop();
  }

  /** Ends it in any case. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.end();
  }
}
