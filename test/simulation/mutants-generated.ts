/** Faults that operators make of every line of some files: a comparison is off by one, a call is left out. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Mutant } from "../harness/faults.ts";
import { Random } from "./random.ts";

const ROOT = join(import.meta.dir, "../..");

type Operator = readonly [pattern: RegExp, becomes: string];

/** What is looked for in a line, wherever it occurs, and what it becomes: a statement is left out. */
const LEFT_OUT: readonly Operator[] = [
  [/^( +(?:(?:else|(?:if|for) \(.*\)) )*)[\w.#?]+\(.*\);$/g, "$1;"],
  [/^( +(?:(?:else|(?:if|for) \(.*\)) )*)(?:\w+[.#][\w.#]+ [-+|?]*=|\w+ [-+]=) .*;$/g, "$1;"],
  [/^( +)if \(.*\) (?:return|break|continue)\b.*;$/g, "$1;"],
];
const OFF_BY_ONE: readonly Operator[] = [
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
];
const ROOM_OPERATORS: readonly Operator[] = [
  ...LEFT_OUT,
  ...OFF_BY_ONE,
  [/ === /g, " !== "],
  [/ !== /g, " === "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ \+(=?) /g, " -$1 "],
  [/ -(=?) /g, " +$1 "],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/Math\.min/g, "Math.max"],
  [/Math\.max/g, "Math.min"],
  // A condition is negated.
  [/\b(if|while) \((.*)\)(?= |$)/g, "$1 (!($2))"],
];
/** Around the room, worlds notice less. */
const OTHER_OPERATORS: readonly Operator[] = [
  ...LEFT_OUT,
  ...OFF_BY_ONE,
  // A count is left out, or a condition before another one.
  [/^( +)[\w.#]+(?:\+\+|--);$/g, "$1;"],
  [/(?<=\(| = |=> |&& |\|\| |return )!?[\w.#?]+(?:\([\w.#, ]*\))? (?:&&|\|\|) (?![{(])/g, ""],
];
const OTHER_FILES = [
  "lib/server/connections.ts",
  "lib/doors/door.ts",
  "lib/doors/addresses.ts",
  "lib/extras/bot.ts",
];
const SHARED_FILES = ["lib/redis/stream-order.ts"];

/** What cannot be noticed from outside, and why; `from => to` of a line. */
const EQUIVALENT: readonly (readonly [why: string, RegExp])[] = [
  [
    "a part of no bytes is copied",
    /=> .*(?:(?:end|stop) >= start|beforeWrap <= |>= beforeWrap\)|othersStart <= at|end <= chunk)/,
  ],
  ["a view is made of all there is", /=> .*(?:>= beforeWrap \?|stop - start <= chunk\.length)/],
  ["the search goes on, and finds the same", /=> while \(end (?:- start >=|\+ start >)/],
  ["a run ends with an LF", /=> .*run\.length < bytesMax/],
  ["a minimum is the same", /=> .*\(cursor\.position <= tail\) tail =/],
  ["one that has everything writes nothing", /=> .*cursor\.position <= head/],
  ["one not blocked was written to just now", /if \(!cursor\.blocked\) continue; => ;/],
  ["an end that is told twice ends nothing more", /if \(this\.#end\) return; => ;/],
  ["it is moved a little later in the turn, or in the next", /moveToLog\?\.\(\); => ;/],
  ["`mutants-shared.ts` has that", /abandonLines\(why, onLost|^ *for .* this\.#leave\(member, why/],
  ["only the largest gathering puts an LF right behind the ring", /=> .*lf > this\.#ringBytes/],
  ["a run has a note of its own", /=> .*author\.lastRun > this/],
  ["what could be read where it is, is gathered", /=> .*lastRun\) >= position/],
  ["the room is asked to flush for nothing", /=> else if \(!this\.blocked \|\| !this\.gone/],
  ["more memory is used", /=> .*(?:needed >= |const grown .*Math\.max)|clearUnfinished\(\); => ;/],
  ["only an invariant is stated otherwise", /^ *position >= .* end <=/],
  ["tests have real sockets", /tune\(socket|ETIMEDOUT|onError|^ {8}data\.failed|checkRange/],
  ["tests have bots that wait", /^ *(?:for .*)?(?:waiting\.|answer\(false)|of waiting\)/],
  ["what stops is stopped again", /^ {6}this\.#stop(?:At.* NEVER|Arr)|#finishStop\(\); => ;/],
  ["only a stream keeps lines without a place", /#isOverdue = true; => ;/],
  ["no bytes are nothing", /=> .*(?:unused\.length >= 0|count\(\) >= 1|end <= 0|BYTES_MAX\))/],
  ["nothing follows in its place", /^ {4}(?:this\.)?(?:socket\.data = GONE|held = undef)/],
  ["it is woken all the same", /this\.room\??\.wake\(0\); => |room === undefined/],
  [
    "it has a name",
    /(?:seatless\.add\(this\)|has\(this\)\) return|#placed = \[\]);? => ;|s\.received\(e/,
  ],
  ["one world in thousands notices", /#isCutOff(?: &&| =|;)/],
  ["tests have Unix sockets", /address === ""\)/],
  [
    "none of 400 worlds notices",
    /(?:isSettled|of all)\) done|peers\.clear|isJoining && !own\)|position = START;/,
  ],
];

/**
 * So many of them, chosen by a seed; all if there are fewer.
 *
 * @param shared those in what several servers share, and not the others
 */
export function generateMutants(count: number, seed: number, shared: boolean): Mutant[] {
  const random = new Random(seed);
  const room = readdirSync(join(ROOT, "lib/room")).map((name) => `lib/room/${name}`);
  const own = [
    ...room.flatMap((file) => mutantsOf(file, ROOM_OPERATORS)),
    ...OTHER_FILES.flatMap((file) => mutantsOf(file, OTHER_OPERATORS)),
  ];
  const all = shared ? SHARED_FILES.flatMap((file) => mutantsOf(file, LEFT_OUT)) : own;
  const placed = all.map((mutant) => ({ mutant, place: random.below(2 ** 32) }));
  placed.sort((one, other) => one.place - other.place);
  return placed.slice(0, count).map(({ mutant }) => mutant);
}

function mutantsOf(file: string, operators: readonly Operator[]): Mutant[] {
  const code = readFileSync(join(ROOT, file), "utf8");
  // Comments, types and what is only asserted are left as they are.
  const statements = code.replace(/^(?:export )?(?:interface|type) [^]*?^}$/gm, (type) =>
    type.replace(/./g, " "),
  );
  return statements.split("\n").flatMap((line, at) => {
    if (/^\s*(?:\/?\*|\/\/|import |assert\()/.test(line)) return [];
    return mutationsOf(line, operators).flatMap((mutated) => {
      const change = `${line} => ${mutated.trim()}`;
      if (EQUIVALENT.some(([, pattern]) => pattern.test(change))) return [];
      const becomes = code.split("\n").with(at, mutated).join("\n");
      return { fault: `${file}:${at + 1}: ${change.trim()}`, file, code, becomes };
    });
  });
}

function mutationsOf(line: string, operators: readonly Operator[]): string[] {
  return operators.flatMap(([pattern, becomes]) =>
    [...line.matchAll(pattern)].map(({ index }) => {
      const here = new RegExp(pattern, "y");
      here.lastIndex = index;
      return line.replace(here, becomes);
    }),
  );
}
