import { expect, test } from "bun:test";

import { Colours } from "../../lib/client/colour.ts";
import { Transcript } from "../../lib/client/transcript.ts";

/** A transcript without colours, and the hands of its clock. */
function open(showsTime = false) {
  const clock = { time: "2026-11-25T14:05:00" };
  const now = () => new Date(clock.time);
  const transcript = new Transcript(new Colours(-1), { name: "alice", showsTime, now });
  return { clock, transcript };
}

test("a long silence and a new day are marked before the line that follows", () => {
  const { clock, transcript } = open();
  expect(transcript.heard("bob: one\nbob: two\n").text).toBe("bob: one\nbob: two\n");
  clock.time = "2026-11-25T14:15:00";
  expect(transcript.add("alice: three\n")).toBe("alice: three\n");
  clock.time = "2026-11-25T14:25:01";
  expect(transcript.heard("bob: four\n").text).toBe("— 14:25 —\nbob: four\n");
  clock.time = "2026-11-26T08:00:00";
  expect(transcript.heard("bob: five\n").text).toBe("— Thursday, 26 November 2026 —\nbob: five\n");
  expect(transcript.heard("bob: six\n").text).toBe("bob: six\n");
});

test("with the time before each line nothing is marked, and it can be turned on and off", () => {
  const { clock, transcript } = open(true);
  expect(transcript.heard("bob: one\n\nbob: two\n").text).toBe(
    "14:05 bob: one\n14:05 \n14:05 bob: two\n",
  );
  clock.time = "2026-11-26T09:00:00";
  expect(transcript.add("alice: three\n")).toBe("09:00 alice: three\n");
  transcript.showsTime = false;
  expect(transcript.add("alice: four\n")).toBe("alice: four\n");
  clock.time = "2026-11-26T10:00:00";
  expect(transcript.add("alice: five\n")).toBe("— 10:00 —\nalice: five\n");
});

test("it tells whether this person is called", () => {
  const { transcript } = open();
  expect(transcript.heard("bob: one\nbob: hi alice\n").called).toBe(true);
  expect(transcript.heard("bob: one\nalice: two\n").called).toBe(false);
  expect(transcript.heard("* hi alice\nalice: two\n").called).toBe(false);
});
