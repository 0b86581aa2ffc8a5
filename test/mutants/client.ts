/** Mistakes in the client, and in what both programs are made with, that its tests have to catch. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const CLIENT_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/client/reconnect.test.ts", "lib/client/reconnect.ts", {
    "backoff does not start over after a good connection": ");\n        failures = 0; ==> );",
  }),
  ...caughtBy("test/client/whole-lines.test.ts", "lib/client/whole-lines.ts", {
    "what was sent may be sent twice": [
      "if (disconnect?.isRefusal && bytes <= KEPT_BYTES_MAX) {",
      "if (bytes <= KEPT_BYTES_MAX) {",
    ],
  }),
  ...caughtBy("test/defaults.test.ts", "lib/program/network.ts", {
    "keep-alive is off": "socket.setKeepAlive(true ==> socket.setKeepAlive(false",
  }),
  ...caughtBy("test/defaults.test.ts", "lib/client/connect.ts", {
    "the client's sockets are left as they are": ["  tune(connected);\n", ""],
  }),
  ...caughtBy("test/client/connect.test.ts", "lib/client/connect.ts", {
    "addresses are tried on when the time for an answer is over":
      "first()).finally(() => over.abort()); ==> first());",
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
    "--quiet reports connections": ["const reports = !options.quiet && (", "const reports = ("],
    "a filter whose reader has gone ends as if all were well":
      "return sends ? EXIT_NO_READER : 0; ==> return 0;",
  }),
  ...caughtBy("test/program/output.test.ts", "lib/program/process.ts", {
    "what stderr could not take is not counted": ["return void dropped++;", "return;"],
  }),
];
