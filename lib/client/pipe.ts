/** The local side as a program has it: stdin is sent, stdout gets what is received. */

import type { LocalSide } from "./local-side.ts";
import { STDIN } from "./stdin.ts";
import { Stdout } from "./stdout.ts";

/** Opens stdin and stdout. Bytes pass unchanged. */
export function openPipe(): LocalSide {
  const stdout = new Stdout();
  return {
    lines: STDIN,
    show: (bytes) => stdout.write(bytes),
    gone: () => stdout.over,
    close: () => stdout.flush(),
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
