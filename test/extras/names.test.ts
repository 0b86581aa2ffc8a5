/** A room in which the server puts a name before each line. */

import { describe, expect, test } from "bun:test";

import { names, PREFIX_BYTES_MAX } from "../../lib/extras/names/names.ts";
import { rate } from "../../lib/extras/rate.ts";
import { openExtras } from "./open-extras.ts";

const GREETING = "* say your name first\n";
const NOT_A_NAME = "* a name is one word of 1 to 32 characters without a colon\n";

const openRoom = (options: Parameters<typeof openExtras>[1] = {}) => {
  const opened = openExtras((context) => [names(context)], options);
  /** One that has joined under a name, and has received no more than that. */
  const enter = (name: string, takes?: number) => {
    const socket = opened.accept(undefined, takes);
    socket.sends(`${name}\n`);
    socket.received = "";
    return socket;
  };
  return { ...opened, enter };
};

describe("the first line is the name", () => {
  test("and stands before each line after it", () => {
    const { accept, enter, received, events } = openRoom();
    const bob = enter("bob");
    const alice = accept();
    alice.sends("alice\nhello\n\nthere");
    expect(received(bob)).toBe("alice: hello\nalice: \n");
    alice.sends(" you are\n");
    expect(received(bob)).toBe("alice: there you are\n");
    expect(events).toEqual(["joined bob [::1]:1", "joined alice [::1]:2"]);
  });

  test("cut anywhere, with white space around it, as telnet and a hand type it", () => {
    const { accept, enter, received } = openRoom();
    const [alice, bob] = [accept(), enter("bob")];
    for (const byte of " alice \r\nhello\r\n") alice.sends(byte);
    expect(received(bob)).toBe("alice: hello\r\n");
  });

  test("or what it begins with, and then the rest is relayed", () => {
    const { accept, enter, received } = openRoom();
    const [alice, bob] = [accept(), enter("bob")];
    alice.sends("alice: hello\nalice: again\nbob: I am bob\nalice:x\nAlice: y\n* alice left\n");
    expect(received(bob)).toBe(
      "alice: hello\nalice: again\nalice: bob: I am bob\nalice: alice:x\nalice: Alice: y\n" +
        "alice: * alice left\n",
    );
  });

  test("also without its LF, at the end of input", () => {
    const { accept, enter, received, events } = openRoom();
    const bob = enter("bob");
    for (const sent of ["alice: hello", "alice"]) {
      const alice = accept();
      alice.sends(sent);
      alice.data.ended();
      expect(received(bob)).toBe(sent === "alice" ? "" : "alice: hello\n");
      expect(events.at(-1)).toMatch(/^left alice \[::1\]:\d: end of input$/);
    }
  });

  test("and before it, a client receives nothing and is no member", () => {
    const { room, accept, enter, received, pass } = openRoom();
    const [listener, alice] = [accept(), enter("alice")];
    alice.sends("hello\n");
    pass(59_999);
    expect([received(listener), room.size]).toEqual([GREETING, 1]);
    pass(1);
    expect([received(listener), listener.ended]).toEqual(["* no name within 1m\n", true]);
  });
});

describe("the greeting", () => {
  test("tells who is here, and how many more", () => {
    const { accept, enter, received } = openRoom();
    for (const name of ["alice", "Bob"]) enter(name);
    expect(received(accept())).toBe("* say your name first (here: alice, Bob)\n");
    for (let guest = 1; guest <= 1000; guest++) enter(`guest${guest}`);
    const guests = Array.from({ length: 8 }, (_, at) => `guest${at + 1}`).join(", ");
    expect(received(accept())).toBe(
      `* say your name first (here: alice, Bob, ${guests} and 992 more)\n`,
    );
  });

  test("is taken whole by a new socket, or that is reset: no line is sent in part", () => {
    const { accept, events } = openRoom();
    expect(accept(undefined, 5).reset).toBe(true);
    expect(events).toEqual(["refused [::1]:1: reset"]);
  });
});

