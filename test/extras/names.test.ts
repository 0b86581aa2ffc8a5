/** A room in which the server says who talks. */

import { describe, expect, test } from "bun:test";

import type { Identity } from "../../lib/room/names.ts";
import { PREFIX_BYTES_MAX } from "../../lib/room/names.ts";
import type { RoomOptions } from "../../lib/room/options.ts";
import { Room } from "../../lib/room/room.ts";
import { FakeSocket } from "./fake-socket.ts";

const GREETING = "* say your name first\n";

function openRoom(options: Partial<RoomOptions> = {}) {
  const clock = { ms: 0 };
  const events: string[] = [];
  const room = new Room({
    names: true,
    now: () => clock.ms,
    wake: () => {},
    onJoin: (name) => events.push(`came ${name}`),
    onNamed: (name) => events.push(`joined ${name}`),
    onLeave: (name, reason) => events.push(`left ${name}: ${reason}`),
    onRefuse: (name, why) => events.push(`refused ${name}: ${why}`),
    ...options,
  });
  let port = 0;
  const join = (identity?: Identity): FakeSocket => {
    const socket = new FakeSocket();
    room.join(socket, `[::1]:${++port}`, identity);
    return socket;
  };
  /** What a socket has heard since it was asked last. */
  const heard = (socket: FakeSocket): string => {
    room.flush();
    const text = socket.heard;
    socket.heard = "";
    return text;
  };
  const pass = (ms: number) => {
    clock.ms += ms;
    room.flush();
  };
  return { room, join, heard, pass, events };
}

describe("the first line is the name", () => {
  test("and each line after it is said with it", () => {
    const { join, heard, events } = openRoom();
    const [alice, bob] = [join(), join()];
    expect(heard(bob)).toBe(GREETING);
    alice.says("alice\nhello\n\nthere");
    expect(heard(bob)).toBe("alice: hello\nalice: \n");
    alice.says(" you are\n");
    expect(heard(bob)).toBe("alice: there you are\n");
    expect(heard(alice)).toBe(GREETING);
    expect(events).toEqual(["came [::1]:1", "came [::1]:2", "joined alice [::1]:1"]);
  });

  test("cut anywhere, with white space around it, as telnet and a hand type it", () => {
    const { join, heard } = openRoom();
    const [alice, bob] = [join(), join()];
    heard(bob);
    for (const byte of " alice \r\nhello\r\n") alice.says(byte);
    expect(heard(bob)).toBe("alice: hello\r\n");
  });

  test("or what it begins with, and then the rest is said", () => {
    const { join, heard } = openRoom();
    const [alice, bob] = [join(), join()];
    heard(bob);
    alice.says("alice: hello\nalice: again\nbob: I am bob\nalice:x\nAlice: y\n* alice left\n");
    expect(heard(bob)).toBe(
      "alice: hello\nalice: again\nalice: bob: I am bob\nalice: alice:x\nalice: Alice: y\n" +
        "alice: * alice left\n",
    );
  });

  test("also without its LF, at the end of input", () => {
    const { room, join, heard, events } = openRoom();
    const [alice, bob] = [join(), join()];
    heard(bob);
    alice.says("alice: hello");
    alice.data.ended();
    expect(heard(bob)).toBe("alice: hello\n");
    room.flush();
    expect(events.at(-1)).toBe("left alice [::1]:1: end of input");
  });

  test("who says nothing hears all the same", () => {
    const { join, heard, events } = openRoom();
    const [alice, listener] = [join(), join()];
    alice.says("alice: hello\n");
    expect(heard(listener)).toBe(`${GREETING}alice: hello\n`);
    listener.data.ended();
    heard(alice);
    expect(events.at(-1)).toBe("left [::1]:2: end of input");
  });
});

