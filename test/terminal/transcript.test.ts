import { expect, test } from "bun:test";

import { inTime } from "../../lib/terminal/transcript.ts";

/** Lines at some time after others, as far as they are text. */
function shown(lines: string, last: string, time: string, isBeforeEach = false): string {
  return Bun.stripANSI(inTime(lines, new Date(time), new Date(last), isBeforeEach));
}

test.each([
  ["within ten minutes", "2026-11-25T14:05:00", "2026-11-25T14:15:00", ""],
  ["after more than ten minutes", "2026-11-25T14:05:00", "2026-11-25T14:15:01", "— 14:15 —\n"],
  [
    "past midnight",
    "2026-11-25T23:59:59",
    "2026-11-26T00:00:00",
    "— Thursday, 26 November 2026 —\n",
  ],
  [
    "a year later",
    "2026-11-25T09:00:00",
    "2027-11-25T09:00:00",
    "— Thursday, 25 November 2027 —\n",
  ],
  ["by a clock that was set back", "2026-11-25T14:05:00", "2026-11-25T13:05:00", ""],
])("%s, the mark before lines is right, and stands there once", (_what, last, time, mark) => {
  expect(shown("bob: one\nbob: two\n", last, time)).toBe(`${mark}bob: one\nbob: two\n`);
});

test("with the time before each line nothing is marked", () => {
  const lines = shown("bob: one\n\nbob: two\n", "2026-11-24T09:00:00", "2026-11-25T00:05:59", true);
  expect(lines).toBe("00:05 bob: one\n00:05 \n00:05 bob: two\n");
});
