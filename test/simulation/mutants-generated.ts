/** Faults that operators make of every line of the room: a comparison is off by one, a call is left out. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { Mutant } from "../harness/faults.ts";
import { Random } from "./random.ts";

const ROOM = join(import.meta.dir, "../../lib/room");

/** What is looked for in a line, wherever it occurs, and what it becomes. */
const OPERATORS: readonly (readonly [pattern: RegExp, becomes: string])[] = [
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
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
  // A condition is negated; a statement is left out: a call, an assignment, a return.
  [/\b(if|while) \((.*)\)(?= |$)/g, "$1 (!($2))"],
  [/^( +(?:(?:else|(?:if|for) \(.*\)) )*)[\w.#?]+\(.*\);$/g, "$1;"],
  [/^( +(?:(?:else|(?:if|for) \(.*\)) )*)(?:\w+[.#][\w.#]+ [-+|?]*=|\w+ [-+]=) .*;$/g, "$1;"],
  [/^( +)if \(.*\) (?:return|break|continue)\b.*;$/g, "$1;"],
];

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
  [
    "a reader that is not blocked was written to just now",
    /if \(!cursor\.blocked\) continue; => ;/,
  ],
  ["an end that is told twice ends nothing more", /if \(this\.#end\) return; => ;/],
  ["it is moved a little later in the turn, or in the next", /moveToLog\?\.\(\); => ;/],
  ["`mutants-shared.ts` has that", /abandonLines\(why, onLost|^for .* this\.#leave\(member, why/],
  ["only the largest gathering puts an LF right behind the ring", /=> .*lf > this\.#ringBytes/],
  ["a run has a note of its own", /=> .*author\.lastRun > this/],
  ["what could be read where it is, is gathered", /=> .*lastRun\) >= position/],
  ["the room is asked to flush for nothing", /=> else if \(!this\.blocked \|\| !this\.gone/],
  ["more memory is used", /=> .*(?:needed >= |const grown .*Math\.max)|clearUnfinished\(\); => ;/],
  ["only an invariant is stated otherwise", /^position >= .* end <=/],
];

/** So many of them, chosen by a seed; all if there are fewer. */
export function generateMutants(count: number, seed: number): Mutant[] {
  const random = new Random(seed);
  const all = readdirSync(ROOM)
    .flatMap(mutantsOf)
    .map((mutant) => ({ mutant, place: random.below(2 ** 32) }));
  all.sort((one, other) => one.place - other.place);
  return all.slice(0, count).map(({ mutant }) => mutant);
}

function mutantsOf(name: string): Mutant[] {
  const code = readFileSync(join(ROOM, name), "utf8");
  // Comments, types and what is only asserted are left as they are.
  const statements = code.replace(/^(?:export )?(?:interface|type) [^]*?^}$/gm, (type) =>
    type.replace(/./g, " "),
  );
  const lines = statements.split("\n");
  return lines.flatMap((line, at) => {
    if (/^\s*(?:\/?\*|\/\/|import |assert\()/.test(line)) return [];
    return mutationsOf(line).flatMap((mutated) => {
      const change = `${line.trim()} => ${mutated.trim()}`;
      if (EQUIVALENT.some(([, pattern]) => pattern.test(change))) return [];
      const becomes = code.split("\n").with(at, mutated).join("\n");
      return { fault: `${name}:${at + 1}: ${change}`, file: `room/${name}`, code, becomes };
    });
  });
}

function mutationsOf(line: string): string[] {
  return OPERATORS.flatMap(([pattern, becomes]) =>
    [...line.matchAll(pattern)].map((found) => {
      const [text] = found;
      const once = text.replace(new RegExp(pattern.source), becomes);
      return line.slice(0, found.index) + once + line.slice(found.index + text.length);
    }),
  );
}
