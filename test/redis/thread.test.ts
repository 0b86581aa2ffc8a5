/** Whether what comes from the stream is what follows. */

import { expect, test } from "bun:test";

import { Thread } from "../../lib/redis/thread.ts";

const FORGOTTEN = "redis has forgotten what was said";

/** A server that has joined with an entry, and has said something after it, which was added. */
function afterSaying(): Thread {
  const thread = new Thread();
  thread.begin("1-0");
  expect(thread.added(2, "2-0")).toBeUndefined();
  return thread;
}

test("what is said here comes in its place", () => {
  const own = { id: "2-0", after: "1-0", by: "own", number: 2, read: "1-0", lines: "" };
  expect(afterSaying().follows(own, true)).toBeUndefined();
});

test("an entry in the place of what was said here, which a stream that was put back has forgotten", () => {
  const other = { id: "3-0", after: "1-0", by: "other", number: 1, read: "1-0", lines: "" };
  expect(afterSaying().follows(other, false)).toBe(FORGOTTEN);
});

test("nothing in the place of what was said here", () => {
  const thread = afterSaying();
  thread.reads();
  expect(thread.ends()).toBe(FORGOTTEN);
});

test("an entry that follows another one", () => {
  const other = { id: "3-0", after: "0-5", by: "other", number: 1, read: "1-0", lines: "" };
  expect(afterSaying().follows(other, false)).toBe("3-0 in redis follows 0-5, and not 1-0");
});
