/**
 * Random input through the parts that take it byte by byte, compared with slow,
 * obvious reference versions. A failure names its seed; `FUZZ_SEED=7 bun test
 * test/fuzz.test.ts` replays that one alone.
 */

import { expect, setDefaultTimeout, test } from "bun:test";

import { protocolOf } from "../lib/doors/first-bytes.ts";
import { NamedLines } from "../lib/extras/names/named-lines.ts";
import { PREFIX_BYTES_MAX } from "../lib/extras/names/names.ts";
import { flag, parseCommandLine } from "../lib/program/command-line.ts";
import { isName, nameKey } from "../lib/program/names.ts";
import { count, size } from "../lib/program/option-values.ts";
import { UserError } from "../lib/program/system-errors.ts";
import { formatSize, parseSize, parseTimeMs } from "../lib/program/units.ts";
import type { Lines } from "../lib/room/fair-queue.ts";
import { LineBuffer } from "../lib/room/line-buffer.ts";
import { LineLog } from "../lib/room/line-log.ts";
import { forSeeds } from "./harness/seeds.ts";
import { hasFirstLine, OTHER_STARTS, protocolIn } from "./simulation/first-line.ts";
import { asRelayed, countedBytes } from "./simulation/naming.ts";
import type { Random } from "./simulation/random.ts";

setDefaultTimeout(60_000);

const LF = 0x0a;

for (const [what, name] of [
  ["LineBuffer frames any bytes", undefined],
  ["NamedLines puts a name before each line once and shows its controls", "al"],
] as const)
  test(`${what}, cut anywhere, as a byte-by-byte reader does`, () => {
    forSeeds(name === undefined ? 3000 : 1000, (random) => {
      const lineBytesMax = random.between(1, 30);
      const buffer = new LineBuffer(lineBytesMax);
      const lines: Lines = name === undefined ? buffer : new NamedLines(buffer, name);
      expectSameLines(random, lines, new ReferenceBuffer(lineBytesMax, name));
    });
  });

test("what a client speaks is told by its first line, cut anywhere, and is not told before it is known", () => {
  forSeeds(3000, (random) => {
    const sent = Buffer.from(randomStart(random), "latin1");
    for (let length = 0; length <= sent.length; length++) {
      const received = sent.subarray(0, length);
      const protocol = protocolIn(received);
      const found = protocolOf(received);
      const context = [sent.toString("latin1"), length, found];
      // Lines may be known before the end of the first one.
      if (protocol || hasFirstLine(received))
        expect(context).toEqual([...context.slice(0, 2), protocol ?? "lines"]);
      else expect(["lines", undefined]).toContain(found);
      if (found === "lines")
        expect([...context, protocolIn(sent)]).toEqual([...context, undefined]);
    }
  });
});

/** Characters, those of a line being the same in a name, however they are written. */
const SAME_CHARACTERS = [
  "a A ａ Ａ 𝐚 ⓐ",
  "é É e\u0301 E\u0301",
  "ß ẞ ss SS ſs sS",
  "ω Ω \u2126",
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
  forSeeds(3000, (random) => {
    const kinds = () =>
      Array.from({ length: random.between(1, 4) }, () => random.below(SAME_CHARACTERS.length));
    const [one, another] = [kinds(), random.chance(500) ? kinds() : undefined];
    const write = (some: number[]) =>
      some.map((kind) => random.pick(SAME_CHARACTERS[kind] ?? [])).join("");
    const names = [write(one), write(another ?? one)] as const;
    for (const name of names) expect([name, isName(name)]).toEqual([name, true]);
    const areSame = `${one}` === `${another ?? one}`;
    expect([...names, nameKey(names[0]) === nameKey(names[1])]).toEqual([...names, areSame]);
    for (const form of ["NFC", "NFD", "NFKC", "NFKD"])
      expect(nameKey(names[0].normalize(form))).toBe(nameKey(names[0]));
  });
});

test("a name is 1 to 32 characters, none of them unseen, blank, a colon or one that turns text", () => {
  forSeeds(3000, (random) => {
    const characters = Array.from({ length: random.pick([0, 1, 5, 31, 32, 33, 1000]) }, () =>
      random.chance(20) ? random.pick(NO_NAME) : random.pick(["😀", "a", "Ж", "ש", "7", "\u0301"]),
    );
    const isOne = characters.length >= 1 && characters.length <= 32;
    const isClean = characters.every((one) => !NO_NAME.includes(one)) && characters[0] !== "\u0301";
    const name = characters.join("");
    expect([name, isName(name)]).toEqual([name, isOne && isClean]);
  });
});

