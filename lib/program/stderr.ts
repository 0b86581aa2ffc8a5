/** What a program reports about itself: the only place that writes to stderr, and it never waits. */

import { writeFully } from "./descriptor.ts";

const QUEUE_BYTES_MAX = 1 << 20;
/** So many bytes a pipe takes at once or not at all: lines of several programs do not mix. */
const PIPE_BUF = 4096;
const CLOSE_MS = 500;

let stderr: Queue | undefined;

/**
 * The stderr of this process.
 *
 * @param countLine replaces `Queue.countLine`
 */
export function openStderr(countLine?: (events: number) => string): Queue {
  stderr ??= new Queue(2);
  if (countLine) stderr.countLine = countLine;
  return stderr;
}

/** A bounded queue before a descriptor that may be stuck, full, closed or gone. */
export class Queue {
  readonly descriptor: number;
  /** The line, with its LF, that tells how many events were dropped. */
  countLine = (events: number): string =>
    `${events} ${events === 1 ? "event was" : "events were"} not logged\n`;
  /** What goes out in one write each, and how many events that is. */
  #runs: { bytes: Uint8Array; events: number }[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;

  constructor(descriptor: number) {
    this.descriptor = descriptor;
  }

  /**
   * Writes as soon as the descriptor takes it. What does not fit into the queue, or cannot be
   * written, is dropped and counted; when there is room again, the count is written.
   *
   * @param event written as it is: a line with its LF, as a rule
   */
  write(event: string): void {
    const bytes = new TextEncoder().encode(event);
    const full = this.#queuedBytes + bytes.length > QUEUE_BYTES_MAX;
    // After a gap nothing is queued until the count can follow what came before it.
    if (full || (this.#dropped > 0 && this.#writing)) return void this.#dropped++;
    this.#queueCount();
    this.#queue(bytes, 1);
    this.#writing ??= this.#writeAll();
  }

  /** Waits until all is written, but not for long; for the end of a program. */
  async close(): Promise<void> {
    await Promise.race([this.#writing, Bun.sleep(CLOSE_MS)]);
  }

  async #writeAll(): Promise<void> {
    for (let run = this.#runs.shift(); run !== undefined; run = this.#runs.shift()) {
      this.#queuedBytes -= run.bytes.length;
      try {
        await writeFully(this.descriptor, run.bytes);
        if (this.#runs.length === 0) this.#queueCount();
      } catch {
        this.#dropped += run.events;
      }
    }
    this.#writing = undefined;
  }

  #queueCount(): void {
    if (this.#dropped === 0) return;
    this.#queue(new TextEncoder().encode(this.countLine(this.#dropped)), this.#dropped);
    this.#dropped = 0;
  }

  #queue(bytes: Uint8Array, events: number): void {
    const last = this.#runs.at(-1);
    if (last && last.bytes.length + bytes.length <= PIPE_BUF) {
      last.bytes = Buffer.concat([last.bytes, bytes]);
      last.events += events;
    } else this.#runs.push({ bytes, events });
    this.#queuedBytes += bytes.length;
  }
}
