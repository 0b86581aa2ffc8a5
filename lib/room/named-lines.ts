/** The lines of a member in a room with names: its name first, then lines that begin with it. */

import { LF, LineBuffer } from "./line-buffer.ts";

const COLON = 0x3a;
const SPACE = 0x20;
const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();
/** Where lines are put together, and behind that those they are made of: two shares, in the end. */
let scratch = new Uint8Array(0);

/** Whose lines they are. */
export interface Bearer {
  /** Asks for a name; returns why it cannot have it. */
  claim(name: string): string | undefined;
}

/**
 * A `LineBuffer` that has `name: ` before each line it gives out, unless the member has said so
 * itself. The name is the first line, or what stands before the first `: ` in it.
 *
 * It holds what was received, as a `LineBuffer` does; names are put in when lines are taken, so
 * that a million empty lines do not become 32 times as many bytes.
 */
export class NamedLines {
  /** Why the member cannot stay: the name it has said; then it has no lines. */
  refusal: string | undefined;
  /** Whether it is not known yet if the member can have its name: its lines wait for that. */
  isPending = false;
  readonly #bearer: Bearer;
  #received: LineBuffer;
  /** Undefined until it is known. */
  #name: string | undefined;
  /** Undefined until a line is taken: most of those who are here say nothing. */
  #prefix: Uint8Array | undefined;

  /**
   * @param lineBytesMax of what is said, without the name
   * @param name known from the start, by a certificate
   */
  constructor(lineBytesMax: number, bearer: Bearer, name: string | undefined) {
    this.#received = new LineBuffer(lineBytesMax);
    this.#bearer = bearer;
    this.#name = name;
  }

  get lineBytesMax(): number {
    return this.#received.lineBytesMax;
  }

  get tooLong(): boolean {
    return this.#received.tooLong;
  }

  get heldBytes(): number {
    return this.#received.heldBytes;
  }

  /** Whether there is a whole line to take, its name known. */
  get hasLine(): boolean {
    return this.isPending || this.#received.hasLine;
  }

  push(chunk: Uint8Array): void {
    if (this.refusal !== undefined) return;
    this.#received.push(chunk);
    if (this.#name === undefined) this.#takeName();
  }

  end(): void {
    this.#received.end();
    if (this.#name === undefined) this.#takeName();
  }

  /**
   * Takes out lines of the oldest run, as many as fit with the name before each, if any does. They
   * stay as they are until the next call, on whichever member's lines.
   */
  take(bytesMax: number, linesMax = Number.POSITIVE_INFINITY): Uint8Array | undefined {
    const run = this.#received.next;
    if (run === undefined || this.#name === undefined || this.isPending) return undefined;
    const prefix = (this.#prefix ??= ENCODER.encode(`${this.#name}: `));
    if (scratch.length < 2 * bytesMax) scratch = new Uint8Array(2 * bytesMax);
    // Within one array, copying many short lines is fastest.
    const bytes = scratch;
    bytes.set(run.subarray(0, bytesMax), bytesMax);
    let end = 0;
    let filled = 0;
    for (let lines = 1; lines <= linesMax && end < run.length; lines++) {
      const next = run.indexOf(LF, end) + 1;
      const prefixBytes = startsWith(run, end, prefix) ? 0 : prefix.length;
      const length = prefixBytes + next - end;
      if (filled + length > bytesMax) break;
      for (let at = 0; at < prefixBytes; at++) bytes[filled + at] = prefix[at] ?? 0;
      bytes.copyWithin(filled + prefixBytes, bytesMax + end, bytesMax + next);
      filled += length;
      end = next;
    }
    if (end > 0) this.#received.take(end);
    return end > 0 ? bytes.subarray(0, filled) : undefined;
  }

  /** It is known whether the member can have its name; if not, why. */
  settle(refusal: string | undefined): void {
    this.isPending = false;
    this.refusal = refusal;
    if (refusal !== undefined) this.#received = new LineBuffer(this.lineBytesMax);
  }

  /** The first line is `name`, with white space around it, or begins with `name: `. */
  #takeName(): void {
    const run = this.#received.next;
    if (run === undefined) return;
    const end = run.indexOf(LF);
    const colon = run.findIndex((byte, at) => byte === LF || isColon(run, at));
    const isAlone = colon === end;
    const said = DECODER.decode(run.subarray(0, colon));
    const name = isAlone ? said.trim() : said;
    if (isAlone) this.#received.take(end + 1, 1);
    // Whoever is told of the name may have its lines said at once.
    this.#name = name;
    this.refusal = this.#bearer.claim(name);
    if (this.refusal !== undefined) this.#received = new LineBuffer(this.lineBytesMax);
  }
}

function isColon(run: Uint8Array, at: number): boolean {
  return run[at] === COLON && run[at + 1] === SPACE;
}

function startsWith(run: Uint8Array, at: number, prefix: Uint8Array): boolean {
  for (let index = 0; index < prefix.length; index++)
    if (run[at + index] !== prefix[index]) return false;
  return true;
}
