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

const ADDRESSES = ["10.1.2.3", "2001:db8::1", "::1", "fe80::ff:fe00:1%eth0.17"];
const NAMES = ["alice", "*", "Zoë", "\u{1f600}".repeat(32)];
const TIMES = ["10s", "5m", "24h", "1500ms", "0.5ms"];

/** Every message that disconnects a member or refuses a client, and those after which no try helps. */
const TAKEN_OVER = NAMES.map(DISCONNECTS.takenOver);
const MEMBER = [
  ...[DISCONNECTS.outOfSync, DISCONNECTS.lineLongerThan("65536"), ...TAKEN_OVER],
  ...TIMES.map(DISCONNECTS.idleFor),
];
const REFUSED = [
  ...[REFUSALS.roomIsFull, REFUSALS.notInRoom, ...NAMES.map(REFUSALS.nameTaken)],
  ...ADDRESSES.flatMap((from) => [REFUSALS.notAllowedFrom(from), REFUSALS.tooManyFrom(from)]),
  ...[...ADDRESSES.map(REFUSALS.tooManyGuessesFrom), ...TIMES.map(REFUSALS.noNameWithin)],
];
const REFUSED_FOR_GOOD = [
  ...[LASTING.wrongPassPhrase, LASTING.speaks("HTTP"), LASTING.notAName, LASTING.noNameCertified],
  ...[LASTING.noProxyHeader, LASTING.malformedProxyHeader],
  ...TIMES.flatMap((time) => [LASTING.noPassPhraseWithin(time), LASTING.noProxyHeaderWithin(time)]),
];

test.each([...MEMBER, ...REFUSED, ...REFUSED_FOR_GOOD])("%s is recognised", (message) => {
  const line = serverMessage(message);
  expect(line).toBe(`* ${message}\n`);
  expect(Buffer.byteLength(line)).toBeLessThanOrEqual(SERVER_MESSAGE_BYTES_MAX);
  expect(disconnectOf(line.slice(0, -1))).toEqual({
    message,
    isRefusal: !MEMBER.includes(message),
    permanent: [...REFUSED_FOR_GOOD, ...TAKEN_OVER].includes(message),
  });
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
