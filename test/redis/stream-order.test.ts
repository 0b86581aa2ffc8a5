/** The order of a shared room, over a stream that answers when the test has it do so. */

import { describe, expect, test } from "bun:test";

import { SilentStream } from "./silent-stream.ts";

const OUT_OF_SYNC = "* server out of sync; please reconnect\n";
const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
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
  expect(stream.added.map(({ lines, isPassing }) => [textOf(lines), isPassing])).toEqual([
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
  const entry = { by: "two", read: "1-0", isJoining: false, granted: "" };
  stream.reads(
    { ...entry, id: "2-0", after: "1-0", number: 2, lines: bytesOf("* joined\n"), isPassing: true },
    { ...entry, id: "3-0", after: "2-0", number: 3, lines: bytesOf("hello\n"), isPassing: false },
  );
  settle();
  expect(kinds).toEqual([true, false]);
});

describe("a server is out of sync", () => {
  const open = () => {
    const stream = new SilentStream();
    const { join, settle, left, pass } = stream.openRoom();
    const ann = join("ann");
    return { stream, settle, ann, left, pass };
  };
  const entry = {
    ...{ id: "9-0", by: "two", number: 4, read: "1-0" },
    ...{ isPassing: false, isJoining: false, granted: "" },
  };

  test("when an entry follows another one than it has read, of which nothing is received", () => {
    const { stream, settle, ann, left } = open();
    stream.reads({ ...entry, after: "8-0", lines: bytesOf("missed something\n") });
    settle();
    expect(ann.received).toBe(OUT_OF_SYNC);
    expect(left).toEqual([expect.stringContaining(": out of sync")]);
    expect(stream.reports).toEqual(["out of sync: 9-0 in redis follows 8-0, and not 1-0"]);
  });

  test("when it joins again before what it has read, though nothing follows", () => {
    const { stream, settle, ann, pass } = open();
    stream.reads({ ...entry, after: "1-0", lines: bytesOf("hello\n") });
    stream.lose("redis is away", "cut");
    pass(1000);
    stream.joins("5-0");
    settle();
    expect(ann.received).toBe(`hello\n${OUT_OF_SYNC}`);
    expect(stream.reports).toContain("out of sync: redis has forgotten what was before 9-0");
  });

  test("when something is there that it has not sent", () => {
    const { stream, settle, ann } = open();
    stream.reads({ ...entry, by: "one", after: "1-0", lines: bytesOf("x\n") });
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
  for (let second = 1; second < 6; second++) {
    pass(1000);
    expect(stream.heartbeats).toHaveLength(second);
    stream.answersHeartbeat({});
  }
});

describe("after a lost connection", () => {
  const entry = { by: "one", read: "1-0", isPassing: false, isJoining: false, granted: "" };

  test("what has its place by then is not added again, and all else is, once", () => {
    const stream = new SilentStream();
    const { join, pass, settle } = stream.openRoom();
    const [ann, bob] = [join("ann"), join("bob")];
    for (const line of ["a\n", "b\n", "c\n"]) {
      ann.sends(line);
      settle();
    }
    const [a] = stream.added;
    if (!a) throw new Error("nothing was added");
    stream.lose("redis is away", "cut");
    pass(1000);
    const lines = bytesOf("a\n");
    const before = { ...entry, id: "2-0", after: "1-0", number: a.number, lines };
    stream.joins("3-0", [], [before]);
    expect(bob.received).toBe("a\n");
    expect(stream.joining?.read).toBe("1-0");
    expect(stream.added.map((added) => [textOf(added.lines), added.number])).toEqual([
      ["b\n", (stream.joining?.number ?? 0) + 1],
      ["c\n", (stream.joining?.number ?? 0) + 2],
    ]);
    stream.places();
    settle();
    expect(bob.received).toBe("a\nb\nc\n");
  });
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
      const stream = new SilentStream();
      const { settle } = stream.openRoom();
      stream.places();
      const answers = ask(stream, "ann");
      settle();
      expect(stream.added.at(-1)?.requests).toEqual(["reserve ann"]);
      expect(answers).toEqual([]);
      stream.places(granted);
      expect(answers).toEqual([is]);
    }
  });

  test("is never answered once this server is out of sync, and can be asked for again", () => {
    const stream = new SilentStream();
    const { pass, settle } = stream.openRoom();
    const before = ask(stream, "ann");
    settle();
    stream.lose("out of sync", "all");
    pass(1000);
    stream.joins("2-0");
    const after = ask(stream, "ann");
    settle();
    stream.places("1");
    settle();
    stream.places("1");
    expect([before, after]).toEqual([[], [true]]);
  });
});

describe("a server that is not here any more", () => {
  test("is down after four heartbeats in which it has not changed, however long they take", () => {
    const stream = new SilentStream();
    const { pass } = stream.openRoom({}, ["two", "three"]);
    for (let second = 1; second <= 4; second++) {
      expect(stream.dropped).toEqual([]);
      pass(60_000);
      stream.answersHeartbeat({ two: "1 1-0", three: `${second} 1-0` });
    }
    expect(stream.dropped).toEqual(["two"]);
    expect(stream.reports).toEqual(["server two is considered down"]);
  });

  test("is reported also if another server was the first to consider it down; not if it has left", () => {
    const stream = new SilentStream();
    const { pass } = stream.openRoom({}, ["two", "three"]);
    for (let second = 1; second <= 3; second++) {
      pass(1000);
      stream.answersHeartbeat({ two: "1 1-0", three: `${second} 1-0` });
    }
    pass(1000);
    stream.answersHeartbeat({});
    expect(stream.reports).toEqual(["server two is considered down"]);
  });
});
