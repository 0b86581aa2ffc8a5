/**
 * The local side of a conversation, here as a program has it: stdin is sent, stdout is written, and
 * stderr has what the client reports about itself. And how lines are sent to their end, with a
 * prefix before each if there is a name, whatever bytes they hold.
 */

import { fstatSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { isatty } from "node:tty";

import { stderr, writeOut } from "../program/process.ts";
import { codeOf, failed } from "../program/system-errors.ts";

/** Where a client takes the lines from that it sends, and where it shows those it receives. */
export interface LocalSide {
  /**
   * Lines to send, in pieces of any length, up to the end of input. It is left alone until somebody
   * iterates. To ask for the next piece tells that the last one was sent.
   */
  readonly lines: AsyncIterable<Uint8Array>;
  /**
   * Shows bytes as they were received, which are handed over with their memory. Resolves once there
   * is room for more, which is back-pressure, with whether anybody still reads them.
   *
   * @throws {UserError} that says why they cannot be shown
   */
  show(bytes: Uint8Array): Promise<boolean>;
  /** Shows what is still to be shown, and leaves everything as it was found. */
  close(): Promise<void>;
}

/** Where a person sees what the client does. */
export interface Notes {
  /** Reports an event, in one line that stays. */
  note(event: string): void;
  /**
   * Reports what is going on, in one line that changes; an empty one is removed.
   *
   * @param skip ends it, if it is a wait
   */
  status(activity: string, skip?: () => void): void;
  /**
   * The client has joined: what is shown next is from the room.
   *
   * @param isReceiving whether something of that has come with joining: perhaps its history
   */
  joined(isReceiving: boolean): void;
  /** The connection is lost: what was sent in the last `sinceMs` ms may not have been received. */
  lost(sinceMs: number): void;
}

/** A file that is always ready would keep everything else waiting. */
const TURN_BYTES = 1 << 20;

/** Opens stdin and stdout. Bytes pass unchanged; while some are written, the next are received. */
export function openPipe(): LocalSide {
  return {
    lines: {
      // A terminal is left to `process.stdin`; of all else, Bun's own stream costs a third less.
      [Symbol.asyncIterator]: () =>
        (isatty(0) ? process.stdin : Bun.stdin.stream())[Symbol.asyncIterator](),
    },
    async show(bytes) {
      const isRead = await writeOut(bytes);
      release(bytes);
      return isRead;
    },
    async close() {},
  };
}

/** Reports an event in the terminal of the conversation if stderr is that, else on stderr, dim. */
export function noteIn(terminal: Notes | undefined): (event: string) => void {
  if (terminal && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev)
    return (event) => terminal.note(event);
  const style = styleAt(2);
  return (event) => stderr.write(`${style(event, 2, 22)}\n`);
}

/**
 * How text gets a style at a descriptor, by the numbers of ECMA-48 (SGR) that turn it on and off: not
 * at all with `NO_COLOR` (no-color.org), nor where it is no terminal that can do more than lines.
 */
export function styleAt(descriptor: number): (text: string, on: number, off: number) => string {
  const { NO_COLOR, TERM } = process.env;
  if (NO_COLOR || TERM === "dumb" || !isatty(descriptor)) return (text) => text;
  return (text, on, off) => `\x1b[${on}m${text}\x1b[${off}m`;
}

/**
 * Sends lines to their end, and frees the memory of each piece that was sent.
 *
 * @param write sends a piece; returns false when that is in vain, which ends it
 * @returns whether all was sent
 * @throws {UserError} that says why there are no more
 */
export async function sendAll(
  lines: AsyncIterable<Uint8Array>,
  write: (piece: Uint8Array) => Promise<boolean>,
): Promise<boolean> {
  let turnBytes = 0;
  try {
    for await (const piece of lines) {
      turnBytes += piece.length;
      if (!(await write(piece))) return false;
      release(piece);
      if (turnBytes < TURN_BYTES) continue;
      // Whatever is ready, the event loop turns now and then: signals and sockets are there too.
      await setImmediate();
      turnBytes = 0;
    }
    return true;
  } catch (error) {
    if (codeOf(error) === "") throw error; // It is not the system's.
    throw failed("cannot read stdin (--recv-only does not read it)", error);
  }
}

/**
 * Frees the memory of bytes that nobody needs any more, if it holds nothing else. A stream that
 * does so goes on in the same few pages, which the processor still has at hand: up to a quarter
 * faster than in new ones.
 *
 * @param bytes empty afterwards, as is every other view of the same memory
 */
export function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

/** Puts a prefix before each line. */
export async function* prefixLines(chunks: AsyncIterable<Uint8Array>, prefix: string) {
  // As latin1, which has one character for each byte, lines of any bytes pass unchanged.
  const between = `\n${Buffer.from(prefix).toString("latin1")}`.replaceAll("$", "$$$$");
  let before = "\n";
  for await (const chunk of chunks) {
    const text = before + Buffer.from(chunk).toString("latin1");
    yield Buffer.from(text.replace(/\n(?!$)/g, between).slice(before.length), "latin1");
    before = text.endsWith("\n") ? "\n" : "";
  }
}
