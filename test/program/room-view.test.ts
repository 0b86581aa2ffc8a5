/** What a view of a room keeps of it: who is here, and what was shown. */

import { describe, expect, test } from "bun:test";

import { askForName } from "../../lib/program/names.ts";
import { People, Shown } from "../../lib/program/room-view.ts";

/** What is known by lines that are received. */
function seen(lines: readonly string[], own: string): People {
  const people = new People(own);
  for (const line of lines) {
    const [, name] = /^([^\s:]+): /.exec(line) ?? [];
    if (name) people.sent(name);
    else people.told(line);
  }
  return people;
}

/** With thousands set apart, as a server may tell them. */
const greeting = (names: string[], more = 0) =>
  askForName(names, more).trimEnd().replace(`${more}`, more.toLocaleString("en"));
const joins = (...names: string[]) => names.map((name, n) => `* ${name} joined (${n + 1} here)`);

describe("who is here, by /who,", () => {
  const FAR = "here, as far as is known: al (you)";
  test.each<[what: string, lines: string[], list: string]>([
    ["lines tell", ["bob: hi", "ann: hi", "al: hi"], `${FAR}, bob, ann`],
    ["the greeting tells", [greeting(["bob", "ann"])], "3 here: al (you), bob, ann"],
    ["it tells of many", [greeting(["bob"], 1234)], "1236 here: al (you), bob and 1234 more"],
    ["it has told before others joined", [greeting(["bob"]), "ann: hi"], `${FAR}, bob, ann`],
    [
      "notices tell",
      [...joins("bob", "al", "ann"), "* bob left (2 here)"],
      "2 here: al (you), ann",
    ],
    ["notices without names tell", joins("#1", "#2"), "2 here: al (you) and 1 more"],
    ["notices by address tell", ["* 127.0.0.1:5 joined"], FAR],
    ["sums tell", ["* 5 more joined, 1 more left (9 here)"], "9 here: al (you) and 8 more"],
    ["servers that share a room tell", ["* bob joined"], `${FAR}, bob`],
    [
      "some have left unnoticed",
      ["bob: hi", "ann: hi", "* #3 left (2 here)", "bob: hi"],
      "2 here, some of: al (you), bob, ann",
    ],
  ])("as far as %s", (_what, lines, list) => {
    expect(seen(lines, "al").list).toBe(list);
  });

  test("of a history, or over another connection, it is not known any more", () => {
    const people = seen(["bob: hi", "* ann joined (7 here)"], "");
    people.joined();
    people.sent("carol", false);
    expect(people.list).toBe("here, as far as is known: nobody");
    expect(people.complete("c")).toBe("carol: ");
  });
});

describe("Tab", () => {
  /** What is before the cursor, after one Tab and each further one. */
  function tabs(lines: string[], before: string, count = 1): string[] {
    const people = seen(lines, "alice");
    return Array.from({ length: count }, () => (before = people.complete(before)));
  }

  test.each<[what: string, lines: string[], before: string, after: string[]]>([
    ["at the start of a line", ["bob: hi"], "b", ["bob: "]],
    ["elsewhere", ["bob: hi"], "hi b", ["hi bob "]],
    ["in capitals or not", ["Bob: hi"], "bO", ["Bob: "]],
    ["with nothing to go by", ["bob: hi"], "", ["bob: "]],
    ["not one's own", ["alice: hi"], "al", ["al"]],
    ["names of the greeting", [greeting(["Bob", "ann"])], "b", ["Bob: "]],
    ["those that left", ["* bob left (1 here)"], "b", ["bob: "]],
    ["the last first", ["anna: 1", "annika: 2", "anna: 3"], "ann", ["anna: ", "annika: "]],
    ["round and round", ["ann: 1", "anna: 2"], "hi ann", ["hi anna ", "hi ann ", "hi anna "]],
    ["other scripts", ["Ünal: hi"], "ü", ["Ünal: "]],
  ])("%s", (_what, lines, before, after) => {
    expect(tabs(lines, before, after.length)).toEqual(after);
  });

  test("names not seen for long are forgotten", () => {
    const crowd = Array.from({ length: 300 }, (_, index) => `member${index}: hi`);
    expect(tabs(["bob: hi", ...crowd], "bo")).toEqual(["bo"]);
    expect(tabs([...crowd, "bob: hi"], "bo")).toEqual(["bob: "]);
  });

  test("a Tab after something else was typed starts again", () => {
    const people = seen(["bob: hi", "carol: hi"], "");
    const steps = ["", "carol: b", "carol: bob ", "d"].map((before) => people.complete(before));
    expect(steps).toEqual(["carol: ", "carol: bob ", "carol: bob ", "d"]);
    people.sent("dora");
    expect(people.complete("d")).toBe("dora: ");
  });
});

const MANY = Array.from({ length: 300 }, (_, index) => `bob: of ${index}`);

test.each<[what: string, again: string[], missed: string[]]>([
  ["nothing new", ["bob: 1", "al: hi", "bob: 2"], []],
  ["its last lines", ["bob: 2"], []],
  ["new lines", ["bob: 1", "bob: 2", "bob: 3", "bob: 4"], ["bob: 3", "bob: 4"]],
  ["own lines among them", ["bob: 2", "al: hi", "bob: 3", "al: more"], ["bob: 3", "al: more"]],
  ["the same again", ["bob: 1", "bob: 2", "bob: 1", "bob: 2"], ["bob: 1", "bob: 2"]],
  ["none of what is known", ["bob: 7", "bob: 8", "al: hi"], ["bob: 7", "bob: 8", "al: hi"]],
  ["lines by the hundred", MANY, MANY],
  ["older lines as well", ["bob: 0", "bob: 1", "bob: 2", "bob: 3"], ["bob: 3"]],
])("of a history of %s, only what was missed is left", (_what, again, missed) => {
  const shown = new Shown();
  shown.received(["bob: 1"]);
  shown.sent("al: hi");
  shown.received(["* carol joined (3 here)", "bob: 2"]);
  expect(shown.missed(again)).toEqual(missed);
  shown.received(MANY);
  expect(shown.missed(MANY)).toEqual([]);
});

test("a line of many colons is read at once", () => {
  const people = new People();
  people.told(`* ${":".repeat(60_000)}`); // 15 s, tried at each colon
  expect(people.count).toBeUndefined();
});
