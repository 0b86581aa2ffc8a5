import { afterEach, expect, setSystemTime, test } from "bun:test";

import { Colours } from "../../lib/terminal/colour.ts";
import { Transcript } from "../../lib/terminal/transcript.ts";

afterEach(() => void setSystemTime());

/** A transcript without colours, at some time. */
function openAt(time: string, showsTime = false): Transcript {
  setSystemTime(new Date(time));
  return new Transcript(new Colours(-1), "alice", showsTime);
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
  const transcript = openAt(earlier);
  setSystemTime(new Date(later));
  expect(transcript.received("bob: one\nbob: two\n").text).toBe(`${mark}bob: one\nbob: two\n`);
  expect(transcript.add("alice: three\n")).toBe("alice: three\n");
});

test("with the time before each line nothing is marked, and it can be turned on and off", () => {
  const transcript = openAt("2026-11-25T00:05:59", true);
  expect(transcript.received("bob: one\n\nbob: two\n").text).toBe(
    "00:05 bob: one\n00:05 \n00:05 bob: two\n",
  );
  setSystemTime(new Date("2026-11-26T09:00:00"));
  expect(transcript.add("alice: three\n")).toBe("09:00 alice: three\n");
  transcript.showsTime = false;
  expect(transcript.add("alice: four\n")).toBe("alice: four\n");
  setSystemTime(new Date("2026-11-26T10:00:00"));
  expect(transcript.add("alice: five\n")).toBe("— 10:00 —\nalice: five\n");
});

test("it tells whether the user is mentioned", () => {
  const transcript = openAt("2026-11-25T14:05:00");
  expect(transcript.received("bob: one\nbob: hi alice\n").isMention).toBe(true);
  expect(transcript.received("bob: one\nalice: two\n").isMention).toBe(false);
  expect(transcript.received("* hi alice\nalice: two\n").isMention).toBe(false);
});
