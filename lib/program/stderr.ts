/** What a program says about itself: the only place that writes to stderr, and it never waits. */

import { writeFully } from "./descriptor.ts";

/** What may wait to be written, in bytes. */
const QUEUE_BYTES_MAX = 1 << 20;
/** Bytes that a pipe takes all at once or not at all, so that lines of several programs do not mix. */
const PIPE_BUF = 4096;
/** How long `close` waits. */
const CLOSE_MS = 500;

/** Where a program writes about itself. */
export interface Stderr {
  /**
   * Writes as soon as stderr takes it. What does not fit into the queue, or
   * cannot be written, is dropped and counted; when there is room again, the
   * count is written.
   *
   * @param event written as it is: a line with its LF, as a rule
   */
  write(event: string): void;
  /** Waits until all is written, but not for long; for the end of a program. */
  close(): Promise<void>;
}

/** The line that tells of dropped events. */
type CountLine = (events: number) => string;

let opened: Queue | undefined;

/**
 * The stderr of this process.
 *
 * @param countLine the line, with its LF, that tells how many events were dropped
 */
export function openStderr(countLine?: CountLine): Stderr {
  opened ??= new Queue(2);
  if (countLine) opened.countLine = countLine;
  return opened;
}

/** Some bytes and how many events they are. */
interface Entry {
  bytes: Uint8Array;
  events: number;
}

/** A bounded queue before a descriptor that may be stuck, full, closed or gone. */
export class Queue implements Stderr {
  countLine: CountLine = (events) =>
    `${events} ${events === 1 ? "event was" : "events were"} not logged\n`;
  readonly #descriptor: number;
  #entries: Entry[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  /** Set while there is something to write. */
  #writing: Promise<void> | undefined;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  write(event: string): void {
    const bytes = new TextEncoder().encode(event);
    const full = this.#queuedBytes + bytes.length > QUEUE_BYTES_MAX;
    // After a gap nothing is queued until the count can follow what came before it.
    if (full || (this.#dropped > 0 && this.#writing)) {
      this.#dropped++;
      return;
    }
    this.#queueCount();
    this.#entries.push({ bytes, events: 1 });
    this.#queuedBytes += bytes.length;
    this.#writing ??= this.#writeAll();
  }

  async close(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, CLOSE_MS);
    await Promise.race([this.#writing, late]);
    clearTimeout(deadline);
  }

  async #writeAll(): Promise<void> {
    while (this.#entries.length > 0) {
      const { bytes, events } = this.#take();
      try {
        await writeFully(this.#descriptor, bytes);
        if (this.#entries.length === 0) this.#queueCount();
      } catch {
        this.#dropped += events;
      }
    }
    this.#writing = undefined;
  }

  #queueCount(): void {
    if (this.#dropped === 0) return;
    const bytes = new TextEncoder().encode(this.countLine(this.#dropped));
    this.#entries.push({ bytes, events: this.#dropped });
    this.#queuedBytes += bytes.length;
    this.#dropped = 0;
  }

  /** As many entries as fit into one write, at least one. */
  #take(): Entry {
    let bytes = 0;
    const next = this.#entries.findIndex((entry) => (bytes += entry.bytes.length) > PIPE_BUF);
    const taken = this.#entries.splice(0, next < 0 ? this.#entries.length : Math.max(1, next));
    const run = Buffer.concat(taken.map((entry) => entry.bytes));
    this.#queuedBytes -= run.length;
    return { bytes: run, events: taken.reduce((sum, entry) => sum + entry.events, 0) };
  }
}
