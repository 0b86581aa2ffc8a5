/** What is received, as it is shown: harmless, in time, and history as such. */

import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";

import { askForName } from "../../lib/program/names.ts";
import { People } from "../../lib/program/room-view.ts";
import { type LineOptions, Received } from "../../lib/terminal/received.ts";
import { harmless, mentions, nameColours, senderOf } from "../../lib/terminal/transcript.ts";
import { forSeeds } from "../harness/seeds.ts";

/** In a room with names. */
const GREETING = askForName(["bob"], 0).trimEnd();

const latin1 = (text: string) => Buffer.from(text, "latin1");

test.each<[what: string, line: string | Uint8Array, shown: string]>([
  ["clearing the screen", "a\x1b[2Jb\n", "a^[[2Jb\n"],
  ["going back to the start of the row", "yes\rno \n", "yes^Mno \n"],
  ["NUL, BEL, BS, VT, FF, SO, SI and DEL", "\0\x07\b\x0b\x0c\x0e\x0f\x7f\n", "^@^G^H^K^L^N^O^?\n"],
  ["CSI as a C1 control in UTF-8", latin1("\xc2\x9b2J\n"), "^[[2J\n"],
  ["CSI as a single byte", latin1("\x9b2J\n"), "<9B>2J\n"],
  ["a bidirectional override", "abc\u202edef\u202c\n", "abc<U+202E>def<U+202C>\n"],
  ["line and paragraph separators", "a\u2028b\u2029c\n", "a<U+2028>b<U+2029>c\n"],
  ["half of a surrogate pair", latin1("\xed\xa0\x80\n"), "<ED><A0><80>\n"],
  ["invalid bytes amid valid characters", latin1("\xe6\xbc\xa2\xff\xc3\xa9\n"), "漢<FF>é\n"],
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

test("names have six colours, and twelve if COLORFGBG tells of a dark background", () => {
  const backgrounds = ["", "15", "0;15", "0;7", "0;default", "15;0", "7;default;0", "12;8"];
  expect(backgrounds.map((one) => nameColours(one).length)).toEqual([6, 6, 6, 6, 6, 12, 12, 12]);
  expect(nameColours()).toEqual([31, 34, 35, 91, 94, 95]); // What is read on white as well.
});

test("a line has a sender if it begins with a name", () => {
  const lines = ["bob: hi", "Ünal: hi: ho", "bob:", "bob:hi", "no name here: hi", "* bob: x"];
  expect(lines.map(senderOf)).toEqual(["bob", "Ünal", "bob", undefined, undefined, undefined]);
});

test.each([
  [
    "alice",
    "bob: hi alice|ALICE, come|alice|(alice's)|alice: I am alice|b: alice: hi|alice:hi",
    "bob: malice|bob: alices|bob: alice_2|bob: alice2|Alice: hi|* alice has joined",
  ],
  ["zoë", "bob: ZOË?|bob: zoe\u0308?", "bob: zo"],
  ["zo", "bob: zo", "bob: zoë|bob: zoe\u0308"],
  ["李雷", "bob: 李雷你好|bob: 问李雷吧", "bob: 李"],
  ["철수", "bob: 철수는 어디|bob:철수", "bob: 철"],
  ["a.c", "bob: a.c", "bob: abc"],
  ["", "", "bob: hi"],
])("%j is mentioned in %j, and not in %j", (name, lines, others) => {
  const mentioned = `${lines}|${others}`.split("|").filter(mentions(name));
  expect(mentioned.join("|")).toBe(lines);
});

/**
 * A script of what happens at 14:05: steps, and behind `→` what each has shown. Behind `<` are lines
 * that come at once, behind `send` is one of the user's. Returns the script as it went.
 */
function play(script: string, own = "al", bell: LineOptions["bell"] = "name"): string {
  let shown = "";
  const show = (lines: string) => (shown += lines);
  const people = new People(own);
  const received = new Received(people, { time: false, bell }, show);
  const went = stepsOf(script).map((step) => {
    const doing = step.replace(/ →.*/, "");
    const [what = ""] = doing.split(" ");
    const rest = doing.slice(what.length + 1);
    shown = "";
    if (what === "<") received.receive(Buffer.from(`${rest.replaceAll(" | ", "\n")}\n`));
    else if (what === "joins") received.joined(rest !== "at once");
    else if (what === "ms") jest.advanceTimersByTime(Number(rest));
    else if (what === "send") received.sent(rest, true);
    else if (what === "/time") received.switchTimes();
    else if (what === "/who") received.remark(() => people.list);
    else jest.setSystemTime(new Date(what));
    const lines = shown.trimEnd().replaceAll("\n", " | ").replace("\x07", "(bell) ");
    return doing + (lines && ` → ${lines}`);
  });
  return went.join("\n");
}

const stepsOf = (script: string) => script.trim().split(/\n\s*/);

describe("with a clock of its own", () => {
  beforeEach(() => {
    jest.useFakeTimers();
    jest.setSystemTime(new Date("2026-11-25T14:05:00"));
  });
  afterEach(() => void jest.useRealTimers());

  const busy = Array.from({ length: 9 }, (_, turn) => `bob: ${turn}`);

  const stories = {
    "up to the mark all is history, without times and bell": `/time → 14:05 times are shown
       joins
       < bob: 1
       < al! | * end of history | ann: 5 →       bob: 1 |       al! |       * end of history | 14:05 ann: 5
       /who → 14:05 here, as far as is known: al (you), ann
       < bob: al! → 14:05 (bell) bob: al!`,
    "without a mark, what comes at once is shown a moment later, and is none": `joins
       ms 300
       < bob: 0 → bob: 0
       joins
       < bob: 1
       ms 299
       ms 1 → bob: 1
       < bob: 2 | * end of history → bob: 2 | * end of history`,
    "lines are held back for a second at most, and longer in a room that has a history": `joins
       ${busy.map((line) => `< ${line}\nms 111\n`).join("")}
       ms 2 → ${busy.join(" | ")}
       < bob: 9 → bob: 9
       joins
       < bob: 9 | * end of history
       joins
       ${busy.map((line) => `< ${line}\nms 250\n`).join("")}
       < bob: 9 | bob: 10 | * end of history → bob: 10 | * end of history`,
    "after a loss only what was missed is shown, and own lines stand behind it": `joins
       < bob: 1 | * end of history → bob: 1 | * end of history
       send hi → al: hi
       < bob: 2 → bob: 2
       joins
       < bob: 1 | al: hi
       send again
       ms 250
       < bob: 2 | bob: 3
       < * end of history → bob: 3 | * end of history | al: again
       joins
       < bob: 2 | bob: 3 | al: again | * end of history`,
    "the greeting tells who is here, behind the history": `joins at once
       < ${GREETING} | bob: hi → 2 here: al (you), bob | bob: hi
       < ${GREETING} → ${GREETING}
       joins
       < ${GREETING} | ann: 1
       < * end of history | bob: 2 → ann: 1 | * end of history | bob: 2 | 2 here: al (you), bob`,
    "another day and a long silence are marked, or each line has its time": `2026-11-25T14:15:00
       < bob: 1 → bob: 1
       2026-11-25T14:25:01
       < bob: 2 |  | bob: 3 → — 14:25 — | bob: 2 |  | bob: 3
       2026-11-25T13:05:00
       < bob: by a clock that was set back → bob: by a clock that was set back
       2027-11-25T13:05:00
       send 4 → — Thursday, 25 November 2027 — | al: 4
       /time → 13:05 times are shown
       < bob: 5 |  | bob: 6 → 13:05 bob: 5 | 13:05  | 13:05 bob: 6
       /time → times are no longer shown`,
    "mentions ring the bell, once in two seconds": `< bob: pal → bob: pal
       < bob: al! | al? → (bell) bob: al! | al?
       < bob: al! → bob: al!
       ms 2000
       < bob: al! → (bell) bob: al!`,
  };

  test.each(Object.entries(stories))("%s", (_what, script) => {
    expect(play(script)).toBe(stepsOf(script).join("\n"));
  });

  test("without a name the greeting is shown, and without the option no bell rings", () => {
    for (const [script, own, bell] of [
      [`joins at once\n< ${GREETING} → ${GREETING}`, "", "name"],
      ["< bob: al! → bob: al!", "al", "none"],
    ] as const)
      expect(play(script, own, bell)).toBe(script);
  });
});

test("a part of a line that is passed on has a row of its own, as has the rest", () => {
  const shown: string[] = [];
  const options = { time: false, bell: "none" } as const;
  const received = new Received(new People(), options, (lines) => shown.push(lines));
  for (const part of ["bob: part", " and rest\n"]) received.receive(Buffer.from(part));
  expect(shown).toEqual(["bob: part\n", " and rest\n"]);
});
