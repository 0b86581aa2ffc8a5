/** Whether what comes from the stream is what follows: nothing missing, nothing else in its place. */

import { compareIds, type Entry, START } from "./stream.ts";

const FORGOTTEN = "redis has forgotten what was said";

/** How far a server has followed the stream. Its methods return why it cannot go on, if so. */
export class Thread {
  /** The last entry received, and the last of this server's own, by its number. */
  received = START;
  receivedNumber = 0;
  /** The last of its own that is known to be in the stream. */
  addedNumber = 0;
  /** Those that are in the stream and were not received, and the places by which they have to come. */
  #toCome: { readonly number: number; readonly id: string }[] = [];
  /** The last of those that the present reading has to find. */
  #numberToRead = 0;

  /** Begins behind the entry with which the server has joined. */
  begin(id: string): void {
    this.received = id;
    this.receivedNumber = this.addedNumber = 1;
  }

  /** Something of its own was added; at this place, or if that was before, at an earlier one. */
  added(number: number, id: string): string | undefined {
    this.addedNumber = Math.max(this.addedNumber, number);
    this.#toCome.push({ number, id });
    return this.#missing();
  }

  /** It asks for what follows. */
  reads(): void {
    this.#numberToRead = this.addedNumber;
  }

  /** Nothing follows. */
  ends(): string | undefined {
    return this.receivedNumber < this.#numberToRead ? FORGOTTEN : undefined;
  }

  /** An entry follows, one of its own or another. */
  follows({ id, after, number }: Entry, isOwn: boolean): string | undefined {
    if (after !== this.received || (isOwn && number !== this.receivedNumber + 1))
      return `${id} in redis follows ${after}, and not ${this.received}`;
    this.received = id;
    if (isOwn) this.receivedNumber = number;
    return this.#missing();
  }

  /** Whether something of its own should have come by now. */
  #missing(): string | undefined {
    this.#toCome = this.#toCome.filter(({ number }) => number > this.receivedNumber);
    const [first] = this.#toCome;
    return first && compareIds(first.id, this.received) <= 0 ? FORGOTTEN : undefined;
  }
}
