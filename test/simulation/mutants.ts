/**
 * Rooms that are broken on purpose, one fault each, to show that the simulator
 * notices. The faults go into a copy of `lib/`, never into the tree.
 */

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How many worlds a mutant may survive, and how long it may run: one that never ends is caught too. */
const SEEDS = 10_000;
const TIME_MS = 30_000;
const ROOT = join(import.meta.dir, "../..");

/** One fault: a piece of the code, which occurs once, and what it becomes. */
interface Mutant {
  readonly fault: string;
  readonly file: "room.ts" | "line-log.ts" | "line-buffer.ts";
  readonly code: string;
  readonly becomes: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    fault: "the log writes past its wrap",
    file: "line-log.ts",
    code: "if (run.length <= beforeWrap) {",
    becomes: "if (run.length <= beforeWrap + 1) {",
  },
  {
    fault: "a gathered piece skips its wrap",
    file: "line-log.ts",
    code: "if (beforeWrap < length) this.#bytes.copyWithin(target + beforeWrap, 0, length - beforeWrap);",
    becomes: "",
  },
  {
    fault: "the log forgets one byte too many",
    file: "line-log.ts",
    code: "return notesFull ? 0 : this.bytesMax - (this.#head - this.#tail);",
    becomes: "return notesFull ? 0 : this.bytesMax + 1 - (this.#head - this.#tail);",
  },
  {
    fault: "a run is noted where another note still is",
    file: "line-log.ts",
    code: "const notesFull = this.#nextRun - this.#firstRun === this.runsMax;",
    becomes: "const notesFull = false;",
  },
  {
    fault: "a member gets its own lines back",
    file: "line-log.ts",
    code: "if (lastRun < this.#firstRun) return false;",
    becomes: "if (lastRun < Number.POSITIVE_INFINITY) return false;",
  },
  {
    fault: "after a short write among own lines, the cursor counts them as taken",
    file: "line-log.ts",
    code: "if (!this.#saidSince(reader, cursor)) return cursor + taken;",
    becomes: "return cursor + taken;",
  },
  {
    fault: "a line is cut where the log is full",
    file: "line-buffer.ts",
    code: "run.lastIndexOf(LF, bytesMax - 1) + 1;",
    becomes: "bytesMax;",
  },
  {
    fault: "the tail at the end of input is dropped",
    file: "line-buffer.ts",
    code: "this.#append(Uint8Array.of(LF));",
    becomes: "return;",
  },
  {
    fault: "a line may be a byte longer than the limit",
    file: "line-buffer.ts",
    code: "if (this.#unfinishedBytes + start > this.lineBytesMax) return this.#overflow();",
    becomes: "if (this.#unfinishedBytes + start > this.lineBytesMax + 1) return this.#overflow();",
  },
  {
    fault: "a talker is never paused",
    file: "room.ts",
    code: "if (member.hold === undefined && !member.closed && !member.ended) member.socket.pause();",
    becomes: "",
  },
  {
    fault: "a talker is never resumed",
    file: "room.ts",
    code: "if (!member.closed && !member.ended) member.socket.resume();",
    becomes: "",
  },
  {
    fault: "a talker speaks before those who wait",
    file: "room.ts",
    code: "if (first === undefined || first === member) this.#moveShareToLog(member);",
    becomes: "this.#moveShareToLog(member);",
  },
  {
    fault: "a stopped reader is dropped one retry late",
    file: "room.ts",
    code: "const overdue = this.#heldUpMs - member.movedAtMs >= this.#patienceMs;",
    becomes: "const overdue = this.#heldUpMs - member.movedAtMs > this.#patienceMs;",
  },
  {
    fault: "a slow reader is dropped without being asked",
    file: "room.ts",
    code: "if (overdue || retry) this.#serve(member);",
    becomes: "",
  },
  {
    fault: "the time the room is held up is not forgiven to a reader that moves",
    file: "room.ts",
    code: "if (taken > 0 || member.caughtUp) member.movedAtMs = this.#heldUpMs;",
    becomes: "if (member.caughtUp) member.movedAtMs = this.#heldUpMs;",
  },
  {
    fault: "a short count is taken for all",
    file: "room.ts",
    code: "if (taken < length) {",
    becomes: "if (taken < 0) {",
  },
  {
    fault: "a drain wakes nobody",
    file: "room.ts",
    code: "if (member.place >= 0) this.#options.wake(0);",
    becomes: "if (member.place >= 0) return;",
  },
  {
    fault: "a drain of the last word is ignored",
    file: "room.ts",
    code: "else this.#finish(member);",
    becomes: "",
  },
  {
    fault: "a leaving member gets its EOF before it has everything",
    file: "room.ts",
    code: "member.cursor = log.advance(member, cursor, taken);\n          return;",
    becomes: "member.cursor = log.advance(member, cursor, taken);\n          break;",
  },
  {
    fault: "a member that half-closed is reset",
    file: "room.ts",
    code: "if (member.lastWord.length === 0) member.socket.shutdown();",
    becomes: "if (member.lastWord.length === 0) member.socket.terminate();",
  },
  {
    fault: "nothing is owed to a member while the log is released",
    file: "room.ts",
    code: "for (const member of this.#members) if (member.cursor < tail) tail = member.cursor;",
    becomes: "for (const member of this.#members) if (!member.blocked) tail = member.cursor;",
  },
  {
    fault: "whoever leaves leaves a hole among the members",
    file: "room.ts",
    code: "last.place = place;",
    becomes: "",
  },
  {
    fault: "the dead who wait take no place in the room",
    file: "room.ts",
    code: "return this.#members.length + this.#waitingClosed + this.#seatsReserved < this.#membersMax;",
    becomes: "return this.#members.length + this.#seatsReserved < this.#membersMax;",
  },
  {
    fault: "any number of connections may linger",
    file: "room.ts",
    code: "if (oldest && this.#departing.size >= this.#lingerersMax) this.#endDeparture(oldest);",
    becomes: "void oldest;",
  },
  {
    fault: "the alarm of a room that is held up is forgotten",
    file: "room.ts",
    code: "let nextMs = Math.min(retryAtMs, stopAtMs, this.#nextDeadlineMs, this.#nextIdleMs);",
    becomes: "let nextMs = Math.min(stopAtMs, this.#nextDeadlineMs, this.#nextIdleMs);",
  },
  {
    fault: "a deadline that was not the next is forgotten",
    file: "room.ts",
    code: "else this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, member.deadlineMs);",
    becomes: "",
  },
  {
    fault: "a room that stops does not wait for those who wait",
    file: "room.ts",
    code: "if (this.#waiting.length === 0)\n      for",
    becomes: "for",
  },
  {
    fault: "a newcomer hears what was said before it came",
    file: "room.ts",
    code: "return new Member(name, socket, new LineBuffer(this.#lineBytesMax), this.#log.head);",
    becomes: "return new Member(name, socket, new LineBuffer(this.#lineBytesMax), this.#log.tail);",
  },
  {
    fault: "a talker speaks on while others wait",
    file: "room.ts",
    code: "shareBytes -= run.length;",
    becomes: "",
  },
  {
    fault: "who has had its turn stays first",
    file: "room.ts",
    code: "this.#waiting.push(talker);\n      this.#waiting.shift();",
    becomes: "",
  },
  {
    fault: "a reserved seat is given away",
    file: "room.ts",
    code: "this.#seatsReserved++;",
    becomes: "this.#seatsReserved += 0;",
  },
  {
    fault: "a rate counts runs instead of lines",
    file: "room.ts",
    code: "member.pace?.spend(countLines(run));",
    becomes: "member.pace?.spend(1);",
  },
  {
    fault: "nobody looks after talkers that are over their rate",
    file: "room.ts",
    code: "nextMs = Math.min(nextMs, now + (pace?.msToNextLine(now) ?? 0));",
    becomes: "void pace;",
  },
  {
    fault: "what a talker over its rate has said is dropped when it goes",
    file: "room.ts",
    code: 'if (member.hold === "rate") this.#say(member);',
    becomes: "",
  },
  {
    fault: "an idle member is not sent away before the next one joins",
    file: "room.ts",
    code: "if (now >= this.#nextIdleMs) this.#sendIdleAway(now);",
    becomes: "",
  },
  {
    fault: "who talks is idle all the same",
    file: "room.ts",
    code: "if (this.#idleMs !== NEVER) member.saidAtMs = this.#options.now();",
    becomes: "",
  },
  {
    fault: "whoever has its last word is reset",
    file: "room.ts",
    code: "const tookAll = member.place < 0 && member.lastWord.length === 0;",
    becomes: "const tookAll = false;",
  },
  {
    fault: "a member that is sent away counts among those that linger",
    file: "room.ts",
    code: "if (member.place < 0) this.#departing.add(member);",
    becomes: "this.#departing.add(member);",
  },
  {
    fault: "a piece is gathered that is larger than the place for it",
    file: "line-log.ts",
    code: "piece.next = Math.min(end, cursor + GATHER_BYTES);",
    becomes: "piece.next = end;",
  },
];

