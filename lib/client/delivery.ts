/**
 * What is said over one connection after another: what goes out next, what has to go out again, and
 * what is lost. It knows no connection and no clock: it is told what happens, in this order, again
 * and again: `connected`, then `taken`, `heard` and perhaps `settled`, then `lost`.
 *
 * What the system has taken may have been heard, so it is not said again: with one exception. A
 * server that refuses a client says so, and has heard nothing of it. So what a connection has taken
 * is kept until it is clear that the client was let in, or until a refusal would have come.
 *
 * The server hears whole lines: of a line that was taken in part, either all goes out again, or its
 * rest is not sent, which would be heard as a line that nobody has said.
 */

import { type LastWord, longestLineOf } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";

/** What is kept, at the most; more has to wait until it is clear that the client was let in. */
const KEPT_BYTES_MAX = 256 << 10;
const NOTHING = new Uint8Array(0);

/** Owns what is said from when it is handed over until it has gone out for good. */
export class Delivery {
  /** What goes out again, before anything new. */
  #again: Uint8Array = NOTHING;
  #fresh: Uint8Array = NOTHING;
  /** What this connection has taken; undefined once it may not go out again. */
  #kept: Uint8Array[] | undefined;
  #keptBytes = 0;
  /** Whether others were heard: then this client is in the room too. */
  #isIn = false;
  /** Whether this connection has taken anything; and whether that ends inside a line. */
  hasTaken = false;
  #insideLine = false;
  /** Whether what goes out next is the rest of a line that is given up. */
  #skipsRest = false;
  #ended = false;
  /** How many lines are lost at the least, as far as anybody here can know. */
  lostLines = 0;

  /** Whether new bytes can be handed over: those before have gone out. */
  get takesMore(): boolean {
    return this.#fresh.length === 0;
  }

  /** Whether everything has gone out, and no more will come. */
  get isDone(): boolean {
    return this.#ended && this.#isEmpty;
  }

  get #isEmpty(): boolean {
    return this.#again.length + this.#fresh.length === 0;
  }

  /** Takes bytes to say; they are not to be changed or freed until it takes more. */
  say(bytes: Uint8Array): void {
    this.#fresh = bytes;
    this.#skipRest();
  }

  /** There is no more to say. */
  end(): void {
    this.#ended = true;
  }

  /** There is a new connection. */
  connected(): void {
    this.#kept = [];
    this.#keptBytes = 0;
    this.#isIn = this.hasTaken = this.#insideLine = false;
  }

  /** What is to be handed to the connection now; undefined if there is nothing or it has to wait. */
  get next(): Uint8Array | undefined {
    const bytes = this.#again.length > 0 ? this.#again : this.#fresh;
    const piece = this.#kept ? bytes.subarray(0, KEPT_BYTES_MAX - this.#keptBytes) : bytes;
    return piece.length > 0 ? piece : undefined;
  }

  /** The connection has taken so much of `next`. */
  taken(count: number): void {
    const bytes = this.#drop(count);
    this.#kept?.push(new Uint8Array(bytes)); // A copy; `slice` of a Buffer is none.
    this.#keptBytes += count;
    this.hasTaken = true;
    this.#insideLine = bytes.at(-1) !== LF;
  }

  /** Lines were heard; returns whether that shows, as nothing before, that the client was let in. */
  heard(lines: Uint8Array): boolean {
    if (this.#isIn) return false;
    // The server's own lines may come before.
    this.#isIn = /(?:^|\n)(?!\* |$)/.test(Buffer.from(lines).toString("latin1"));
    if (this.#isIn) this.#kept = undefined;
    return this.#isIn;
  }

  /** A refusal of what was taken would have come by now. */
  settled(): void {
    if (this.hasTaken) this.#kept = undefined;
  }

  /** Whether the word that has ended the connection says that this client was not let in. */
  isRefusal(word: LastWord | undefined): boolean {
    return word?.refusal === true && !this.#isIn;
  }

  /** The connection is gone; returns what that means for what it had taken, in words, if anything. */
  lost(word: LastWord | undefined): string | undefined {
    const kept = this.#kept && Buffer.concat(this.#kept);
    const isRefusal = this.isRefusal(word);
    if (isRefusal && kept) return this.#sayAgain(kept);
    if (isRefusal && this.hasTaken)
      return this.#giveUpLine("what was sent to a server that let nobody in is lost");
    const bytesMax = word && longestLineOf(word);
    if (bytesMax !== undefined) return this.#lostTooLong(kept, bytesMax);
    // After the end, what follows the last LF is a line too.
    if (this.#insideLine && !this.isDone)
      return this.#giveUpLine("a line was cut off; its rest is not sent");
    return undefined;
  }

  /** The server has heard what comes before a line that is too long, and nothing after it. */
  #lostTooLong(kept: Uint8Array | undefined, bytesMax: number): string {
    const start = kept && startOfLongLine(kept, bytesMax);
    if (kept === undefined || start === undefined)
      return this.#giveUpLine("a line was too long for the server; it and those after it are lost");
    this.#sayAgain(kept.subarray(start));
    this.#insideLine = true;
    return this.#giveUpLine("a line was too long for the server");
  }

  #sayAgain(kept: Uint8Array): undefined {
    this.#again = Buffer.concat([kept, this.#again]);
  }

  /** Gives up a line of which the connection had taken all, or a part. */
  #giveUpLine(inWords: string): string {
    this.lostLines++;
    this.#skipsRest ||= this.#insideLine;
    this.#insideLine = false;
    this.#skipRest();
    return inWords;
  }

  #skipRest(): void {
    while (this.#skipsRest && !this.#isEmpty) {
      const bytes = this.#again.length > 0 ? this.#again : this.#fresh;
      const end = bytes.indexOf(LF) + 1;
      this.#skipsRest = end === 0;
      this.#drop(end || bytes.length);
    }
  }

  /** Takes away what comes next. */
  #drop(count: number): Uint8Array {
    const source = this.#again.length > 0 ? this.#again : this.#fresh;
    const bytes = source.subarray(0, count);
    // Nothing is kept of bytes that have gone out: whoever said them may free their memory.
    const rest = count < source.length ? source.subarray(count) : NOTHING;
    if (this.#again.length > 0) this.#again = rest;
    else this.#fresh = rest;
    return bytes;
  }
}

function startOfLongLine(bytes: Uint8Array, bytesMax: number): number | undefined {
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(LF, start) + 1;
    // Of an unfinished line the server has seen that not even its LF would fit.
    if ((end || bytes.length + 1) - start > bytesMax) return start;
    if (end === 0) return undefined;
    start = end;
  }
  return undefined;
}
