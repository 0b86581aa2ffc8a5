/** What is received, as it is shown: harmless, in time, and history as such. */

import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";

import { People } from "../../lib/program/room-view.ts";
import { type LineOptions, Received } from "../../lib/terminal/received.ts";
import {
  harmless,
  inTime,
  mentions,
  nameColours,
  senderOf,
} from "../../lib/terminal/transcript.ts";
import { forSeeds } from "../harness/seeds.ts";

const latin1 = (text: string) => Buffer.from(text, "latin1");

test.each<[what: string, line: string | Uint8Array, shown: string]>([
  ["clearing the screen", "a\x1b[2Jb\n", "a^[[2Jb\n"],
  ["setting the title", "\x1b]0;gotcha\x07\n", "^[]0;gotcha^G\n"],
  ["ending that with ST", "\x1b]0;gotcha\x1b\\\n", "^[]0;gotcha^[\\\n"],
  ["colours", "\x1b[31mred\x1b[0m\n", "^[[31mred^[[0m\n"],
  ["going back to the start of the row", "yes\rno \n", "yes^Mno \n"],
  ["NUL, BEL, BS, VT, FF, SO, SI and DEL", "\0\x07\b\x0b\x0c\x0e\x0f\x7f\n", "^@^G^H^K^L^N^O^?\n"],
  ["CSI as a C1 control in UTF-8", latin1("\xc2\x9b2J\n"), "^[[2J\n"],
  ["CSI as a single byte", latin1("\x9b2J\n"), "<9B>2J\n"],
  ["NEL, which some take for a line break", "a\u0085b\n", "a^[Eb\n"],
  ["a bidirectional override", "abc\u202edef\u202c\n", "abc<U+202E>def<U+202C>\n"],
  ["bidirectional isolates", "\u2066a\u2069\n", "<U+2066>a<U+2069>\n"],
  ["line and paragraph separators", "a\u2028b\u2029c\n", "a<U+2028>b<U+2029>c\n"],
  ["an overlong ESC", latin1("\xc0\x9b[2J\n"), "<C0><9B>[2J\n"],
  ["an overlong ESC of three bytes", latin1("\xe0\x80\x9b\n"), "<E0><80><9B>\n"],
  ["half of a surrogate pair", latin1("\xed\xa0\x80\n"), "<ED><A0><80>\n"],
  ["more than Unicode has", latin1("\xf4\x90\x80\x80\n"), "<F4><90><80><80>\n"],
  ["a control beside a character cut short", latin1("\xe6\x1b[2J\n"), "<E6>^[[2J\n"],
  ["invalid bytes amid valid characters", latin1("\xe6\xbc\xa2\xff\xc3\xa9\n"), "漢<FF>é\n"],
  ["a CR before the CR of a line's end", "a\r\r\n", "a^M\n"],
  // What is only text stays as it is.
  ["the CR LF of telnet, as LF", "a\r\nb\r\n", "a\nb\n"],
  ...[
    ...["a\tb ~ {}\n", "漢字 😀 👩‍👩‍👧 🇩🇪\n", "e\u0301 नि\n", "\ufeffa\n", "a\n\nb\n", ""],
    ...["שלום \u200f! مرحبا\u061c\n", "^[ <9B> <U+202E>\n"],
  ].map((text): [string, string, string] => ["text", text, text]),
])("what would act on a terminal becomes visible: %s, %j", (_what, line, shown) => {
  expect(harmless(line)).toBe(shown);
  if (typeof line === "string") expect(harmless(Buffer.from(line))).toBe(shown);
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

test.each([
  ["2026-11-25T14:05:00", "2026-11-25T14:15:00", ""],
  ["2026-11-25T14:05:00", "2026-11-25T14:15:01", "— 14:15 —\n"],
  ["2026-11-25T23:59:59", "2026-11-26T00:00:00", "— Thursday, 26 November 2026 —\n"],
  ["2026-11-25T09:00:00", "2027-11-25T09:00:00", "— Thursday, 25 November 2027 —\n"],
  ["2026-11-25T14:05:00", "2026-11-25T13:05:00", ""], // By a clock that was set back.
])("lines after %s, at %s, have the mark %j before them, once", (last, now, mark) => {
  const shown = (isBeforeEach: boolean) =>
    inTime("bob: one\n\nbob: two\n", new Date(now), new Date(last), isBeforeEach);
  const time = now.slice(11, 16);
  expect(shown(false)).toBe(`${mark}bob: one\n\nbob: two\n`);
  expect(shown(true)).toBe(`${time} bob: one\n${time} \n${time} bob: two\n`);
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

test("a line has a sender if it begins with a name", () => {
  const lines = ["bob: hi", "Ünal: hi: ho", "bob:", "bob:hi", "no name here: hi", "* bob: x"];
  expect(lines.map(senderOf)).toEqual(["bob", "Ünal", "bob", undefined, undefined, undefined]);
});

test.each([
  ["alice", "bob: hi alice|ALICE, come|alice|(alice's)|alice: I am alice|b: alice: hi|alice:hi"],
  ["zoë", "bob: ZOË?|bob: zoe\u0308?"],
  ["анна", "bob: Анна, привет"],
  ["c++", "bob: c++ is here"],
])("%j is mentioned in %j", (name, lines) => {
  expect(lines.split("|").filter(mentions(name))).toEqual(lines.split("|"));
});

test.each([
  ["alice", "bob: malice|bob: alices|bob: alice_2|bob: alice2|Alice: hi|* alice has joined"],
  ["zo", "bob: zoë|bob: zoe\u0308"],
  ["анна", "bob: анналы"],
  ["a.c", "bob: abc"],
  ["", "bob: hi"],
])("%j is not mentioned in %j", (name, lines) => {
  expect(lines.split("|").filter(mentions(name))).toEqual([]);
});

const END = "* end of history\n";

/** What is shown of what is received, at 14:05. */
function open(own = "", options: Partial<LineOptions> = {}) {
  const shown: string[] = [];
  const people = new People(own);
  const all = { time: false, bell: "name", ...options } as const;
  const received = new Received(people, all, (lines) => {
    shown.push(...lines.replace(/\n$/, "").split("\n"));
  });
  const receive = (text: string) => received.receive(Buffer.from(text));
  return { people, received, receive, takeShown: () => shown.splice(0) };
}

describe("with a clock of its own", () => {
  beforeEach(() => {
    jest.useFakeTimers();
    jest.setSystemTime(new Date("2026-11-25T14:05:00"));
  });
  afterEach(() => void jest.useRealTimers());

  test("what comes up to the mark is history, in however many pieces, and what follows is not", () => {
    const { received, receive, takeShown, people } = open("al", { time: true });
    received.joined(true);
    for (const piece of ["bob: 1\nbob: 2\n", "bob: al!\n"]) receive(piece);
    expect(takeShown()).toEqual([]);
    receive(`bob: 4\n${END}ann: 5\n`);
    const history = ["bob: 1", "bob: 2", "bob: al!", "bob: 4", "* end of history"];
    // No times, no bell, and nobody who is here.
    expect(takeShown()).toEqual([...history.map((line) => `      ${line}`), "14:05 ann: 5"]);
    expect(people.list).toBe("here, as far as is known: al (you), ann");
    receive("bob: al!\n");
    expect(takeShown()).toEqual(["14:05 \x07bob: al!"]);
  });

  test("without a mark, what comes at once is shown a moment later, and is none", () => {
    const { received, receive, takeShown } = open();
    received.joined(true);
    receive("bob: 1\n");
    jest.advanceTimersByTime(299);
    expect(takeShown()).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(takeShown()).toEqual(["bob: 1"]);
    receive(`bob: 2\n${END}`);
    expect(takeShown()).toEqual(["bob: 2", "* end of history"]);
  });

  test.each([true, false])(
    "a line is shown at once a while after joining, or if nothing came with that",
    (isReceiving) => {
      const { received, receive, takeShown } = open();
      received.joined(isReceiving);
      if (isReceiving) jest.advanceTimersByTime(300);
      receive("bob: 1\n");
      expect(takeShown()).toEqual(["bob: 1"]);
    },
  );

  test("in a room that talks all the time, lines are held back for a second at most", () => {
    const { received, receive, takeShown } = open();
    received.joined(true);
    for (let turn = 0; turn < 9; turn++) {
      receive(`bob: ${turn}\n`);
      jest.advanceTimersByTime(111);
    }
    expect(takeShown()).toEqual([]);
    jest.advanceTimersByTime(2);
    expect(takeShown()).toHaveLength(9);
    receive("bob: 9\n");
    expect(takeShown()).toHaveLength(1);
  });

  test("after a loss only what was missed is shown, and own lines stand behind it", () => {
    const { received, receive, takeShown } = open("al");
    received.joined(true);
    receive(`bob: 1\n${END}`);
    received.sent("hi", true);
    receive("bob: 2\n");
    expect(takeShown()).toEqual(["bob: 1", "* end of history", "al: hi", "bob: 2"]);
    received.joined(true);
    receive("bob: 1\nal: hi\n");
    received.sent("again", true);
    jest.advanceTimersByTime(250);
    receive("bob: 2\nbob: 3\n");
    expect(takeShown()).toEqual([]);
    receive(END);
    expect(takeShown()).toEqual(["bob: 3", "* end of history", "al: again"]);
    received.joined(true);
    receive(`bob: 2\nbob: 3\nal: again\n${END}`);
    expect(takeShown()).toEqual([]);
  });

  test("mentions ring the bell, once in two seconds, unless that is not wanted", () => {
    const rings = (own: string, bell: "name" | "none") => {
      const { receive, takeShown } = open(own, { bell });
      return ["bob: malice\n", "bob: alice!\nalice!\n", "bob: alice!\n", "bob: alice!\n"].map(
        (lines, at) => {
          if (at === 3) jest.advanceTimersByTime(2000);
          receive(lines);
          return takeShown().join("").split("\x07").length - 1;
        },
      );
    };
    expect(rings("alice", "name")).toEqual([0, 1, 0, 1]);
    expect(rings("alice", "none")).toEqual([0, 0, 0, 0]);
    expect(rings("", "name")).toEqual([0, 0, 0, 0]);
  });

  test("the greeting tells who is here if the client has sent the name; else it is shown", () => {
    const greeting = "* say your name first (here: bob)\n";
    const named = open("al");
    named.received.joined(false);
    named.receive(`${greeting}bob: hi\n`);
    named.receive(greeting);
    expect(named.takeShown()).toEqual(["2 here: al (you), bob", "bob: hi", greeting.trimEnd()]);
    const unnamed = open();
    unnamed.received.joined(false);
    unnamed.receive(greeting);
    expect(unnamed.takeShown()).toEqual([greeting.trimEnd()]);
  });

  test("times are shown, or no longer", () => {
    const { received, receive, takeShown } = open("", { time: true });
    receive("bob: 1\nbob: 2\n");
    received.switchTimes();
    receive("bob: 3\n");
    jest.setSystemTime(new Date("2026-11-26T00:00:00"));
    received.sent("4", true);
    expect(takeShown()).toEqual([
      ...["14:05 bob: 1", "14:05 bob: 2", "times are no longer shown", "bob: 3"],
      ...["— Thursday, 26 November 2026 —", "> 4"],
    ]);
  });
});
