/** This end of the conversation as a program has it: stdin is sent, and stdout gets what arrives. */

import { isatty } from "node:tty";

import { writeFully } from "../program/descriptor.ts";
import { codeOf, explain, UserError } from "../program/system-errors.ts";
import { colourSpeakers, openColours, takesColours } from "./colour.ts";
import type { LocalEnd, Notes } from "./local-end.ts";
import { sanitise } from "./sanitise.ts";
import { WholeLines } from "./whole-lines.ts";

const LF = 0x0a;

/**
 * Opens stdin and stdout. Bytes pass unchanged, unless stdout is a terminal: that
 * gets whole lines of harmless text, coloured by speaker.
 *
 * @param prefix put before each line sent; empty for none
 * @param notes where the client speaks of itself
 */
export function openPipe(prefix: string, notes: Notes): LocalEnd {
  const toTerminal = isatty(1);
  const lines = new WholeLines();
  const colours = openColours(takesColours(1));
  const harmless = (run: Uint8Array) =>
    Buffer.from(colourSpeakers(sanitise(run, colours.mark), colours));

  return {
    note: notes.note,
    status: notes.status,
    said: () => (prefix === "" ? readStdin() : prefixLines(readStdin(), prefix)),
    async show(bytes) {
      if (!toTerminal) return writeOut(bytes);
      const run = lines.push(bytes);
      return run === undefined || writeOut(harmless(run));
    },
    async close() {
      const rest = lines.end();
      if (rest !== undefined) await writeOut(Buffer.concat([harmless(rest), Buffer.from("\n")]));
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

async function* readStdin(): AsyncIterable<Uint8Array> {
  try {
    yield* process.stdin;
  } catch (error) {
    const why = explain(error, {
      EBADF: "it is not open for reading",
      EIO: "its terminal is gone",
    });
    throw new UserError(`cannot read stdin: ${why}; --recv-only does not read it`);
  }
}

/** Writes to stdout and waits until it has gone out; returns whether anybody still reads. */
async function writeOut(output: Uint8Array): Promise<boolean> {
  try {
    await writeFully(1, output);
    return true;
  } catch (error) {
    if (codeOf(error) === "EPIPE") return false;
    const why = explain(error, { EIO: "its terminal is gone" });
    throw new UserError(`cannot write to stdout: ${why}`);
  }
}
