/** A terminal that shows line after line and no prompt: stdin is no terminal, or `TERM` is `dumb`. */

import { type LocalSide, WholeLines } from "../client/pipe.ts";
import { bySender, harmless } from "./transcript.ts";

/** The same local side, whose stdout is a terminal: it gets whole lines of harmless text. */
export function showPlainly(pipe: LocalSide): LocalSide {
  const lines = new WholeLines();
  const show = (run: Uint8Array) => pipe.show(Buffer.from(bySender(harmless(run))));
  return {
    ...pipe,
    async show(bytes) {
      const run = lines.push(bytes);
      return run === undefined || show(run);
    },
    async close() {
      const rest = lines.end();
      if (rest !== undefined) await show(Buffer.concat([rest, Buffer.from("\n")]));
      await pipe.close();
    },
  };
}