describe("nobody has the name of another", () => {
  const refused = (sent: string) => {
    const { accept, enter, received, events } = openRoom();
    const [, bob, late] = [enter("Alice"), enter("bob"), accept()];
    received(late);
    late.sends(sent);
    const message = received(late);
    expect([late.ended, received(bob)]).toEqual([true, ""]);
    expect(events.at(-1)).toBe(`refused [::1]:3: ${message.slice(2, -1)}`);
    late.sends("eve\nI am eve\n");
    expect(received(bob)).toBe("");
    return message;
  };
  for (const name of ["Alice", "alice", "ALICE", "ａｌｉｃｅ", "𝐀lice"])
    test(`${name} beside Alice`, () => {
      expect(refused(`${name}\nhello\n`)).toBe(`* the name ${name} is taken\n`);
      expect(refused(`${name}: hello\n`)).toBe(`* the name ${name} is taken\n`);
    });

  for (const [what, name] of [
    ["nothing", ""],
    ["white space", "  \t "],
    ["two words", "al ice"],
    ["a colon", "alice:"],
    ["33 characters", "a".repeat(33)],
    ["1,000 emoji", "😀".repeat(1000)],
    ["a zero-width joiner", "al\u200dice"],
    ["text turned around", "\u202eecila"],
    ["an escape", "al\u001b[2Jice"],
    ["a full-width colon", "alice："],
    ["a mark alone", "\u0301"],
  ] as const)
    test(`${what} is no name`, () => {
      expect(refused(`${name}\nhello\n`)).toBe(NOT_A_NAME);
      if (name !== "") expect(refused(`${name}: hello\n`)).toBe(NOT_A_NAME);
    });

  test("bytes that are no UTF-8 are no name, nor is a line without an end", () => {
    const { accept, received } = openRoom();
    for (const sent of [Buffer.from("al\xffice\n", "latin1"), Buffer.alloc(1025, "x")]) {
      const alice = accept();
      alice.data.received(sent);
      expect(received(alice)).toBe(GREETING + NOT_A_NAME);
    }
  });

  test("it is free again once all that its owner has sent is in the log", () => {
    const { accept, enter, received, pass, events } = openRoom({ logBytes: 150, lineBytesMax: 10 });
    const [alice, bob] = [enter("alice"), enter("bob", GREETING.length + 40)];
    bob.room = 8;
    alice.sends("alice: a\n".repeat(30));
    pass(0);
    expect(alice.paused).toBe(true);
    alice.data.closed();
    const second = accept();
    second.sends("alice\n");
    expect(received(second)).toContain("* the name alice is taken\n");
    bob.drains(Number.MAX_SAFE_INTEGER);
    expect(received(bob)).toBe("alice: a\n".repeat(30));
    enter("alice");
    expect(events.at(-1)).toBe("joined alice [::1]:4");
  });

  test("it is free again as soon as its owner has left, although that still receives", () => {
    const { enter, events } = openRoom();
    const alice = enter("alice");
    alice.room = 0;
    enter("bob").sends("hello\n");
    alice.data.ended();
    enter("alice");
    expect([alice.ended, events.at(-1)]).toEqual([false, "joined alice [::1]:3"]);
  });
});

