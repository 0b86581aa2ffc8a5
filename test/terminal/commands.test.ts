import { expect, test } from "bun:test";

import { HELP, meaningOf } from "../../lib/terminal/commands.ts";

test.each([
  ["hello", { send: "hello" }],
  ["", { send: "" }],
  [" /quit", { send: " /quit" }],
  ["and/or", { send: "and/or" }],
  ["//quit", { send: "/quit" }],
  ["///", { send: "//" }],
  ["/quit", { obey: "quit" }],
  ["/quit  ", { obey: "quit" }],
  ["/help", { obey: "help" }],
  ["/time", { obey: "time" }],
] as const)("%j", (line, meaning) => {
  expect(meaningOf(line)).toEqual(meaning);
});

test.each(["/shrug", "/quitter", "/quit now", "/QUIT", "/", "/etc/hosts is gone"])(
  "%j asks",
  (line) => {
    const word = line.split(" ")[0];
    expect(meaningOf(line)).toEqual({
      ask: `unknown command ${word}; send it as a message? [y/N] `,
    });
  },
);

test("/help fits on a screen of 80 columns and 24 rows, with the prompt below", () => {
  const rows = HELP.trimEnd().split("\n");
  expect(rows.length).toBeLessThan(24);
  for (const row of rows) expect(row.length).toBeLessThan(80);
});
