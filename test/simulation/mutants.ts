/**
 * Rooms that are broken on purpose, one fault each, to show that the simulator
 * notices. The faults go into a copy of `lib/`, never into the tree.
 */

import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How many worlds a mutant may survive, and how long it may run: one that never ends is caught too. */
const SEEDS = 3_000;
const TIME_MS = 20_000;
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
    code: "return this.#hasNote(reader.lastRun) && this.#runEnd(reader.lastRun) > position;",
    becomes: "return false;",
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
    code: "const end = run.lastIndexOf(LF, bytesMax - 1) + 1;",
    becomes: "const end = bytesMax;",
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
    code: "if (!member.ended) member.socket.pause();",
    becomes: "",
  },
  {
    fault: "a talker is never resumed",
    file: "room.ts",
    code: "else if (!talker.ended) talker.socket.resume();",
    becomes: "",
  },
  {
    fault: "a talker speaks before those who wait",
    file: "room.ts",
    code: "const itsTurn = this.#waiting.length === 0 || this.#waiting[0] === member;",
    becomes: "const itsTurn = true;",
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
    code: "if (member.place < 0 || member.leaving === undefined || member.cursor < member.until) return;",
    becomes: "if (member.place < 0 || member.leaving === undefined) return;",
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
    code: "} else if (this.#members.length + this.#waitingClosed >= this.#membersMax) {",
    becomes: "} else if (this.#members.length >= this.#membersMax) {",
  },
  {
    fault: "any number of connections may linger",
    file: "room.ts",
    code: "if (this.#departing.size >= this.#lingerersMax) this.#endOldestDeparture();",
    becomes: "",
  },
  {
    fault: "the alarm of a room that is held up is forgotten",
    file: "room.ts",
    code: "const nextMs = Math.min(retryAtMs, stopAtMs, this.#nextDeadlineMs);",
    becomes: "const nextMs = Math.min(stopAtMs, this.#nextDeadlineMs);",
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
    code: "const member = new Member(name, socket, lines, this.#log.head);",
    becomes: "const member = new Member(name, socket, lines, this.#log.tail);",
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
