/** Mistakes at the doors, each of which a test of them catches. */

import type { ProgramMutant } from "../harness/faults.ts";

export const DOORS_MUTANTS: readonly ProgramMutant[] = [
  {
    fault: "a PROXY header of version 1 may be one byte longer",
    file: "lib/doors/proxy-protocol.ts",
    code: "const TEXT_BYTES_MAX = 107;",
    becomes: "const TEXT_BYTES_MAX = 108;",
    test: "test/doors/proxy-protocol.test.ts",
  },
  {
    fault: "a load balancer that only looks is refused, and is in the log",
    file: "lib/doors/proxy-protocol.ts",
    code: "else if (isAll) arrival.dismiss();",
    becomes: 'else if (isAll) arrival.refuse("gone");',
    test: "test/doors/proxy-protocol.test.ts",
  },
  {
    fault: "guesses of a pass phrase are counted by a /48",
    file: "lib/doors/pass-phrase.ts",
    code: ".slice(0, 4)",
    becomes: ".slice(0, 3)",
    test: "test/doors/pass-phrase.test.ts",
  },
  {
    fault: "one wrong pass phrase fewer is looked at",
    file: "lib/doors/pass-phrase.ts",
    code: "if (busyMs > (GUESSES_MAX - 1) * GUESS_MS)",
    becomes: "if (busyMs >= (GUESSES_MAX - 1) * GUESS_MS)",
    test: "test/doors/pass-phrase.test.ts",
  },
  {
    fault: "all IPv4 as it is mapped into IPv6 is no IPv4",
    file: "lib/doors/address-list.ts",
    code: "bits >= 96",
    becomes: "bits > 96",
    test: "test/doors/addresses.test.ts",
  },
  {
    fault: "a certificate of any CA is accepted",
    file: "lib/doors/tls.ts",
    code: "(authorized && error === null)",
    becomes: "(authorized || error !== null)",
    test: "test/doors/tls.test.ts",
  },
  {
    fault: "the answer to a request is longer than it is",
    file: "lib/doors/first-bytes.ts",
    code: "Content-Length: ${body.length}",
    becomes: "Content-Length: ${body.length + 1}",
    test: "test/doors/first-bytes.test.ts",
  },
  {
    fault: "what a telnet client will do is refused as if the server was asked to",
    file: "lib/doors/telnet.ts",
    code: "verb === WILL ? DONT : WONT",
    becomes: "verb === WILL ? WONT : DONT",
    test: "test/doors/telnet.test.ts",
  },
];
