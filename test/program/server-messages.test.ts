/** Messages of a server that a client recognises, and nothing else. */

import { expect, test } from "bun:test";

import {
  ASK_FOR_NAME_BYTES_MAX,
  ASKS_FOR_NAME,
  disconnectOf,
  SERVER_MESSAGE_BYTES_MAX,
} from "../../lib/client/conversation.ts";
import { askForName } from "../../lib/program/names.ts";
import {
  DISCONNECTS,
  LASTING,
  REFUSALS,
  serverMessage,
} from "../../lib/program/server-messages.ts";

/** What stands in messages: a name, or an address, a time, a size, a protocol. */
const NAMES = ["alice", "*", "Zoë", "\u{1f600}".repeat(32)];
const OTHERS = [
  ...["10.1.2.3", "2001:db8::1", "::1", "fe80::ff:fe00:1%eth0.17", "65536", "HTTP"],
  ...["10s", "5m", "24h", "1500ms", "0.5ms"],
];

for (const table of [REFUSALS, LASTING, DISCONNECTS])
  for (const [key, message] of Object.entries(table))
    test(`${key} is recognised`, () => {
      const isRefusal = table !== DISCONNECTS;
      const permanent = table === LASTING || key === "takenOver";
      const words = key.startsWith("name") || key === "takenOver" ? NAMES : OTHERS;
      for (const text of typeof message === "string" ? [message] : words.map(message)) {
        const line = serverMessage(text);
        expect(line).toBe(`* ${text}\n`);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(SERVER_MESSAGE_BYTES_MAX);
        expect(disconnectOf(`* ${text}`)).toEqual({ message: text, isRefusal, permanent });
      }
    });

test("what only looks like one is not", () => {
  for (const line of [
    ...["", "* ", "*", "room is full", "* room", "* room is ful", "* room is fuller"],
    ...[" * room is full", "*  room is full", "* room is full ", "* room is full\r"],
    ...["alice: * room is full", "* Room is full", "* room is full\n", "x\n* room is full"],
    ...["* line longer than  bytes", "* line longer than 7 bytes or so"],
    ...["* not allowed from ", "* not allowed from 10.1.2.3 5"],
    ...["* too many connections from 10.1.2.3: bye", "* idle for 5 m"],
    ...["* not allowed from fe80::1%\x1b[2J", "* not allowed from fe80::1%\u202e"],
    ...["* the name  is taken", "* the name al ice is taken", "* the name a: b is taken"],
    ...["* the name \x1b[2J is taken", "* the name \u202eecila is taken"],
    ...["* say your name first (here: alice)", "* alice joined (3 here)"],
    ...["* no pass phrase within", "* wrong pass phrase?"],
  ])
    expect([line, disconnectOf(line)]).toEqual([line, undefined]);
});

test("a line that asks for a name is recognised, and nothing that only looks like it", () => {
  for (const names of [[], ["alice"], NAMES, Array(10).fill("\u{1f600}".repeat(32))])
    for (const more of names.length > 0 ? [0, 1, 12_345] : [0]) {
      const line = askForName(names, more);
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(ASK_FOR_NAME_BYTES_MAX);
      expect(`\n${line}`).toMatch(ASKS_FOR_NAME);
    }
  for (const line of [
    ...["say your name first\n", "* say your name first!\n", "* say your name first (here)\n"],
    ...["bob: * say your name first\n", "\n* say your name first\n", "* say your name first"],
  ])
    expect(`\n${line}`).not.toMatch(ASKS_FOR_NAME);
});
