import { expect, test } from "bun:test";

import { mentions } from "../../lib/terminal/mention.ts";

test.each([
  ["alice", "bob: hi alice", true],
  ["alice", "bob: Alice!", true],
  ["alice", "bob: ALICE, come", true],
  ["alice", "alice", true],
  ["alice", "(alice's)", true],
  ["alice", "bob: malice", false],
  ["alice", "bob: alices", false],
  ["alice", "bob: alice_2", false],
  ["alice", "bob: alice2", false],
  ["alice", "alice: hi", false],
  ["alice", "Alice: hi", false],
  ["alice", "alice: I am alice", true],
  ["alice", "bob: alice: hi", true],
  ["alice", "alice:hi", true],
  ["alice", "* alice has joined", false],
  ["zoë", "bob: ZOË?", true],
  ["zoë", "bob: zoe\u0308?", true],
  ["zo", "bob: zoë", false],
  ["zo", "bob: zoe\u0308", false],
  ["анна", "bob: Анна, привет", true],
  ["анна", "bob: анналы", false],
  ["c++", "bob: c++ is here", true],
  ["a.c", "bob: abc", false],
  ["", "bob: hi", false],
])("%j in %j: %p", (name, line, isMention) => {
  expect(mentions(name)(line)).toBe(isMention);
});
