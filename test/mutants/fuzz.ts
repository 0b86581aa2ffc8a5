/** Faults that only random input finds. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const FUZZ_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/fuzz.test.ts", "lib/program/units.ts", {
    "a time may end with a point": ["\\.\\d{1,6}", "\\.\\d{0,6}"],
  }),
  ...caughtBy("test/fuzz.test.ts", "lib/program/names.ts", {
    "a name may have one character more": ["]{1,32}$/v", "]{1,33}$/v"],
    "names are the same in one normal form only": "return fold(fold(name)); ==> return fold(name);",
  }),
  ...caughtBy("test/fuzz.test.ts", "lib/extras/names/named-lines.ts", {
    "a prefix is looked for again within a line":
      'sent.slice(last) : ""; ==> sent.slice(last) : "\\n";',
    "half of the C1 controls are not shown": ["\\xc2[\\x80-\\x9f]", "\\xc2[\\x80-\\x8f]"],
  }),
  ...caughtBy("test/fuzz.test.ts", "lib/doors/first-bytes.ts", {
    "a request of HTTP may follow any number of empty lines":
      "/^(?:\\r?\\n){0,2}[A-Z]+ \\S+ HTTP ==> /^(?:\\r?\\n)*[A-Z]+ \\S+ HTTP",
  }),
];