test("LineLog gives every reader what a plain list of runs does, also what it gathers in parts", () => {
  forSeeds(3000, (random) => compareLogs(random, random.between(1, 200), 40));
  forSeeds(3, (random) => compareLogs(random, random.between(600, 900) << 10, 300 << 10));
});

test("sizes and times read as by a table of units", () => {
  forSeeds(3000, (random) => {
    const text = randomText(random, "0123456789.KMGkmgshB -");
    expect([text, parseSize(text)]).toEqual([text, referenceSize(text)]);
    expect([text, parseTimeMs(text)]).toEqual([text, referenceTimeMs(text)]);
    const bytes = random.below(5000) * 1024 ** random.below(4);
    expect(parseSize(formatSize(bytes))).toBe(bytes);
  });
});

test("a command line is read, or its first mistake is one line for the user", () => {
  const command = {
    name: "fuzzed",
    summary: "Takes anything.",
    operands: ["port"],
    options: { quiet: flag("q"), buffer: size("b", 8), "max-clients": count("m", 5) },
    examples: [],
  } as const;
  const options = "--quiet --buffer --buffer=1K --max-clients --quiet=1 --__proto__ --toString=1";
  const words = [...options.split(" "), "-h", "--version", "80", "-", "--", "-x", ""];
  forSeeds(3000, (random) => {
    const word = () =>
      random.chance(800) ? random.pick(words) : randomText(random, "-=ab\n\u0000é19");
    try {
      const parsed = parseCommandLine(command, Array.from({ length: random.below(5) }, word));
      if ("print" in parsed) expect(["help", "version"]).toContain(parsed.print);
      else expect(parsed.operands).toHaveLength(1);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      expect(error.exitCode).toBe(2);
      expect(error.message).not.toContain("\n");
    }
  });
});

/** `LineBuffer` with a list of lines, one byte at a time; with a name, `NamedLines` in the same way. */
class ReferenceBuffer {
  readonly lines: Uint8Array[] = [];
  #line: number[] = [];
  tooLong = false;

  constructor(
    readonly lineBytesMax: number,
    readonly name: string | undefined,
  ) {}

