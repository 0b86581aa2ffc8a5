/** Mistakes in the client, and in what both programs are made with, that its tests have to catch. */

import type { ProgramMutant } from "../harness/faults.ts";

export const CLIENT_MUTANTS: readonly ProgramMutant[] = [
  {
    fault: "backoff does not begin anew after a good connection",
    file: "lib/client/reconnect.ts",
    code: " : LATE_MS);\n        failures = 0;",
    becomes: " : LATE_MS);",
    test: "test/client/reconnect.test.ts",
  },
  {
    fault: "what was sent may be sent twice",
    file: "lib/client/whole-lines.ts",
    code: "if (disconnect?.isRefusal && bytes <= KEPT_BYTES_MAX) {",
    becomes: "if (bytes <= KEPT_BYTES_MAX) {",
    test: "test/client/whole-lines.test.ts",
  },
  {
    fault: "keep-alive is off",
    file: "lib/program/network.ts",
    code: "socket.setKeepAlive(true, KEEP_ALIVE_MS);",
    becomes: "socket.setKeepAlive(false, KEEP_ALIVE_MS);",
    test: "test/defaults.test.ts",
  },
  {
    fault: "the client's sockets are left as they are",
    file: "lib/client/connect.ts",
    code: "  tune(connected);\n",
    becomes: "",
    test: "test/defaults.test.ts",
  },
  {
    fault: "addresses are tried on when the time for an answer is over",
    file: "lib/client/connect.ts",
    code: "first()).finally(() => over.abort());",
    becomes: "first());",
    test: "test/client/connect.test.ts",
  },
  {
    fault: "a member is told to be refused when another sends the words",
    file: "lib/client/conversation.ts",
    code: "return disconnect?.isRefusal && this.isMember ? undefined : disconnect;",
    becomes: "return disconnect;",
    test: "test/client/conversation.test.ts",
  },
  {
    fault: "a connection over TLS that is cut off ends in order",
    file: "lib/client/tls.ts",
    code: "} else data.closed(new UserError(cutOff, ",
    becomes:
      "} else if (data.hasReceived) data.closed();\n    else data.closed(new UserError(cutOff, ",
    test: "test/client/tls.test.ts",
  },
  {
    fault: "--quiet reports connections",
    file: "client.ts",
    code: "const reports = !options.quiet && (",
    becomes: "const reports = (",
    test: "test/client/pipe.test.ts",
  },
  {
    fault: "a filter whose reader has gone ends as if all were well",
    file: "client.ts",
    code: "return sends ? EXIT_NO_READER : 0;",
    becomes: "return 0;",
    test: "test/client/pipe.test.ts",
  },
  {
    fault: "what stderr could not take is not counted",
    file: "lib/program/process.ts",
    code: "return void dropped++;",
    becomes: "return;",
    test: "test/program/output.test.ts",
  },
];
