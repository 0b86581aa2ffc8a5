#!/usr/bin/env bun
/**
 * Whether newcomers make others late: many talk at a steady pace, in turn without newcomers and with
 * some that hear all the history, and the delays of what is said are compared.
 *
 *   bun test/bench/newcomers.ts --help
 */

import { join } from "node:path";

import { WholeLines } from "../../lib/client/whole-lines.ts";
import { runCommand } from "../../lib/program/command-line.ts";
import { count } from "../../lib/program/option-values.ts";
import { HISTORY_END } from "../../lib/program/server-messages.ts";
import { Peer, Program, serverCommand, ServerProgram } from "../harness.ts";
import { formatMs } from "./figures.ts";
import { Histogram } from "./histogram.ts";
import { pinned, twoCpus } from "./peers.ts";
import { usageOf } from "./usage.ts";

const LINE_BYTES = 64;
const NUMBER_LENGTH = 10;
const HISTORY_BYTES = 8 << 20;
/** So many come at a time while the crowd gathers. */
const AT_A_TIME = 50;
/** What is not heard by then never will be, in ms. */
const HEARD_MS = 60_000;
const NEWCOMERS = join(import.meta.dir, "newcomers-process.ts");

const command = {
  name: "bench-newcomers",
  summary:
    "Measures how late lines are in a room with 8 MiB of history, without newcomers and with.",
  operands: [],
  options: {
    talkers: count("how many talk and listen (1000)", 1_000),
    pace: count("how many lines they say in a second, all together (100)", 100),
    "at-once": count("how many newcomers hear history at any time (1)", 1),
    seconds: count("how long they talk each time, in s (2)", 2),
    rounds: count("how often the two take their turns (5)", 5),
  },
  examples: [["bun test/bench/newcomers.ts", "1,000 talkers, one newcomer after the other"]],
} as const;

await runCommand(command, async ({ talkers, pace, seconds, rounds, "at-once": atOnce }) => {
  const cpus = twoCpus();
  if (cpus) Bun.spawnSync(["taskset", "-a", "-c", "-p", `${cpus.load}`, `${process.pid}`]);
  const words = ["--host", "127.0.0.1", "--history", `${HISTORY_BYTES}`, "0"];
  const server = await ServerProgram.run(pinned(serverCommand(...words), cpus?.server));
  const crowd = await Crowd.gather(server.port, talkers);
  await crowd.fillHistory(server.port);
  await crowd.talk(pace, seconds, () => {}); // The server has to be warm.
  const without = new Phase("without newcomers");
  const withThem = new Phase("with newcomers");
  const tookMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await without.add(server.pid, (note) => crowd.talk(pace, seconds, note));
    const newcomers = [NEWCOMERS, server.port, HISTORY_BYTES, atOnce].map(String);
    // They get the time that the crowd leaves, as if they had a processor of their own.
    const program = new Program(
      pinned(["nice", "-n19", process.execPath, ...newcomers], cpus?.load),
    );
    await program.printed("ready\n");
    await withThem.add(server.pid, (note) => crowd.talk(pace, seconds, note));
    tookMs.push(...program.stdout.trim().split("\n").slice(1).map(Number));
    await program.end();
  }
  console.log(`${talkers} talk, ${pace} lines a second in all; delays of what each hears,`);
  console.log(`the longest being the median of ${rounds} turns, and of all:`);
  console.log(without.toString());
  console.log(withThem.toString());
  console.log(
    `${tookMs.length} newcomers heard 8 MiB, half of them within ${formatMs(median(tookMs))}`,
  );
  await server.end();
  process.exit(0);
});

/** What was heard in all the turns of one kind, and how busy the server was. */
class Phase {
  readonly #title: string;
  readonly #delays = new Histogram();
  /** The longest delay of each turn. */
  readonly #longestMs: number[] = [];
  #cpuMs = 0;
  #ms = 0;

  constructor(title: string) {
    this.#title = title;
  }

  async add(pid: number, talk: (note: (delayMs: number) => void) => Promise<void>): Promise<void> {
    const [startMs, cpuMs] = [performance.now(), usageOf(pid).cpuMs];
    let longestMs = 0;
    await talk((delayMs) => {
      this.#delays.add(delayMs);
      longestMs = Math.max(longestMs, delayMs);
    });
    this.#longestMs.push(longestMs);
    this.#cpuMs += usageOf(pid).cpuMs - cpuMs;
    this.#ms += performance.now() - startMs;
  }

