/** Faults that only random input finds. */

import type { ProgramMutant } from "../mutants.ts";

const test = "test/fuzz.test.ts";

export const FUZZ_MUTANTS: readonly ProgramMutant[] = [
  {
    fault: "a time may end with a point",
    file: "lib/program/units.ts",
    code: "\\.\\d{1,6}",
    becomes: "\\.\\d{0,6}",
    test,
  },
  {
    fault: "a name may have one character more",
    file: "lib/program/names.ts",
    code: "]{1,32}$/v",
    becomes: "]{1,33}$/v",
    test,
  },
  {
    fault: "names are the same in one normal form only",
    file: "lib/program/names.ts",
    code: "return fold(fold(name));",
    becomes: "return fold(name);",
    test,
  },
  {
    fault: "a prefix is looked for again within a line",
    file: "lib/extras/names/named-lines.ts",
    code: 'sent.slice(last) : "";',
    becomes: 'sent.slice(last) : "\\n";',
    test,
  },
  {
    fault: "half of the C1 controls are not shown",
    file: "lib/extras/names/named-lines.ts",
    code: "\\xc2[\\x80-\\x9f]",
    becomes: "\\xc2[\\x80-\\x8f]",
    test,
  },
  {
    fault: "a request of HTTP may follow any number of empty lines",
    file: "lib/doors/first-bytes.ts",
    code: "/^(?:\\r?\\n){0,2}[A-Z]+ \\S+ HTTP",
    becomes: "/^(?:\\r?\\n)*[A-Z]+ \\S+ HTTP",
    test,
  },
];