/** Runs all mutants; returns the exit code, 0 when each was caught. */
export async function catchMutants(): Promise<number> {
  let caught = 0;
  for (const mutant of MUTANTS) {
    const seed = await catchMutant(mutant);
    if (seed !== undefined) caught++;
    console.log(`${seed === undefined ? "SURVIVED" : `caught (${seed})`}: ${mutant.fault}`);
  }
  console.log(`${caught} of ${MUTANTS.length} mutants caught`);
  return caught === MUTANTS.length ? 0 : 1;
}

/** Returns what went wrong in the world that caught it. */
async function catchMutant(mutant: Mutant): Promise<string | undefined> {
  const copy = mkdtempSync(join(tmpdir(), "linechat-mutant-"));
  try {
    cpSync(join(ROOT, "lib"), join(copy, "lib"), { recursive: true });
    cpSync(import.meta.dir, join(copy, "test/simulation"), { recursive: true });
    await patch(join(copy, "lib", mutant.file), mutant);
    const worlds = join(copy, "test/simulation/world.ts");
    const run = `const { runWorld } = await import(${JSON.stringify(worlds)});
      for (let seed = 1; seed <= ${SEEDS}; seed++) runWorld(seed);`;
    const { stderr, exitedDueToTimeout } = Bun.spawnSync([process.execPath, "-e", run], {
      timeout: TIME_MS,
      killSignal: "SIGKILL",
    });
    if (exitedDueToTimeout) return "it never ends";
    return /seed \d+, step .*/.exec(stderr.toString())?.[0];
  } finally {
    rmSync(copy, { recursive: true });
  }
}

async function patch(path: string, { code, becomes, fault }: Mutant): Promise<void> {
  const [before, after, ...more] = (await Bun.file(path).text()).split(code);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`the code to break occurs not exactly once: ${fault}`);
  await Bun.write(path, before + becomes + after);
}