describe("the greeting", () => {
  test("says who is here, and how many more", () => {
    const { join, heard } = openRoom();
    for (const name of ["alice", "Bob"]) join().says(`${name}\n`);
    expect(heard(join())).toBe("* say your name first (here: alice, Bob)\n");
    for (let guest = 1; guest <= 1000; guest++) join().says(`guest${guest}\n`);
    const guests = Array.from({ length: 8 }, (_, at) => `guest${at + 1}`).join(", ");
    expect(heard(join())).toBe(
      `* say your name first (here: alice, Bob, ${guests} and 992 more)\n`,
    );
  });

  test("comes before all else, also if the socket takes it in parts", () => {
    const { room, join, heard } = openRoom();
    const [alice, bob] = [join(), join()];
    bob.room = 5;
    expect(heard(bob)).toBe(GREETING.slice(0, 5));
    alice.says("alice: hello\n");
    expect(heard(bob)).toBe("");
    bob.drains(GREETING.length - 4);
    room.flush();
    bob.drains(Number.MAX_SAFE_INTEGER);
    expect(heard(bob)).toBe(`${GREETING.slice(5)}alice: hello\n`);
  });

  test("has to be taken in time by one that leaves", () => {
    const { join, pass, events } = openRoom({ patienceMs: 100, lingerMs: 50 });
    const slow = join();
    slow.room = 5;
    pass(0);
    slow.data.ended();
    pass(149);
    expect(slow.reset).toBe(false);
    pass(1);
    expect(slow.reset).toBe(true);
    expect(events.at(-1)).toBe("left [::1]:1: too slow");
  });
});

describe("nobody has the name of another", () => {
  const refused = (said: string) => {
    const { join, heard, events } = openRoom();
    const [alice, bob, late] = [join(), join(), join()];
    alice.says("Alice\n");
    for (const one of [bob, late]) heard(one);
    late.says(said);
    const word = heard(late);
    const isHeard = heard(bob);
    expect([late.ended, isHeard]).toEqual([true, ""]);
    expect(events.at(-1)).toBe(`left [::1]:3: ${word.slice(2, -1)}`);
    late.says("bob\nI am bob\n");
    expect(heard(bob)).toBe("");
    return word;
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
      const word = "* a name is one word of 1 to 32 characters without a colon\n";
      expect(refused(`${name}\nhello\n`)).toBe(word);
      if (name !== "") expect(refused(`${name}: hello\n`)).toBe(word);
    });

  test("bytes that are no UTF-8 are no name", () => {
    const { join, heard } = openRoom();
    const alice = join();
    heard(alice);
    alice.data.received(Buffer.from("al\xffice\n", "latin1"));
    expect(heard(alice)).toContain("* a name is one word");
  });

  test("it is free again once its bearer has said all it had to say", () => {
    const { room, join, heard, events } = openRoom({ logBytes: 150, lineBytesMax: 10 });
    const [alice, bob] = [join(), join()];
    bob.room = 30;
    alice.says("alice: a\n".repeat(30));
    heard(bob);
    expect(alice.paused).toBe(true);
    alice.data.closed();
    const [second, third] = [join(), join()];
    second.says("alice\n");
    expect(heard(second)).toContain("* the name alice is taken\n");
    bob.drains(Number.MAX_SAFE_INTEGER);
    for (let turn = 0; turn < 3; turn++) room.flush();
    expect(bob.heard).toBe("alice: a\n".repeat(30).slice(30 - GREETING.length));
    third.says("alice\n");
    expect(events.at(-1)).toBe("joined alice [::1]:4");
  });

  test("it is free again as soon as its bearer is heard no more", () => {
    const { join, heard, events } = openRoom();
    const alice = join();
    alice.says("alice\n");
    alice.data.ended();
    join().says("alice\n");
    heard(alice);
    expect(events).toContain("joined alice [::1]:2");
  });
});

