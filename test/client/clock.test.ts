import { expect, test } from "bun:test";

import { markBetween, timeOfDay } from "../../lib/client/clock.ts";

test.each([
  ["within a minute", "2026-11-25T14:05:00", "2026-11-25T14:05:59", undefined],
  ["ten minutes", "2026-11-25T14:05:00", "2026-11-25T14:15:00", undefined],
  ["more than ten minutes", "2026-11-25T14:05:00", "2026-11-25T14:15:01", "— 14:15 —"],
  ["past midnight", "2026-11-25T23:59:59", "2026-11-26T00:00:00", "— Thursday, 26 November 2026 —"],
  ["a day later", "2026-11-25T09:00:00", "2026-11-26T09:00:00", "— Thursday, 26 November 2026 —"],
  ["a year later", "2026-11-25T09:00:00", "2027-11-25T09:00:00", "— Thursday, 25 November 2027 —"],
  ["a clock that was set back", "2026-11-25T14:05:00", "2026-11-25T13:05:00", undefined],
])("%s", (_what, earlier, later, mark) => {
  expect(markBetween(new Date(earlier), new Date(later))).toBe(mark);
});

test("the time is local, and has two digits each", () => {
  expect(timeOfDay(new Date("2026-11-25T09:05:59"))).toBe("09:05");
  expect(timeOfDay(new Date("2026-11-25T00:00:00"))).toBe("00:00");
});