  toString(): string {
    const delay = (share: number) => formatMs(this.#delays.quantile(share));
    const longest = `longest ${formatMs(median(this.#longestMs))}, once ${formatMs(Math.max(...this.#longestMs))}`;
    const busy = `server ${Math.round((this.#cpuMs / this.#ms) * 100)} % busy`;
    return `${this.#title}: p50 ${delay(0.5)}, p99 ${delay(0.99)}, ${longest}; ${busy}`;
  }
}

/** One of the crowd. */
class Talker {
  readonly lines = new WholeLines();
  /** Whether it has had all of history, which it comes too early for. */
  isHere = false;
}

/** Those who talk, each of whom hears all others. */
class Crowd {
  readonly #sockets: Bun.Socket<Talker>[] = [];
  /** When each line of this turn is due. */
  #dueMs: number[] = [];
  #note: ((delayMs: number) => void) | undefined;
  /** What is still to be heard, of all together. */
  #leftBytes = 0;
  #heard = Promise.withResolvers<void>();

  static async gather(port: number, size: number): Promise<Crowd> {
    const crowd = new Crowd();
    for (let count = 0; count < size; count += AT_A_TIME)
      await Promise.all(
        Array.from({ length: Math.min(AT_A_TIME, size - count) }, () => crowd.#add(port)),
      );
    return crowd;
  }

  async #add(port: number): Promise<void> {
    const socket = await Bun.connect<Talker>({
      hostname: "127.0.0.1",
      port,
      data: new Talker(),
      socket: {
        data: ({ data }, bytes) => this.#hear(data, bytes),
        close: () => this.#heard.reject(new Error("the server closed a connection")),
      },
    });
    socket.setNoDelay(true);
    this.#sockets.push(socket);
  }

  /** Somebody who is not of them says as much as there is to be of history, before they talk. */
  async fillHistory(port: number): Promise<void> {
    const line = `${"x".repeat(LINE_BYTES - 1)}\n`;
    const heard = this.#allHear(HISTORY_BYTES * this.#sockets.length);
    const peer = await Peer.connect(port);
    await peer.sayAll(Buffer.alloc(HISTORY_BYTES, line));
    await heard;
    await peer.end();
  }

  /**
   * They talk, one after the other.
   *
   * @param note is told of each line and each listener how long it took from when the line was due
   */
  async talk(pace: number, seconds: number, note: (delayMs: number) => void): Promise<void> {
    this.#note = note;
    const startMs = performance.now();
    this.#dueMs = Array.from(
      { length: pace * seconds },
      (_, line) => startMs + (line * 1000) / pace,
    );
    const heard = this.#allHear(this.#dueMs.length * LINE_BYTES * (this.#sockets.length - 1));
    for (const [line, dueMs] of this.#dueMs.entries()) {
      // A timer alone would be late by up to 1 ms.
      while (performance.now() < dueMs)
        await (dueMs - performance.now() > 2 ? Bun.sleep(1) : nextTurn());
      const text = `${line}`.padStart(NUMBER_LENGTH).padEnd(LINE_BYTES - 1, ".");
      this.#sockets[(line * 7) % this.#sockets.length]?.write(`${text}\n`);
    }
    await heard;
    this.#note = undefined;
  }

  /** Waits until they have heard so much, all together. */
  #allHear(bytes: number): Promise<void> {
    this.#leftBytes = bytes;
    this.#heard = Promise.withResolvers();
    const alarm = setTimeout(
      () => this.#heard.reject(new Error(`${this.#leftBytes} bytes are missing`)),
      HEARD_MS,
    );
    return this.#heard.promise.finally(() => clearTimeout(alarm));
  }

  #hear(talker: Talker, bytes: Buffer): void {
    let run = talker.lines.push(bytes);
    if (run === undefined) return;
    if (!talker.isHere) run = run.subarray(HISTORY_END.length);
    talker.isHere = true;
    const nowMs = performance.now();
    for (let at = 0; this.#note && at < run.length; at += LINE_BYTES) {
      const number = Buffer.from(run.buffer, run.byteOffset + at, NUMBER_LENGTH).toString("latin1");
      this.#note(nowMs - (this.#dueMs[Number(number)] ?? Number.NaN));
    }
    this.#leftBytes -= run.length;
    if (this.#leftBytes === 0) this.#heard.resolve();
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
