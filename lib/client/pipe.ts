/** This end of the conversation as a program has it: stdin is sent, stdout gets what arrives. */

import { isatty } from "node:tty";

import { writeOut } from "../program/descriptor.ts";
import { explain, UserError } from "../program/system-errors.ts";
import { Colours } from "./colour.ts";
import type { LocalEnd } from "./local-end.ts";
import { WholeLines } from "./whole-lines.ts";

/**
 * Opens stdin and stdout. Bytes pass unchanged, unless stdout is a terminal: that gets whole lines
 * of harmless text, coloured by speaker.
 */
export function openPipe(): LocalEnd {
  const toTerminal = isatty(1);
  const lines = new WholeLines();
  const colours = new Colours(1);
  return {
    said: readStdin(),
    async show(bytes) {
      if (!toTerminal) return writeOut(bytes);
      const run = lines.push(bytes);
      return run === undefined || writeOut(Buffer.from(colours.bySpeaker(run)));
    },
    async close() {
      const rest = lines.end();
      if (rest !== undefined) await writeOut(Buffer.from(`${colours.bySpeaker(rest)}\n`));
    },
  };
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

async function* readStdin(): AsyncIterable<Uint8Array> {
  try {
    yield* process.stdin;
  } catch (error) {
    const why = explain(error, {
      EBADF: "it is not open for reading",
      EIO: "its terminal is gone",
    });
    throw new UserError(`cannot read stdin: ${why}; --recv-only does not read it`, {
      cause: error,
    });
  }
}
