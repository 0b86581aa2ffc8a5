/** Lines stay whole, though they are received in pieces, and sent over connections that come and go. */

const LF = 0x0a;
/** What an unfinished line may hold before it is passed on as it is. */
const HELD_BYTES_MAX = 1 << 20;
/** What is kept to be sent again: more than a socket takes before a refusal is received. */
const KEPT_BYTES_MAX = 8 << 20;
const NOTHING = new Uint8Array(0);
const nothingTaken = () => ({ copy: new Bun.ArrayBufferSink(), bytes: 0, endsInsideLine: false });

/**
 * Keeps the unfinished end of a stream back until the rest of its line is there. A `LineBuffer`
 * ends with a line that is too long; a client passes it on in parts.
 */
export class WholeLines {
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  /**
   * Takes a chunk; returns the lines it finishes, as one run of bytes, or undefined if it does not.
   *
   * @param chunk bytes as received; kept by reference until its line is finished
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    if (chunk.at(-1) === LF && this.#held.length === 0) return chunk; // Most are like that.
    const finished = chunk.lastIndexOf(LF) + 1;
    const isTooLong = this.#heldBytes + chunk.length - finished > HELD_BYTES_MAX;
    const end = isTooLong ? chunk.length : finished;
    this.#hold(chunk.subarray(0, end));
    const lines = end > 0 ? this.end() : undefined;
    this.#hold(chunk.subarray(end));
    return lines;
  }

  /** Tells that the stream is over; returns its unfinished line, undefined if there is none. */
  end(): Uint8Array | undefined {
    const [first, ...more] = this.#held.splice(0);
    this.#heldBytes = 0;
    return first && more.length > 0 ? Buffer.concat([first, ...more]) : first;
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#held.push(bytes);
    this.#heldBytes += bytes.length;
  }
}

/**
 * What is sent over one connection after another. Once the system has taken it, it may have been
 * relayed, so it is not sent again, with one exception: a server that refuses this client has relayed
 * nothing. What else is known to be lost is counted and told: the rest of a line that was cut off, a
 * line that was too long, what was sent before a late refusal. What else was on its way when a
 * connection was lost, no client knows.
 */
export class Outgoing {
  /** What the connection has not taken yet. */
  pending: Uint8Array = NOTHING;
  lostLines = 0;
  #isEnded = false;
  #changes = Promise.withResolvers<void>();
  /** What this connection has taken, with a copy to be sent again, unless it is too much for that. */
  #taken = nothingTaken();
  /** Whether what comes next is the rest of a line that is lost. */
  #skipsRest = false;

  /** Whether everything was taken, and no more will come. */
  get isDone(): boolean {
    return this.#isEnded && this.pending.length === 0;
  }

  /** Waits until it passes a check. */
  async until(check: (outgoing: Outgoing) => boolean): Promise<void> {
    while (!check(this)) await this.#changes.promise;
  }

  /** Takes bytes, not to be changed while anything is pending. */
  add(bytes: Uint8Array): void {
    const rest = bytes.subarray(this.#skipsRest ? bytes.indexOf(LF) + 1 || bytes.length : 0);
    this.#skipsRest &&= !bytes.includes(LF);
    this.pending = this.pending.length > 0 ? Buffer.concat([this.pending, rest]) : rest;
    this.#changed();
  }

  /** No more will be added. */
  end(): void {
    this.#isEnded = true;
    this.#changed();
  }

  /** The connection has taken so many of the first bytes that are pending. */
  taken(count: number): void {
    const bytes = this.pending.subarray(0, count);
    this.pending = this.pending.subarray(count);
    this.#taken.bytes += count;
    if (this.#taken.bytes <= KEPT_BYTES_MAX) this.#taken.copy.write(bytes);
    this.#taken.endsInsideLine = bytes.at(-1) !== LF;
    this.#changed();
  }

  /**
   * The connection is lost; returns what that means for what was sent, in words, if anything.
   *
   * @param disconnect the message with which the server ended it, if there was one
   */
  lost(disconnect?: { message: string; isRefusal: boolean }): string | undefined {
    const { copy, bytes, endsInsideLine } = this.#taken;
    this.#taken = nothingTaken();
    this.#changed(); // Who waits to send over that connection waits no more.
    if (disconnect?.isRefusal && bytes <= KEPT_BYTES_MAX) {
      this.pending = Buffer.concat([new Uint8Array(copy.end()), this.pending]);
      return bytes > 0 ? "what was sent is sent again" : undefined;
    }
    // The end ends a line, too.
    const isCut = endsInsideLine && !this.isDone;
    const isLost = disconnect?.isRefusal || disconnect?.message.startsWith("line longer than");
    if (!isCut && !isLost) return undefined;
    this.lostLines++;
    this.#skipsRest ||= endsInsideLine;
    const rest = this.pending;
    this.pending = NOTHING;
    this.add(rest);
    return disconnect
      ? "what was sent before that is lost"
      : "a line was cut off; its rest is not sent";
  }

  #changed(): void {
    if (this.pending.length === 0) this.pending = NOTHING; // Its memory is freed now.
    this.#changes.resolve();
    this.#changes = Promise.withResolvers();
  }
}
