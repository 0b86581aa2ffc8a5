/** `--names`: a client joins with a name, which stands before each of its lines. */

import { expect, test } from "bun:test";

import { names } from "../../lib/extras/names/names.ts";
import { DISCONNECTS } from "../../lib/program/server-messages.ts";
import { type Make, openParts } from "./open-parts.ts";

const GREETING = "* say your name first\n";
const GREETING_ALICE = "* say your name first (here: alice)\n";

/** A room, and what joins it under a name. */
function openRoom(...before: Make[]) {
  const opened = openParts([...before, (context) => names(context)]);
  const named = (name: string, more = "") => {
    const socket = opened.accept();
    socket.sends(`${name}\n${more}`);
    return socket;
  };
  return { ...opened, named };
}

test("the first line is the name, before it a client receives only who is here, after it all lines", () => {
  const { accept, named, pass, events } = openRoom();
  const [alice, bob, late] = [named("alice"), named("Bob"), accept()];
  alice.sends("Bob: hello\nalice: hello\n\nalice: ");
  alice.data.ended();
  for (const ms of [0, 0, 59_999]) pass(ms);
  expect(bob.received).toBe(`${GREETING_ALICE}alice: Bob: hello\nalice: hello\nalice: \nalice: \n`);
  const greeting = "* say your name first (here: alice, Bob)\n";
  expect([late.received, late.ended]).toEqual([greeting, false]);
  late.sends("lat");
  for (const ms of [1, 0]) pass(ms);
  expect([late.received, late.ended]).toEqual([`${greeting}* no name within 1m\n`, true]);
  expect(events).toContain("refused [::1]:3: no name within 1m");
});

test("the greeting has the names of ten that are here, and how many more they are", () => {
  const { accept, named } = openRoom();
  for (let guest = 1; guest <= 1000; guest++) named(`guest${guest}`);
  const guests = Array.from({ length: 10 }, (_, at) => `guest${at + 1}`).join(", ");
  expect(accept().received).toBe(`* say your name first (here: ${guests} and 990 more)\n`);
});

test("a client that waits for the answer of other servers gets one in a minute, or when they are out of sync", () => {
  const ask = (key: string, answer: (isGranted: boolean) => void) =>
    void (key === "alice" && answer(true));
  const { room, accept, named, pass } = openRoom(() => ({ reservations: { ask, release() {} } }));
  const [alice, bob] = [named("alice"), named("bob", "hello\n")];
  expect([bob.paused, accept().received]).toEqual([true, GREETING_ALICE]);
  pass(60_000);
  expect([bob.received, bob.paused]).toEqual([`${GREETING_ALICE}* no name within 1m\n`, false]);
  const carl = named("carl", "hello\n");
  room.restart({ reason: "out of sync", message: DISCONNECTS.outOfSync }, () => {});
  for (let turn = 0; turn < 2; turn++) pass(0);
  const told = `* ${DISCONNECTS.outOfSync}\n`;
  expect([carl.received, carl.paused]).toEqual([GREETING_ALICE + told, false]);
  expect([alice.received, alice.ended]).toEqual([GREETING + told, true]);
  expect(accept().received).toBe(GREETING);
});
