/** What counts as having listened to the other servers. */

import { expect, test } from "bun:test";

import { Answers } from "../../lib/redis/answers.ts";

test("a reading counts as listening, as long as it may last", () => {
  const answers = new Answers();
  answers.passTo(0);
  for (const now of [900, 1900]) {
    answers.reads();
    answers.passTo(now);
    answers.answeredRead();
  }
  expect(answers.listenedMs).toBe(1900);
});

test("one in which this server slept does not: what the others said meanwhile is still to be read", () => {
  const answers = new Answers();
  answers.passTo(0);
  answers.reads();
  answers.passTo(900);
  answers.passTo(30_000);
  answers.answeredRead();
  expect(answers.listenedMs).toBe(0);
  answers.reads();
  answers.passTo(30_800);
  answers.answeredRead();
  expect(answers.listenedMs).toBe(800);
});
