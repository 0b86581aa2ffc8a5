/** Mistakes in the terminal that its tests have to notice. */

import type { ProgramMutant } from "../harness/faults.ts";

const RECEIVED = "lib/terminal/received.ts";
const ROOM_VIEW = "lib/program/room-view.ts";
const SCREEN = "lib/terminal/screen.ts";
const TERMINAL = "lib/terminal/terminal.ts";

export const TERMINAL_MUTANTS: readonly ProgramMutant[] = [
  {
    fault: "each of a hundred mentions rings the bell",
    file: RECEIVED,
    code: "    this.#rungAtMs = now;\n",
    becomes: "",
    test: "test/terminal/received.test.ts",
  },
  {
    fault: "what was received is shown again with the history",
    file: RECEIVED,
    code: "    this.#shown.received(lines);\n",
    becomes: "",
    test: "test/terminal/received.test.ts",
  },
  {
    fault: "of a history, the first line after the known ones is left out",
    file: ROOM_VIEW,
    code: "(others[last]?.at ?? 0) + 1",
    becomes: "(others[last]?.at ?? 0) + 2",
    test: "test/program/room-view.test.ts",
  },
  {
    fault: "a member that has left is still here",
    file: ROOM_VIEW,
    code: 'if (what === "left") this.here.delete',
    becomes: 'if (what === "gone") this.here.delete',
    test: "test/program/room-view.test.ts",
  },
  {
    fault: "a line looks sent as soon as it is taken",
    file: TERMINAL,
    code: "        yield Buffer.from(`${line}\\n`);\n        this.#waiting.shift();\n",
    becomes: "        this.#waiting.shift();\n        yield Buffer.from(`${line}\\n`);\n",
    test: "test/terminal/terminal.test.ts",
  },
  {
    fault: "a character that just fits goes to the next row",
    file: "lib/terminal/rows.ts",
    code: "if (row.width + width > columns &&",
    becomes: "if (row.width + width >= columns &&",
    test: "test/terminal/screen.test.ts",
  },
  {
    fault: "a paste is over at an end that is a part of it",
    file: "lib/terminal/keyboard.ts",
    code: "held.lastIndexOf(PASTE_END)",
    becomes: "held.indexOf(PASTE_END)",
    test: "test/terminal/typing.test.ts",
  },
  {
    fault: "in a flood, a key waits for all that has come",
    file: SCREEN,
    code: "const FRAME_LENGTH_MAX = 16 << 10;",
    becomes: "const FRAME_LENGTH_MAX = 16 << 20;",
    test: "test/terminal/screen.test.ts",
  },
  {
    fault: "after a crash the terminal stays in raw mode",
    file: SCREEN,
    code: '    process.on("exit", () => this.#setRaw(false));\n',
    becomes: "",
    test: "test/terminal/terminal.test.ts",
  },
];
