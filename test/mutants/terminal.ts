/** Mistakes in the terminal that its tests have to notice. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const TERMINAL_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/terminal/received.test.ts", "lib/terminal/received.ts", {
    "each of a hundred mentions rings the bell": ["    this.#rungAtMs = now;\n", ""],
    "what was received is shown again with the history": "    this.#shown.received(lines); ==>",
  }),
  ...caughtBy("test/program/room-view.test.ts", "lib/program/room-view.ts", {
    "of a history, the first line after the known ones is left out":
      "(others[last]?.at ?? 0) + 1 ==> (others[last]?.at ?? 0) + 2",
    "a member that has left is still here":
      'if (what === "left") this.here.delete ==> if (what === "gone") this.here.delete',
  }),
  ...caughtBy("test/terminal/terminal.test.ts", "lib/terminal/terminal.ts", {
    "a line looks sent as soon as it is taken": [
      "        yield Buffer.from(`${line}\\n`);\n        this.#waiting.shift();\n",
      "        this.#waiting.shift();\n        yield Buffer.from(`${line}\\n`);\n",
    ],
  }),
  ...caughtBy("test/terminal/terminal.test.ts", "lib/terminal/screen.ts", {
    "after a crash the terminal stays in raw mode":
      '    process.on("exit", () => this.#setRaw(false)); ==>',
  }),
  ...caughtBy("test/terminal/screen.test.ts", "lib/terminal/rows.ts", {
    "a character that just fits goes to the next row":
      "if (row.width + width > columns && ==> if (row.width + width >= columns &&",
  }),
  ...caughtBy("test/terminal/screen.test.ts", "lib/terminal/screen.ts", {
    "in a flood, a key waits for all that has come":
      "const FRAME_LENGTH_MAX = 16 << 10; ==> const FRAME_LENGTH_MAX = 16 << 20;",
  }),
  ...caughtBy("test/terminal/typing.test.ts", "lib/terminal/keyboard.ts", {
    "a paste is over at an end that is a part of it":
      "held.lastIndexOf(PASTE_END) ==> held.indexOf(PASTE_END)",
  }),
];
