/** Mistakes in the client, in a pipe and in a terminal, each of which a test has to notice. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const CLIENT_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/client/reconnect.test.ts", "lib/client/reconnect.ts", {
    "backoff does not start over after a good connection": [");\n        failures = 0;", ");"],
  }),
  ...caughtBy("test/client/whole-lines.test.ts", "lib/client/whole-lines.ts", {
    "what was sent may be sent twice":
      "if (disconnect?.isRefusal && bytes <= KEPT_BYTES_MAX) { ==> if (bytes <= KEPT_BYTES_MAX) {",
  }),
  ...caughtBy("test/defaults.test.ts", "lib/program/network.ts", {
    "keep-alive is off": "socket.setKeepAlive(true ==> socket.setKeepAlive(false",
  }),
  ...caughtBy("test/client/conversation.test.ts", "lib/client/conversation.ts", {
    "a member is told to be refused when another sends the words":
      "?.isRefusal && this.isMember ? undefined : disconnect ==>",
  }),
  ...caughtBy("test/client/tls.test.ts", "lib/client/tls.ts", {
    "a connection over TLS that is cut off ends in order": [
      "} else data.closed(new UserError(cutOff, ",
      "} else if (data.hasReceived) data.closed();\n    else data.closed(new UserError(cutOff, ",
    ],
  }),
  ...caughtBy("test/client/pipe.test.ts", "client.ts", {
    "--quiet reports connections": "const reports = !options.quiet && ( ==> const reports = (",
    "a filter whose reader has gone ends as if all were well":
      "return sends ? EXIT_NO_READER : 0; ==> return 0;",
  }),
  ...caughtBy("test/terminal/received.test.ts", "lib/terminal/received.ts", {
    "each of a hundred mentions rings the bell": ["    this.#rungAtMs = now;\n", ""],
    "what was received is shown again with the history": ["    this.#shown.received(lines);", ""],
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
      'process.on("exit", () => this.#setRaw(false)); ==>',
  }),
  ...caughtBy("test/terminal/screen.test.ts", "lib/terminal/screen.ts", {
    "in a flood, a key waits for all that has come":
      "const FRAME_LENGTH_MAX = 16 << 10; ==> const FRAME_LENGTH_MAX = 16 << 20;",
  }),
  ...caughtBy("test/terminal/typing.test.ts", "lib/terminal/keyboard.ts", {
    "a paste is over at an end that is a part of it":
      "held.lastIndexOf(PASTE_END) ==> held.indexOf(PASTE_END)",
  }),
  ...caughtBy("test/defaults.test.ts", "lib/client/connect.ts", {
    "the client's sockets are left as they are": "tune(connected); ==>",
  }),
  ...caughtBy("test/client/connect.test.ts", "lib/client/connect.ts", {
    "addresses are tried on when the time is over": ".finally(() => over.abort()) ==>",
  }),
  ...caughtBy("test/program/output.test.ts", "lib/program/process.ts", {
    "what stderr could not take is not counted": "return void dropped++; ==> return;",
  }),
  ...caughtBy("test/terminal/screen.test.ts", "lib/terminal/rows.ts", {
    "what just fits goes to the next row": "row.width + width > ==> row.width + width >=",
  }),
];
