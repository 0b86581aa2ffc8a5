/** What Redis answers, in its protocol, RESP2: bytes go in as they arrive, replies come out. */

/** Bytes stay as they are until `onReply` returns. */
export type Reply = Buffer | string | number | null | Error | readonly Reply[];

const CR = 0x0d;

export class Replies {
  /** The start of a reply that is not complete, and how long it has to be at least. */
  #rest: Buffer = Buffer.allocUnsafe(64 << 10);
  #restBytes = 0;
  #leastBytes = 0;
  /** What is read, and how far it is read. */
  #bytes: Buffer = this.#rest;
  #at = 0;

  /**
   * Takes bytes, and gives each reply that they complete.
   *
   * @throws {RangeError} if this is something else
   */
  push(chunk: Buffer, onReply: (reply: Reply) => void): void {
    this.#bytes = chunk;
    if (this.#restBytes > 0) {
      this.#rest = enlarged(this.#rest, this.#restBytes, chunk.length);
      this.#restBytes += chunk.copy(this.#rest, this.#restBytes);
      if (this.#restBytes < this.#leastBytes) return;
      this.#bytes = this.#rest.subarray(0, this.#restBytes);
    }
    const bytes = this.#bytes;
    let end = (this.#at = this.#leastBytes = 0);
    for (let reply = this.#next(); reply !== undefined; reply = this.#next()) {
      end = this.#at;
      onReply(reply);
    }
    this.#leastBytes -= end;
    this.#rest = enlarged(this.#rest, 0, bytes.length - end);
    this.#restBytes = bytes.copy(this.#rest, 0, end);
  }

  /** Undefined if it is not complete. */
  #next(): Reply | undefined {
    const bytes = this.#bytes;
    const lineEnd = bytes.indexOf(CR, this.#at);
    if (lineEnd < 0 || lineEnd + 2 > bytes.length) return undefined;
    const [type, text] = [bytes[this.#at] ?? 0, bytes.toString("latin1", this.#at + 1, lineEnd)];
    this.#at = lineEnd + 2;
    switch (String.fromCharCode(type)) {
      case "+":
        return text;
      case "-":
        return new Error(text);
      case ":":
        return Number(text);
      case "$":
        return this.#bulk(Number(text));
      case "*":
        return this.#array(Number(text));
      default:
        throw new RangeError("it does not answer as Redis does");
    }
  }

  #bulk(length: number): Reply | undefined {
    if (length < 0) return null;
    const [start, end] = [this.#at, this.#at + length];
    this.#at = end + 2;
    if (this.#at <= this.#bytes.length) return this.#bytes.subarray(start, end);
    this.#leastBytes = this.#at;
    return undefined;
  }

  #array(length: number): Reply | undefined {
    if (length < 0) return null;
    const replies: Reply[] = [];
    while (replies.length < length) {
      const reply = this.#next();
      if (reply === undefined) return undefined;
      replies.push(reply);
    }
    return replies;
  }
}

/** A buffer that has room for so many bytes more, with those that it has. */
export function enlarged(buffer: Buffer, filled: number, more: number): Buffer {
  if (filled + more <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafe(2 * (filled + more));
  buffer.copy(larger, 0, 0, filled);
  return larger;
}
