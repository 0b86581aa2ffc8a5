/** The order of a shared room, over a stream that answers when the test has it do so. */

import { describe, expect, test } from "bun:test";

import { SilentStream } from "./silent-stream.ts";

const OUT_OF_SYNC = "* server out of sync; please reconnect\n";
const NOT_IN = "* this server is not in the room at the moment\n";

test("while nothing gets its place, clients that come and go take no memory without end", () => {
  const stream = new SilentStream();
  const { join, settle } = stream.openRoom();
  const come = () => {
    const socket = join("one");
    socket.data.ended();
    socket.data.failed();
    return socket.received;
  };
  let count = 0;
  while (come() === "" && count < 1e6) count++;
  expect(count).toBeLessThan(50_000);
  expect(come()).toBe(NOT_IN);
  for (let turns = 0; turns < 2; turns++) {
    stream.places();
    settle();
  }
  expect(come()).toBe("");
});

test("lines of members and notices are in batches of their own, however they alternate", () => {
  const stream = new SilentStream();
  const { order } = stream.session;
  const { settle } = stream.openRoom();
  stream.places();
  const [member, notices] = [{ lastRun: -1 }, { lastRun: -1, isPassing: true }];
  for (const [author, line] of [
    [member, "a\n"],
    [member, "b\n"],
    [notices, "* c\n"],
    [member, "d\n"],
  ] as const)
    order.append(author, Buffer.from(line));
  order.after(() => {});
  stream.places();
  settle();
  expect(stream.added.map(({ lines, isPassing }) => [lines, isPassing])).toEqual([
    ["a\nb\n", false],
    ["* c\n", true],
    ["d\n", false],
  ]);
});

test("notices of other servers are known as such in this room's log", () => {
  const stream = new SilentStream();
  const { room, settle } = stream.openRoom();
  const kinds: unknown[] = [];
  room.log.onAppend = ({ isPassing = false }) => kinds.push(isPassing);
  const entry = { by: "two", read: "1-0", granted: "" };
  stream.reads(
    { ...entry, id: "2-0", after: "1-0", number: 2, lines: "* joined\n", isPassing: true },
    { ...entry, id: "3-0", after: "2-0", number: 3, lines: "hello\n", isPassing: false },
  );
  settle();
  expect(kinds).toEqual([true, false]);
});

describe("a server is out of sync", () => {
  const open = () => {
    const stream = new SilentStream();
    const { join, settle, left } = stream.openRoom();
    const ann = join("ann");
    return { stream, settle, ann, left };
  };
  const entry = { id: "9-0", by: "two", number: 4, read: "1-0", isPassing: false, granted: "" };

  test("when an entry follows another one than it has read, of which nothing is received", () => {
    const { stream, settle, ann, left } = open();
    stream.reads({ ...entry, after: "8-0", lines: "missed something\n" });
    settle();
    expect(ann.received).toBe(OUT_OF_SYNC);
    expect(left).toEqual([expect.stringContaining(": out of sync")]);
    expect(stream.reports).toEqual(["out of sync: 9-0 in redis follows 8-0, and not 1-0"]);
  });

  test("when one of its own is missing before the next one", () => {
    const { stream, settle, ann } = open();
    stream.reads({ ...entry, by: "one", after: "1-0", lines: "" });
    settle();
    expect(ann.received).toBe(OUT_OF_SYNC);
  });

  test("and tells also a member that was leaving that its lines may be lost, and counts them", () => {
    const { stream, settle, ann } = open();
    ann.sends("1\n2\n");
    ann.data.ended();
    settle();
    stream.lose("out of sync", "all");
    settle();
    expect(ann.received).toBe(OUT_OF_SYNC);
    expect(ann.ended).toBe(true);
    expect(stream.reports).toContain("lines lost, as they have no place: 2");
  });
});

test("a server whose log is held up by a slow reader goes on with its heartbeat", () => {
  const stream = new SilentStream();
  const { join, pass, settle } = stream.openRoom({ logBytes: 2000, lineBytesMax: 1000 });
  const [ann, slow] = [join("ann"), join("slow", 0)];
  for (let count = 0; count < 6; count++) {
    ann.sends(`${"x".repeat(998)}\n`);
    settle();
    stream.places();
    settle();
  }
  expect(slow.received).toBe("");
  for (let second = 0; second < 6; second++) {
    stream.answers();
    pass(1000);
    expect(stream.added.length).toBe(1);
  }
});

describe("a name that is asked for", () => {
  const ask = (stream: SilentStream, key: string) => {
    const answers: boolean[] = [];
    stream.session.reservations.ask(key, (granted) => answers.push(granted));
    return answers;
  };

  test("is reserved in its turn, and answered once that is read", () => {
    for (const [granted, is] of [
      ["1", true],
      ["0", false],
    ] as const) {
      const stream = new SilentStream(true);
      const { settle } = stream.openRoom();
      stream.places();
      const answers = ask(stream, "ann");
      settle();
      expect(stream.added.at(-1)?.requests).toEqual(["reserve ann"]);
      expect(answers).toEqual([]);
      stream.places(undefined, granted);
      expect(answers).toEqual([is]);
    }
  });

  test("is never answered once this server is out of sync, and can be asked for again", () => {
    const stream = new SilentStream(true);
    const { pass, settle } = stream.openRoom();
    const before = ask(stream, "ann");
    settle();
    stream.lose("out of sync", "all");
    pass(1000);
    stream.joins("2-0");
    const after = ask(stream, "ann");
    settle();
    stream.places(undefined, "1");
    settle();
    stream.places(undefined, "1");
    expect([before, after]).toEqual([[], [true]]);
  });
});

test("a server is down only once something that was sent here a moment ago is back, and all before it", () => {
  const stream = new SilentStream(true);
  const { pass } = stream.openRoom({}, ["two"]);
  for (const second of [1, 2, 3]) {
    pass(1000);
    stream.places(1 + 1000 * second);
  }
  pass(1000);
  pass(3500); // What it sent before is late, and so may be what the other has sent since.
  stream.places(8000);
  expect(stream.reports).toEqual([]);
  pass(1000);
  stream.places(9000);
  expect(stream.reports).toEqual(["server two is considered down"]);
  pass(1);
  expect(stream.added.at(-1)?.requests).toEqual(["drop two"]);
});
