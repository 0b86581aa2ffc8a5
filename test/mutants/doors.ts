/** Mistakes at the doors, each of which a test of them catches. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const DOORS_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/doors/proxy-protocol.test.ts", "lib/doors/proxy-protocol.ts", {
    "a PROXY header of version 1 may be one byte longer":
      "const TEXT_BYTES_MAX = 107; ==> const TEXT_BYTES_MAX = 108;",
    "a load balancer that only looks is refused, and is in the log":
      'else if (isAll) arrival.dismiss(); ==> else if (isAll) arrival.refuse("gone");',
  }),
  ...caughtBy("test/doors/pass-phrase.test.ts", "lib/doors/pass-phrase.ts", {
    "guesses of a pass phrase are counted by a /48": [".slice(0, 4)", ".slice(0, 3)"],
    "one wrong pass phrase fewer is looked at": [
      "if (busyMs > (GUESSES_MAX - 1) * GUESS_MS)",
      "if (busyMs >= (GUESSES_MAX - 1) * GUESS_MS)",
    ],
  }),
  ...caughtBy("test/doors/addresses.test.ts", "lib/doors/address-list.ts", {
    "all IPv4 as it is mapped into IPv6 is no IPv4": ["bits >= 96", "bits > 96"],
  }),
  ...caughtBy("test/doors/tls.test.ts", "lib/doors/tls.ts", {
    "a certificate of any CA is accepted":
      "(authorized && error === null) ==> (authorized || error !== null)",
  }),
  ...caughtBy("test/doors/first-bytes.test.ts", "lib/doors/first-bytes.ts", {
    "the answer to a request is longer than it is":
      "Content-Length: ${body.length} ==> Content-Length: ${body.length + 1}",
  }),
  ...caughtBy("test/doors/telnet.test.ts", "lib/doors/telnet.ts", {
    "what a telnet client will do is refused as if the server was asked to":
      "verb === WILL ? DONT : WONT ==> verb === WILL ? WONT : DONT",
  }),
];