describe("with a certificate", () => {
  const alice = { name: "alice", fingerprint: "A1" };

  test("its common name is the name, and the first line is said", () => {
    const { join, heard, events } = openRoom();
    const [one, bob] = [join(alice), join()];
    heard(bob);
    one.says("hello\nalice: once\n");
    expect(heard(bob)).toBe("alice: hello\nalice: once\n");
    expect(heard(one)).toBe("");
    expect(events.slice(0, 2)).toEqual(["came [::1]:1", "joined alice [::1]:1"]);
  });

  test("who comes with the same one takes the name over at once", () => {
    const { join, heard, events } = openRoom();
    const [first, bob] = [join(alice), join()];
    first.says("first\nunfin");
    const second = join(alice);
    second.says("second\n");
    first.says("ished\n");
    expect(heard(bob)).toBe("* say your name first (here: alice)\nalice: first\nalice: second\n");
    expect(heard(first)).toBe("* the name alice was taken over\n");
    expect(first.ended).toBe(true);
    expect(events.at(-1)).toBe("left alice [::1]:1: the name alice was taken over");
    expect(heard(join())).toBe("* say your name first (here: alice)\n");
  });

  test("who comes with another one does not, nor with none", () => {
    const { join, heard, events } = openRoom();
    join(alice);
    const other = join({ name: "Alice", fingerprint: "B2" });
    expect(heard(other)).toBe("* the name Alice is taken\n");
    expect(events.at(-1)).toBe("refused [::1]:2: the name Alice is taken");
    const third = join();
    third.says("alice\n");
    expect(heard(third)).toContain("* the name alice is taken\n");
  });

  test("whose common name is no name, one is refused", () => {
    const { join, heard } = openRoom();
    expect(heard(join({ name: "Alice Smith", fingerprint: "A1" }))).toBe(
      "* the certificate is for nobody: its common name is not one word\n",
    );
  });
});

describe("limits", () => {
  test("of a line count what the member has said", () => {
    const { join, heard } = openRoom({ lineBytesMax: 10 });
    const [alice, bob] = [join(), join()];
    heard(bob);
    alice.says(`${"a".repeat(9)}\n123456789\n`);
    expect(heard(bob)).toBe(`${"a".repeat(9)}: 123456789\n`);
    alice.says("1234567890\n");
    expect(heard(alice)).toContain("* line longer than 10 bytes\n");
  });

  test("of the log and of a share count the names", () => {
    const lineBytesMax = 10;
    expect(() => openRoom({ lineBytesMax, logBytes: 139 })).toThrow("the log holds the longest");
    const logBytes = lineBytesMax + PREFIX_BYTES_MAX;
    const { room, join, heard } = openRoom({ lineBytesMax: 129, logBytes: 129 + PREFIX_BYTES_MAX });
    const [talker, bob] = [join(), join()];
    expect(logBytes).toBe(140);
    heard(bob);
    const name = "😀".repeat(32);
    talker.says(`${name}\n${"x".repeat(128)}\n${"y".repeat(128)}\n`);
    for (let turn = 0; turn < 3; turn++) room.flush();
    expect(bob.heard).toBe(`${name}: ${"x".repeat(128)}\n${name}: ${"y".repeat(128)}\n`);
  });

  test("hold for a million empty lines with the longest name", () => {
    const { room, join } = openRoom({ logBytes: 1 << 20, patienceMs: 1000 });
    const [talker, bob, stopped] = [join(), join(), join()];
    talker.says("x".repeat(32) + "\n");
    room.flush();
    stopped.room = 0;
    let lines = 0;
    bob.write = (bytes, offset, length) => {
      for (let at = offset; at < offset + length; at++) if (bytes[at] === 10) lines++;
      return length;
    };
    talker.data.received(new Uint8Array(1_000_000).fill(10));
    room.flush();
    expect(talker.paused).toBe(true);
    expect(room.log.head - room.log.tail).toBeLessThanOrEqual(1 << 20);
    stopped.data.failed();
    for (let turn = 0; turn < 1000 && lines < 1_000_000; turn++) room.flush();
    expect(lines).toBe(1_000_000);
  });
});
