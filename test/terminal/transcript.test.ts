import { afterEach, expect, setSystemTime, test } from "bun:test";

import { Transcript } from "../../lib/terminal/transcript.ts";

afterEach(() => void setSystemTime());

/** A transcript at some time, as far as it is text. */
function openAt(time: string, showsTime = false) {
  setSystemTime(new Date(time));
  const transcript = new Transcript(showsTime);
  return { transcript, add: (lines: string) => Bun.stripANSI(transcript.add(lines)) };
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
])("%s, the mark before a line is right, and stands there once", (_what, earlier, later, mark) => {
  const { add } = openAt(earlier);
  setSystemTime(new Date(later));
  expect(add("bob: one\nbob: two\n")).toBe(`${mark}bob: one\nbob: two\n`);
  expect(add("alice: three\n")).toBe("alice: three\n");
});

test("with the time before each line nothing is marked, and it can be turned on and off", () => {
  const { transcript, add } = openAt("2026-11-25T00:05:59", true);
  expect(add("bob: one\n\nbob: two\n")).toBe("00:05 bob: one\n00:05 \n00:05 bob: two\n");
  setSystemTime(new Date("2026-11-26T09:00:00"));
  expect(add("alice: three\n")).toBe("09:00 alice: three\n");
  transcript.showsTime = false;
  expect(add("alice: four\n")).toBe("alice: four\n");
  setSystemTime(new Date("2026-11-26T10:00:00"));
  expect(add("alice: five\n")).toBe("— 10:00 —\nalice: five\n");
});