describe("with a certificate", () => {
  const openTls = () => openRoom({ secrets: { tls: {} } });

  test("its common name is the name, and the first line is relayed", () => {
    const { accept, enter, received, events } = openTls();
    const [alice, bob] = [accept("alice"), enter("bob")];
    alice.sends("hello\nalice: once\n");
    expect(received(bob)).toBe("alice: hello\nalice: once\n");
    expect(received(alice)).toBe("");
    expect(events[0]).toBe("joined alice [::1]:1");
  });

  test("one with the same certificate takes the name over at once", () => {
    const { accept, enter, received, events } = openTls();
    const [first, bob] = [accept("alice"), enter("bob")];
    first.sends("first\nunfin");
    const second = accept("alice");
    second.sends("second\n");
    first.sends("ished\n");
    expect(received(bob)).toBe("alice: first\nalice: second\n");
    expect([received(first), first.ended]).toEqual(["* the name alice was taken over\n", true]);
    expect(events.at(-1)).toBe("left alice [::1]:1: the name alice was taken over");
    expect(received(accept())).toBe("* say your name first (here: alice, bob)\n");
  });

  test("but does not get into a full room, nor takes over what a room that stops still has", () => {
    const full = openRoom({ secrets: { tls: {} }, clientsMax: 1 });
    full.accept("alice");
    expect(full.received(full.accept("alice"))).toBe("* room is full\n");
    const { room, accept, enter, settle, left } = openTls();
    const alice = accept("alice");
    alice.room = 0;
    enter("bob").sends("hello\n");
    settle();
    room.stop();
    accept("alice");
    settle();
    alice.drains(100);
    settle();
    expect(left).toContain("alice [::1]:1: server stopping");
  });

  test("one with another certificate does not, nor with none", () => {
    const { accept, received, events } = openTls();
    accept("alice");
    expect(received(accept("Alice"))).toBe("* the name Alice is taken\n");
    expect(events.at(-1)).toBe("refused [::1]:2: the name Alice is taken");
    const third = accept();
    third.sends("alice\n");
    expect(received(third)).toContain("* the name alice is taken\n");
  });

  test("whose common name is no name, one is refused", () => {
    const { accept, received } = openTls();
    expect(received(accept("Alice Smith"))).toBe(
      "* the certificate is for nobody: its common name is not one word\n",
    );
  });
});

describe("limits", () => {
  test("of a line count what the member has sent", () => {
    const { enter, received } = openRoom({ lineBytesMax: 10 });
    const [alice, bob] = [enter("a".repeat(9)), enter("bob")];
    alice.sends("123456789\n");
    expect(received(bob)).toBe(`${"a".repeat(9)}: 123456789\n`);
    alice.sends("1234567890\n");
    expect(received(alice)).toBe("* line longer than 10 bytes\n");
  });

  test("of the log and of a quantum count the names", () => {
    const lineBytesMax = 129;
    const logBytes = lineBytesMax + PREFIX_BYTES_MAX;
    expect(() => openRoom({ lineBytesMax, logBytes: logBytes - 1 })).toThrow("the longest");
    const { enter, received } = openRoom({ lineBytesMax, logBytes });
    const name = "😀".repeat(32);
    const [alice, bob] = [enter(name), enter("bob")];
    alice.sends(`${"x".repeat(128)}\n${"y".repeat(128)}\n`);
    expect(received(bob)).toBe(`${name}: ${"x".repeat(128)}\n${name}: ${"y".repeat(128)}\n`);
  });

  test("of a rate count lines, however long the name is", () => {
    const { accept, received, pass } = openExtras((context) => [rate(1), names(context)]);
    const [alice, bob] = [accept(), accept()];
    bob.sends("bob\n");
    received(bob);
    alice.sends(`${"a".repeat(32)}\n\n\n`);
    expect(received(bob)).toBe(`${"a".repeat(32)}: \n`);
    pass(1000);
    expect(received(bob)).toBe(`${"a".repeat(32)}: \n`);
  });

  test("hold for a million empty lines with the longest name", () => {
    const { room, enter, pass } = openRoom({ logBytes: 1 << 20, patienceMs: 1000 });
    const [alice, bob, stopped] = [enter("x".repeat(32)), enter("bob"), enter("eve")];
    stopped.room = 0;
    let lines = 0;
    bob.write = (bytes, offset, length) => {
      for (let at = offset; at < offset + length; at++) if (bytes[at] === 10) lines++;
      return length;
    };
    alice.data.received(new Uint8Array(1_000_000).fill(10));
    pass(0);
    expect(alice.paused).toBe(true);
    expect(room.log.head - room.log.tail).toBeLessThanOrEqual(1 << 20);
    stopped.data.failed();
    for (let turn = 0; turn < 1000 && lines < 1_000_000; turn++) pass(0);
    expect(lines).toBe(1_000_000);
  });
});
