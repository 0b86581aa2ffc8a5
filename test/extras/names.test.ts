/** `--names`: a client joins with a name, which stands before each of its lines. */

import { describe, expect, setDefaultTimeout, test } from "bun:test";

import { names } from "../../lib/extras/names/names.ts";
import { DISCONNECTS } from "../../lib/program/server-messages.ts";
import type { FakeSocket } from "../room/fake-socket.ts";
import { type Make, openParts, type Options } from "./open-parts.ts";

setDefaultTimeout(60_000);

const GREETING = "* say your name first\n";
const GREETING_ALICE = "* say your name first (here: alice)\n";
const NOT_A_NAME = "* a name is one word of 1 to 32 characters without a colon\n";

function openRoom(options: Options = {}, before: readonly Make[] = []) {
  const opened = openParts([...before, (context) => names(context, options.lineBytesMax)], options);
  /** What a socket has received since it was asked last. */
  const receivedBy = (socket: FakeSocket): string => {
    for (let turn = 0; turn < 3; turn++) opened.pass(0);
    const text = socket.received;
    socket.received = "";
    return text;
  };
  /** A member with that name, which has received nothing yet. */
  const named = (name: string): FakeSocket => {
    const socket = opened.accept();
    socket.sends(`${name}\n`);
    receivedBy(socket);
    return socket;
  };
  return { ...opened, receivedBy, named };
}

describe("the first line is the name", () => {
  test("and stands before each line after it, once", () => {
    const { accept, named, receivedBy, events } = openRoom();
    const [alice, bob] = [accept(), named("bob")];
    alice.sends("alice\nbob: hello\nalice: hello\n\nthere");
    expect(receivedBy(bob)).toBe("alice: bob: hello\nalice: hello\nalice: \n");
    alice.sends(" you are\n");
    expect([receivedBy(bob), receivedBy(alice)]).toEqual(["alice: there you are\n", GREETING]);
    expect(events).toEqual(["joined bob [::1]:2", "joined alice [::1]:1"]);
    alice.sends("alice: ");
    alice.data.ended();
    expect(receivedBy(bob)).toBe("alice: \n");
  });

  test("and before it a client receives nothing but the greeting, for a minute at most", () => {
    const { accept, named, receivedBy, pass, events } = openRoom();
    const [listener, alice] = [accept(), named("alice")];
    alice.sends("hello\n");
    pass(59_999);
    expect([receivedBy(listener), listener.ended]).toEqual([GREETING, false]);
    listener.sends("lis");
    pass(1);
    expect([receivedBy(listener), listener.ended]).toEqual(["* no name within 1m\n", true]);
    expect(events.at(-1)).toBe("refused [::1]:1: no name within 1m");
    accept().data.ended();
    expect(events.at(-1)).toBe(`refused [::1]:3: ${NOT_A_NAME.slice(2, -1)}`);
  });
});

test("the greeting has the names of some that are here, and how many more they are", () => {
  const { accept, named, receivedBy } = openRoom();
  for (const name of ["alice", "Bob"]) named(name);
  expect(receivedBy(accept())).toBe("* say your name first (here: alice, Bob)\n");
  for (let guest = 1; guest <= 1000; guest++) accept().sends(`guest${guest}\n`);
  const guests = Array.from({ length: 8 }, (_, at) => `guest${at + 1}`).join(", ");
  expect(receivedBy(accept())).toBe(
    `* say your name first (here: alice, Bob, ${guests} and 992 more)\n`,
  );
});

describe("a name that another server may have", () => {
  /** A room where alice has hers, and bob waits for an answer. */
  const open = () => {
    const ask = (key: string, answer: (isGranted: boolean) => void) =>
      void (key === "alice" && answer(true));
    const opened = openRoom({}, [() => ({ reservations: { ask, release() {} } })]);
    const alice = opened.named("alice");
    const bob = opened.accept();
    bob.sends("bob\nhello\n");
    return { ...opened, alice, bob };
  };

  test("is not known within a minute: that is told, and its client is read on until it closes", () => {
    const { bob, pass, receivedBy } = open();
    expect(bob.paused).toBe(true);
    pass(60_000);
    expect(receivedBy(bob)).toBe(`${GREETING_ALICE}* no name within 1m\n`);
    expect(bob.paused).toBe(false);
  });

  test("is nobody's when the room is out of sync: the clients at the door have to come again", () => {
    const { room, accept, alice, bob, receivedBy } = open();
    room.restart({ reason: "out of sync", message: DISCONNECTS.outOfSync }, () => {});
    expect(receivedBy(bob)).toBe(`${GREETING_ALICE}* ${DISCONNECTS.outOfSync}\n`);
    expect(bob.paused).toBe(false);
    expect([receivedBy(alice), alice.ended]).toEqual([`* ${DISCONNECTS.outOfSync}\n`, true]);
    const again = accept();
    again.sends("alice\n");
    expect(receivedBy(again)).toBe(GREETING);
  });
});

test("limits hold for a million empty lines with the longest name", () => {
  const { room, named, pass } = openRoom({ logBytes: 1 << 20, patienceMs: 1000 });
  const [talker, bob, stopped] = [named("x".repeat(32)), named("bob"), named("eve")];
  stopped.room = 0;
  let lines = 0;
  bob.write = (bytes, offset, length) => {
    for (let at = offset; at < offset + length; at++) if (bytes[at] === 10) lines++;
    return length;
  };
  talker.data.received(new Uint8Array(1_000_000).fill(10));
  pass(0);
  expect(talker.paused).toBe(true);
  expect(room.log.head - room.log.tail).toBeLessThanOrEqual(1 << 20);
  stopped.data.failed();
  for (let turn = 0; turn < 1000 && lines < 1_000_000; turn++) pass(0);
  expect(lines).toBe(1_000_000);
});
