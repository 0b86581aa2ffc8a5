/** This end of the conversation as a program has it: stdin is sent, stdout gets what arrives. */

import { isatty } from "node:tty";

import { LF } from "../room/line-buffer.ts";
import { Colours } from "./colour.ts";
import type { LocalSide } from "./local-side.ts";
import { STDIN } from "./stdin.ts";
import { Stdout } from "./stdout.ts";
import { WholeLines } from "./whole-lines.ts";

/**
 * Opens stdin and stdout. Bytes pass unchanged, unless stdout is a terminal: that gets whole lines
 * of harmless text, coloured by speaker.
 */
export function openPipe(): LocalSide {
  const toTerminal = isatty(1);
  const lines = new WholeLines();
  const colours = new Colours(1);
  const stdout = new Stdout();
  const show = (run: Uint8Array) => stdout.write(Buffer.from(colours.bySpeaker(run)));
  return {
    lines: STDIN,
    async show(bytes) {
      if (!toTerminal) return stdout.write(bytes);
      const run = lines.push(bytes);
      return run === undefined || show(run);
    },
    gone: () => stdout.gone(),
    async close() {
      const rest = lines.end();
      if (rest !== undefined) await show(Buffer.concat([rest, Buffer.of(LF)]));
      await stdout.flush();
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
