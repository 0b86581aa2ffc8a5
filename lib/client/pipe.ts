/** This end of the conversation as a program has it: stdin is said, and stdout gets what is heard. */

import { codeOf, UserError } from "../program/system-errors.ts";
import { colourSpeakers, openColours, takesColours } from "./colour.ts";
import type { LocalEnd, Notes } from "./local-end.ts";
import { sanitise } from "./sanitise.ts";
import { WholeLines } from "./whole-lines.ts";

const LF = 0x0a;
/** As much as a pipe holds on most systems: larger pieces are slower. */
const PIECE_BYTES = 64 << 10;

/** How a pipe takes part. */
export interface PipeOptions {
  /** Put before each line said; empty for none. */
  prefix: string;
  /** Where the client speaks of itself. */
  notes: Notes;
}

/**
 * Opens stdin and stdout. Bytes pass unchanged, unless stdout is a terminal: that
 * gets whole lines of harmless text, coloured by speaker.
 */
export function openPipe({ prefix, notes }: PipeOptions): LocalEnd {
  const lines = new WholeLines();
  const colours = openColours(takesColours(process.stdout));
  const harmless = (run: Uint8Array) => colourSpeakers(sanitise(run, colours.mark), colours);

  return {
    note: notes.note,
    status: notes.status,
    said: () => (prefix === "" ? process.stdin : prefixLines(process.stdin, prefix)),
    async show(bytes) {
      if (!process.stdout.isTTY) return writeInPieces(bytes);
      const run = lines.push(bytes);
      return run === undefined || writeOut(harmless(run));
    },
    async close() {
      const rest = lines.end();
      if (rest !== undefined) await writeOut(`${harmless(rest)}\n`);
    },
  };
}

/** Puts a prefix before each line. */
export async function* prefixLines(
  chunks: AsyncIterable<Uint8Array>,
  prefix: string,
): AsyncIterable<Uint8Array> {
  // As latin1, which has one character for each byte, lines of any bytes pass unchanged.
  const inserted = Buffer.from(prefix).toString("latin1");
  let startsLine = true;
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    const start = startsLine ? inserted : "";
    startsLine = chunk.at(-1) === LF;
    const text = Buffer.from(chunk).toString("latin1");
    yield Buffer.from(
      start + text.replace(/\n(?!$)/g, `\n${inserted.replaceAll("$", "$$$$")}`),
      "latin1",
    );
  }
}

async function writeInPieces(bytes: Uint8Array): Promise<boolean> {
  for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES)
    if (!(await writeOut(bytes.subarray(offset, offset + PIECE_BYTES)))) return false;
  return true;
}

/** Writes to stdout and waits until it has gone out; returns whether anybody still reads. */
function writeOut(output: Uint8Array | string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(output, (error) => {
      if (!error) resolve(true);
      else if (codeOf(error) === "EPIPE") resolve(false);
      else reject(new UserError(`cannot write to stdout: ${error.message}`));
    });
  });
}
