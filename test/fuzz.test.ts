/**
 * Input in all forms, and cut anywhere, through the parts that take it byte by byte, compared with slow,
 * obvious versions. Where it is random, a failure names its seed: `FUZZ_SEED=7 bun test
 * test/fuzz.test.ts` replays that one alone.
 */

import { expect, setDefaultTimeout, test } from "bun:test";

import { protocolOf } from "../lib/doors/first-bytes.ts";
import { NamedLines } from "../lib/extras/names/named-lines.ts";
import { PREFIX_BYTES_MAX } from "../lib/extras/names/names.ts";
import { isName, nameKey } from "../lib/program/names.ts";
import { LineBuffer } from "../lib/room/line-buffer.ts";
import { forSeeds } from "./harness/seeds.ts";
import { hasFirstLine, OTHER_STARTS, protocolIn } from "./simulation/first-line.ts";
import { asRelayed, countedBytes } from "./simulation/naming.ts";
import type { Random } from "./simulation/random.ts";

setDefaultTimeout(60_000);

const NAME = "al";

test("lines come out whole, with a name before each, and as many as fit, as if read one by one", () => {
  forSeeds(1000, (random) => {
    const lineBytesMax = random.between(1, 30);
    const buffer = new NamedLines(new LineBuffer(lineBytesMax), NAME);
    let [sent, taken] = ["", ""];
    const takeSome = (bytesMax: number) => {
      const run = Buffer.from(buffer.take(bytesMax) ?? []).toString("latin1");
      const left = linesOf(sent, lineBytesMax).lines.slice(taken.length);
      const fitting = left.slice(0, bytesMax).lastIndexOf("\n") + 1;
      expect([run.length <= fitting, run === "" ? fitting : 0]).toEqual([true, 0]);
      expect(`${run}\n`).toMatch(/\n\n?$/);
      taken += run;
    };
    for (let step = random.between(1, 30); step > 0; step--) {
      const chunk = randomLines(random, random.below(50));
      sent += chunk;
      buffer.push(Buffer.from(chunk, "latin1"));
      if (random.chance(500)) takeSome(random.below(80));
      const { isTooLong } = linesOf(sent, lineBytesMax);
      expect(buffer.objection !== undefined).toBe(isTooLong);
    }
    if (random.chance(500)) {
      buffer.end();
      if (/[^\n]$/.test(sent)) sent += "\n";
    }
    while (buffer.next) takeSome(2 * lineBytesMax + PREFIX_BYTES_MAX);
    expect(taken).toBe(linesOf(sent, lineBytesMax).lines);
  });
});

test("what a client speaks is told by its first line, cut anywhere, and is not told before it is known", () => {
  const without = (text: string, at: number) => text.slice(0, at) + text.slice(at + 1);
  const nearly = OTHER_STARTS.flatMap((start) => [...start].map((_, at) => without(start, at)));
  const before = ["", "\n", "\r\n\n", "\n\n\n", "a", " ", "\0"];
  for (const start of new Set(
    [...OTHER_STARTS, ...nearly].flatMap((one) => before.map((text) => text + one)),
  ))
    for (let length = 0; length <= start.length; length++) {
      const received = Buffer.from(start.slice(0, length), "latin1");
      const [protocol, found] = [protocolIn(received), protocolOf(received)];
      // Lines may be known before the end of the first one.
      const isKnown = protocol !== undefined || hasFirstLine(received);
      const right = isKnown ? [protocol ?? "lines"] : ["lines", undefined];
      if (!right.includes(found)) expect([start, length, found]).toEqual([start, length, right[0]]);
      const all = protocolIn(Buffer.from(start, "latin1"));
      if (found === "lines") expect([start, length, all]).toEqual([start, length, undefined]);
    }
});

/** Characters, those of a line being the same in a name, however they are written. */
const SAME_CHARACTERS = [
  "a A ａ Ａ 𝐚 ⓐ",
  "é É e\u0301 E\u0301",
  "ß ẞ ss SS ſs sS",
  "ω Ω \u2126",
  "ᾄ ᾀ\u0301",
  "σ ς Σ",
  "ﬁ fi FI fI",
  "k K \u212a",
  "å Å \u212b a\u030a",
  "한 \u1112\u1161\u11ab",
  "ע \ufb20",
  "ع \ufecb",
  "1 １ ①",
  ...["ש", "😀", "👍", "_", ".", "*"],
].map((forms) => forms.split(" "));
/** Each of these characters keeps a text from being a name. */
const NO_NAME = [
  ...": ：\u00a0\u3000\t\r\n\0\u001b\u007f\u009b\u200b\u200c\u200d\u200e\u200f\u061c\u2060\ufeff\u00ad",
  ..."\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\u115f\u3164\uffa0\u2800\ufe0f",
  ..."\u{e0041}\ue000\u{1d159}\u{1d173}\u{1d17a}\u{13441}\u{16fe4}\u{1107f}\u2d7f\ufffc\ufdd0\u0378\ufffd\ufdfa´",
];

test("a name is known in every form it can be written in, and no two names are one", () => {
  const keys = new Set<string>();
  const pairs = SAME_CHARACTERS.flatMap((one) => SAME_CHARACTERS.map((other) => [one, other]));
  for (const [ones = [], others = []] of pairs) {
    const written = ones.flatMap((one) => others.map((other) => one + other));
    const forms = ["NFC", "NFD", "NFKC", "NFKD"].flatMap((form) =>
      written.map((name) => name.normalize(form)),
    );
    const [key] = [...written, ...forms].map(nameKey);
    for (const name of [...written, ...forms])
      expect([name, isName(name), nameKey(name)]).toEqual([name, true, `${key}`]);
    keys.add(`${key}`);
  }
  expect(keys.size).toBe(pairs.length);
});

test("a name is 1 to 32 characters, none of them unseen, blank, a colon or one that turns text", () => {
  const isNames = (texts: string[]) => texts.map((text) => [text, isName(text)]);
  for (const one of ["😀", "a", "Ж", "ש", "7"]) {
    const long = one.repeat(31);
    const names = [one, `${one}\u0301`, long, one + long];
    const others = ["", `\u0301${one}`, `${one}${one}${long}`, one.repeat(1000)];
    const unclean = NO_NAME.flatMap((other) => [other, one + other, `${one}${other}${one}`]);
    expect(isNames(names)).toEqual(names.map((name) => [name, true]));
    expect(isNames([...others, ...unclean])).toEqual(
      [...others, ...unclean].map((text) => [text, false]),
    );
  }
});

/** All that was sent, as it is relayed up to a line that is too long, and whether there is one. */
function linesOf(sent: string, lineBytesMax: number): { lines: string; isTooLong: boolean } {
  let lines = "";
  for (const text of sent.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const line = Buffer.from(text, "latin1");
    const isWhole = text.endsWith("\n");
    if (countedBytes(NAME, line) + (isWhole ? 0 : 1) > lineBytesMax)
      return { lines, isTooLong: true };
    if (isWhole) lines += Buffer.from(asRelayed(NAME, line)).toString("latin1");
  }
  return { lines, isTooLong: false };
}

/** Few characters, so that names, colons and line ends are often among them. */
function randomLines(random: Random, length: number): string {
  const text = Array.from({ length }, () =>
    random.pick([...":\n\r\t x\x1b\x7f\x9b\xc2", ": ", "al", "al: "]),
  );
  return text.join("").slice(0, length);
}