  push(chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (this.tooLong) return;
      this.#line.push(byte);
      const isWhole = byte === LF;
      const counted = countedBytes(this.name, Buffer.from(this.#line));
      this.tooLong = counted + (isWhole ? 0 : 1) > this.lineBytesMax;
      if (this.tooLong) this.#line = [];
      else if (isWhole) this.#finish();
    }
  }

  end(): void {
    if (this.#line.length > 0) this.push(Uint8Array.of(LF));
  }

  #finish(): void {
    this.lines.push(asRelayed(this.name, Uint8Array.from(this.#line)));
    this.#line = [];
  }
}

/** Pushes the same chunks into both, takes lines out now and then, and in the end all. */
function expectSameLines(random: Random, buffer: Lines, reference: ReferenceBuffer): void {
  const { name, lineBytesMax } = reference;
  const randomChunk = name === undefined ? randomBytes : randomNamed;
  for (let step = random.between(1, 30); step > 0; step--) {
    const chunk = randomChunk(random, random.below(50));
    for (const one of [buffer, reference]) one.push(chunk);
    if (random.chance(500)) expectSameTaken(buffer, reference, random.below(80));
    expect(buffer.objection !== undefined).toBe(reference.tooLong);
  }
  if (random.chance(500)) for (const one of [buffer, reference]) one.end();
  while (buffer.next) expectSameTaken(buffer, reference, 2 * lineBytesMax + PREFIX_BYTES_MAX);
  expect(reference.lines).toEqual([]);
}

/** What is taken is the next lines, at least one if it fits, and no more bytes than `bytesMax`. */
function expectSameTaken(buffer: Lines, { lines }: ReferenceBuffer, bytesMax: number): void {
  const taken = buffer.take(bytesMax);
  if (!taken)
    return expect(lines.every(({ length }, nth) => nth > 0 || length > bytesMax)).toBe(true);
  expect(taken.length).toBeLessThanOrEqual(bytesMax);
  let expected = Buffer.alloc(0);
  while (expected.length < taken.length)
    expected = Buffer.concat([expected, lines.shift() ?? Buffer.alloc(taken.length + 1)]);
  expect(expected.equals(taken)).toBe(true);
}

/** A log and plain lists: any author, any reader, any part taken. */
function compareLogs(random: Random, bytesMax: number, runBytesMax: number): void {
  const log = new LineLog(bytesMax, 0, random.between(1, 8));
  /** What each has read, and has to read in the end. */
  const readers = Array.from({ length: random.between(1, 5) }, () => {
    return { lastRun: -1, cursor: 0, got: [] as Buffer[], due: [] as Buffer[] };
  });
  const send = (author: (typeof readers)[number]) => {
    const length = Math.min(log.freeBytes, random.between(1, runBytesMax));
    if (length === 0) return;
    const run = randomBytes(random, length);
    log.append(author, run);
    for (const reader of readers) if (reader !== author) reader.due.push(Buffer.from(run));
  };
  const readSome = (reader: (typeof readers)[number]) => {
    if (reader.cursor === log.head) return;
    const { bytes, offset, length, next } = log.read(reader, reader.cursor, log.head);
    const taken = random.chance(500) ? length : random.below(length + 1);
    reader.got.push(Buffer.from(bytes.subarray(offset, offset + taken)));
    reader.cursor = taken < length ? log.advance(reader, reader.cursor, taken) : next;
  };
  for (let step = 0; step < 60; step++) {
    const reader = random.pick(readers);
    if (random.chance(400)) send(reader);
    else readSome(reader);
    if (random.chance(300)) log.release(Math.min(...readers.map(({ cursor }) => cursor)));
  }
  for (const reader of readers) {
    while (reader.cursor < log.head) readSome(reader);
    expect(Buffer.concat(reader.got).equals(Buffer.concat(reader.due))).toBe(true);
  }
}

/** Any bytes, LF among them more often than by chance. */
function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => (random.chance(120) ? LF : random.below(256)));
}

/** Lines of few characters, so that names and colons are often among them. */
function randomNamed(random: Random, length: number): Uint8Array {
  const text = Array.from({ length }, () =>
    random.pick([...":\n\r\t x\x1b\x7f\x9b\xc2", ": ", "al", "al: "]),
  );
  return Buffer.from(text.join("").slice(0, length), "latin1");
}

/** What others may begin with, or nearly so, and lines. */
function randomStart(random: Random): string {
  const start = random.pick(OTHER_STARTS);
  if (random.chance(300)) return start;
  const words = ["GET", "POST", " ", "/", "HTTP/1.1", "HTTP/1", "\r", "\n", "\r\n", "\0", "PROXY"];
  const more = ["TCP4", "UNKNOWN", "SSH-2.0", "-", "\x16", "\x03", "\x01", "a", ":", "PRI"];
  const some = Array.from({ length: random.below(8) }, () => random.pick([...words, ...more]));
  const at = random.below(start.length);
  return random.chance(500) ? some.join("") : start.slice(0, at) + some.join("") + start.slice(at);
}

function randomText(random: Random, characters: string): string {
  return Array.from({ length: random.below(8) }, () => random.pick([...characters])).join("");
}

function referenceSize(text: string): number | undefined {
  return scaled(text.toUpperCase(), { K: 1024, M: 1024 ** 2, G: 1024 ** 3, "": 1 }, false);
}

function referenceTimeMs(text: string): number | undefined {
  return scaled(text, { ms: 1, s: 1000, m: 60_000, h: 3_600_000, "": 1000 }, true);
}

/** A number of digits, with or without a fraction, times its unit; at most 12 or 15 digits before it. */
function scaled(text: string, units: Record<string, number>, fraction: boolean) {
  const [unit, times] = Object.entries(units).find(([unit]) => text.endsWith(unit)) ?? ["", 0];
  const digits = text.slice(0, text.length - unit.length);
  const [whole = "", part, ...more] = digits.split(".");
  const isNumber = (text: string) =>
    text !== "" && [...text].every((digit) => "0123456789".includes(digit));
  if (!isNumber(whole) || more.length > 0 || whole.length > (fraction ? 12 : 15)) return undefined;
  if (part !== undefined && (!fraction || !isNumber(part))) return undefined;
  return Number(digits) * times;
}
