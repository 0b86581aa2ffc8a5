import { describe, expect, test } from "bun:test";

import { harmless, inTime, nameColours } from "../../lib/terminal/transcript.ts";
import { forSeeds } from "../harness/seeds.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

describe("what would act on a terminal becomes visible", () => {
  const table: [what: string, line: string | Uint8Array, shown: string][] = [
    ["clearing the screen", "a\x1b[2Jb\n", "a^[[2Jb\n"],
    ["setting the title", "\x1b]0;gotcha\x07\n", "^[]0;gotcha^G\n"],
    ["ending that with ST", "\x1b]0;gotcha\x1b\\\n", "^[]0;gotcha^[\\\n"],
    ["asking the terminal to answer", "\x1b[6n\x1b[c\x05\n", "^[[6n^[[c^E\n"],
    ["colours", "\x1b[31mred\x1b[0m\n", "^[[31mred^[[0m\n"],
    ["going back to the start of the row", "yes\rno \n", "yes^Mno \n"],
    ["erasing with backspaces", "yes\b\b\bno\n", "yes^H^H^Hno\n"],
    ["the bell", "\x07\n", "^G\n"],
    ["NUL, VT, FF, SO and SI", "\0\x0b\x0c\x0e\x0f\n", "^@^K^L^N^O\n"],
    ["DEL", "a\x7f\n", "a^?\n"],
    ["CSI as a C1 control in UTF-8", latin1("\xc2\x9b2J\n"), "^[[2J\n"],
    ["CSI as a single byte", latin1("\x9b2J\n"), "<9B>2J\n"],
    ["OSC and ST as single bytes", latin1("\x9d0;t\x9c\n"), "<9D>0;t<9C>\n"],
    ["NEL, which some take for a line break", "a\u0085b\n", "a^[Eb\n"],
    ["a bidirectional override", "abc\u202edef\u202c\n", "abc<U+202E>def<U+202C>\n"],
    ["bidirectional isolates", "\u2066a\u2069\n", "<U+2066>a<U+2069>\n"],
    ["line and paragraph separators", "a\u2028b\u2029c\n", "a<U+2028>b<U+2029>c\n"],
    ["an overlong ESC", latin1("\xc0\x9b[2J\n"), "<C0><9B>[2J\n"],
    ["an overlong ESC of three bytes", latin1("\xe0\x80\x9b\n"), "<E0><80><9B>\n"],
    ["half of a surrogate pair", latin1("\xed\xa0\x80\n"), "<ED><A0><80>\n"],
    ["more than Unicode has", latin1("\xf4\x90\x80\x80\n"), "<F4><90><80><80>\n"],
    ["a character cut short", latin1("\xe6\xbc\n"), "<E6><BC>\n"],
    ["a control beside a character cut short", latin1("\xe6\x1b[2J\n"), "<E6>^[[2J\n"],
    ["invalid bytes amid valid characters", latin1("\xe6\xbc\xa2\xff\xc3\xa9\n"), "漢<FF>é\n"],
    ["a CR before the CR of a line's end", "a\r\r\n", "a^M\n"],
  ];
  test.each(table)("%s", (_what, line, shown) => {
    expect(harmless(line)).toBe(shown);
    if (typeof line === "string") expect(harmless(Buffer.from(line))).toBe(shown);
  });
});

describe("what is only text stays as it is", () => {
  const table: [what: string, line: string][] = [
    ["ASCII and TAB", "a\tb ~ {}\n"],
    ["wide characters and emoji", "漢字 😀 👩‍👩‍👧 🇩🇪\n"],
    ["combining marks", "e\u0301 नि\n"],
    ["Arabic and Hebrew with their marks", "שלום \u200f! مرحبا\u061c\n"],
    ["a byte order mark", "\ufeffa\n"],
    ["many lines", "a\n\nb\n"],
    ["what looks like the visible form", "^[ <9B> <U+202E>\n"],
    ["nothing", ""],
  ];
  test.each(table)("%s", (_what, line) => {
    expect(harmless(Buffer.from(line))).toBe(line);
    expect(harmless(line)).toBe(line);
  });
  test("the CR LF of telnet, as LF", () => {
    expect(harmless("a\r\nb\r\n")).toBe("a\nb\n");
  });
});

test("whatever comes in, no control gets out but LF and TAB", () => {
  const awkward = [
    ...latin1("\x1b[]\x9b\x9c\xc2\xe2\x80\xae\xed\xf0\x7f\r\n\t\b\x07\0\xff"),
    ...Buffer.from("\u202e\u2066漢😀e\u0301\u0085"),
  ];
  forSeeds(3000, (random) => {
    const byte = () => (random.chance(700) ? random.pick(awkward) : random.below(256));
    const bytes = Uint8Array.from({ length: random.below(64) }, byte);
    for (const shown of [harmless(bytes), harmless(Buffer.from(bytes).toString("latin1"))]) {
      expect(shown).not.toMatch(/[^\P{C}\n\t\p{Cf}\p{Cn}\p{Co}]|[\u2028-\u202e\u2066-\u206f]/u);
      expect(Buffer.from(shown).toString()).toBe(shown);
    }
  });
});

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

test("names have colours that can be read on black and on white, or on what COLORFGBG tells", () => {
  const onBoth = [31, 34, 35, 91, 94, 95];
  for (const unknown of [undefined, "", "0;15", "0;7", "0;default", "15"])
    expect(nameColours(unknown)).toEqual(onBoth);
  for (const dark of ["15;0", "7;default;0", "12;8"]) {
    expect(nameColours(dark)).toHaveLength(12);
    expect(nameColours(dark)).toEqual(expect.arrayContaining(onBoth));
  }
});
