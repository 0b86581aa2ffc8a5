/**
 * The load generator, a process of its own: joins a crowd to a server, lets it
 * talk, checks what everybody hears, and prints what it measured as JSON.
 *
 *   bun test/bench/load.ts '{"port":8080,"pid":123,...}'
 */

import { cpus } from "node:os";

import { Client, dismissCrowd, gatherCrowd } from "./crowd.ts";
import { DIALECTS } from "./dialects.ts";
import { Histogram } from "./histogram.ts";
import { Receiver } from "./receiver.ts";
import type { Measurement } from "./report.ts";
import type { Load } from "./scenarios.ts";
import { writeScript } from "./script.ts";
import { usageOf } from "./usage.ts";

/** A script is so many bytes and lines at most, for one talker; the fewer, the more there are. */
const SCRIPT_BYTES = 4 << 20;
const SCRIPT_LINES = 1 << 16;
const SCRIPT_LINES_MIN = 64;
/** Nothing was heard for so long: what is missing is lost. */
const STALL_MS = 2_500;
/** What is on its way at the end is waited for so long, if it keeps coming. */
const DRAIN_MS = 10_000;
/** A server that many lines behind a steady pace does not keep it. */
const BEHIND_LINES_MAX = 2_000;
const TICK_MS = 5;
/** A talker of many whom the server slows down keeps so many lines back at most. */
const PENDING_LINES_MAX = 16;

/** What had been done by some moment; processor times are in ms. */
interface Snapshot {
  atMs: number;
  deliveredLines: number;
  serverCpuMs: number;
  loadCpuMs: number;
  /** What all processors have worked since the machine started. */
  allCpusMs: number;
}

/** What came of a load that could not begin. */
export function noMeasurement(problem: string): Measurement {
  return {
    ...{ problem, clients: 0, deliveredPerSecond: 0, serverShare: 0, loadShare: 0 },
    ...{ otherCpus: 0, emptyBytes: 0, idleBytes: 0 },
  };
}

/** Puts a load on a server. */
export async function measure(load: Load): Promise<Measurement> {
  try {
    return await new Flood(load).run();
  } catch (error) {
    return noMeasurement(error instanceof Error ? error.message : String(error));
  }
}

class Flood {
  readonly #load: Load;
  readonly #clients: readonly Client[];
  readonly #receivers: readonly Receiver[];
  /** How many hear each line. */
  readonly #hearers: number;

  #problem: string | undefined;
  #isBehind = false;
  #saidLines = 0;
  #deliveredLines = 0;
  /** Whose turn it is to talk. */
  #turn = 0;
  /** Tells who waits that something was heard. */
  #wake: () => void = () => {};

  #startMs = 0;
  #heardMs = 0;
  #from: Snapshot | undefined;
  #to: Snapshot | undefined;

  readonly #latencies = new Histogram();
  /** When the lines of the script, of which all are on their way but the oldest, were due. */
  readonly #dueMs: Float64Array;

  constructor(load: Load) {
    const { talkers, listeners, lineBytes, windowLines } = load;
    const dialect = DIALECTS[load.dialect];
    const most = Math.floor(Math.min(SCRIPT_LINES, SCRIPT_BYTES / lineBytes) / talkers);
    const lines = Math.max(SCRIPT_LINES_MIN, most);
    if (talkers === 1 && lines < 2 * windowLines) throw new Error("the window is too wide");
    const scripts = Array.from({ length: talkers }, (_, talker) =>
      writeScript(dialect, talker, lineBytes, lines),
    );
    const ofListeners = Array<undefined>(listeners).fill(undefined);
    this.#load = load;
    this.#clients = [...ofListeners, ...scripts].map((script) => new Client(dialect, script));
    this.#receivers = this.#clients.map(
      (_, at) => new Receiver(dialect, scripts, Math.max(-1, at - listeners)),
    );
    this.#hearers = listeners + talkers - 1;
    this.#dueMs = new Float64Array(lines);
  }

  async run(): Promise<Measurement> {
    const { pid, lineBytes } = this.#load;
    const emptyBytes = usageOf(pid).residentBytes;
    const onClose = (reason: string) => (this.#problem ??= reason);
    await gatherCrowd(this.#clients, lineBytes, this.#load, onClose);
    for (const [at, client] of this.#clients.entries())
      client.onBytes = (bytes) => this.#hear(client, this.#receivers[at], bytes);
    const idleBytes = usageOf(pid).residentBytes;
    await this.#talk();
    // One that falls behind is not waited for: what it would have sent is told by its pace.
    if (!this.#isBehind) await this.#drain();
    dismissCrowd(this.#clients);
    const clients = this.#clients.length;
    const problem = this.#problem;
    return { ...this.#measured(), clients, emptyBytes, idleBytes, ...(problem && { problem }) };
  }

  #hear(client: Client, receiver: Receiver | undefined, bytes: Buffer): void {
    if (receiver === undefined || this.#problem !== undefined) return;
    const before = receiver.lines;
    try {
      receiver.hear(bytes, (answer) => void client.hearing?.write(answer));
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error);
      return;
    }
    this.#deliveredLines += receiver.lines - before;
    this.#heardMs = performance.now();
    if (this.#load.linesPerSecond > 0) this.#noteLatencies(before, receiver.lines);
    this.#wake();
  }

  #noteLatencies(before: number, after: number): void {
    if (this.#from === undefined || this.#to !== undefined) return;
    for (let line = before; line < after; line++) {
      const dueMs = this.#dueMs[line % this.#dueMs.length] ?? 0;
      if (dueMs >= this.#from.atMs) this.#latencies.add(this.#heardMs - dueMs);
    }
  }

  /** Says all there is to say; ends when the time is over, or with a problem. */
  async #talk(): Promise<void> {
    const { linesPerSecond, warmUpMs, measureMs } = this.#load;
    this.#startMs = performance.now();
    while (this.#to === undefined && this.#problem === undefined) {
      const nowMs = performance.now();
      if (nowMs - this.#startMs >= warmUpMs) this.#from ??= this.#look();
      if (this.#from && nowMs - this.#from.atMs >= measureMs) this.#to = this.#look();
      else if (linesPerSecond > 0) this.#sayWhatIsDue(nowMs);
      else this.#sayWhatFits();
      await this.#nextTurn();
    }
  }

  /** Waits for the end of a turn of the event loop that has brought something, but not for long. */
  #nextTurn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      clearTimeout(tick);
      this.#wake = () => {};
      setImmediate(resolve);
    };
    const tick = setTimeout(wake, TICK_MS);
    this.#wake = wake;
    // At a steady pace a timer would be late by up to 1 ms, so look all the time.
    if (this.#load.linesPerSecond > 0) wake();
    return promise;
  }

  #sayWhatFits(): void {
    const talkers = this.#clients.slice(this.#load.listeners);
    let left =
      Math.floor(this.#deliveredLines / this.#hearers) + this.#load.windowLines - this.#saidLines;
    const share = Math.ceil(left / talkers.length);
    for (let tries = talkers.length; tries > 0 && left > 0; tries--) {
      const talker = talkers[this.#turn++ % talkers.length];
      // One that is slowed down leaves its share to the others.
      if (!talker || (talkers.length > 1 && talker.pendingLines > PENDING_LINES_MAX)) continue;
      const lines = Math.min(share, left);
      talker.say(lines);
      left -= lines;
      this.#saidLines += lines;
    }
  }

  #sayWhatIsDue(nowMs: number): void {
    const intervalMs = 1000 / this.#load.linesPerSecond;
    const due = Math.floor((nowMs - this.#startMs) / intervalMs) + 1;
    const lines = due - this.#saidLines;
    if (lines <= 0) return;
    for (let line = this.#saidLines; line < due; line++)
      this.#dueMs[line % this.#dueMs.length] = this.#startMs + line * intervalMs;
    this.#saidLines = due;
    this.#clients.at(-1)?.say(lines);
    if (due - this.#deliveredLines / this.#hearers < BEHIND_LINES_MAX) return;
    this.#isBehind = true;
    this.#from ??= this.#look();
    this.#to = this.#look();
  }

  /** Waits until everybody has heard everything. */
  async #drain(): Promise<void> {
    const startMs = performance.now();
    const missing = () => this.#saidLines * this.#hearers - this.#deliveredLines;
    for (; missing() > 0 && this.#problem === undefined; await Bun.sleep(1)) {
      const nowMs = performance.now();
      if (nowMs - Math.max(startMs, this.#heardMs) > STALL_MS || nowMs - startMs > DRAIN_MS)
        this.#problem = `${missing()} lines had not come after ${Math.round(nowMs - startMs)} ms`;
    }
  }

  #look(): Snapshot {
    const { user, system } = process.cpuUsage();
    return {
      atMs: performance.now(),
      deliveredLines: this.#deliveredLines,
      serverCpuMs: usageOf(this.#load.pid).cpuMs,
      loadCpuMs: (user + system) / 1000,
      allCpusMs: cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0),
    };
  }

  #measured() {
    const to = this.#to ?? this.#look();
    const from = this.#from ?? to;
    const ms = Math.max(to.atMs - from.atMs, 1);
    const lines = to.deliveredLines - from.deliveredLines;
    const serverShare = (to.serverCpuMs - from.serverCpuMs) / ms;
    const loadShare = (to.loadCpuMs - from.loadCpuMs) / ms;
    const allShares = (to.allCpusMs - from.allCpusMs) / ms;
    const deliveredPerSecond = (lines / ms) * 1000;
    const otherCpus = Math.max(0, allShares - serverShare - loadShare);
    const speeds = { deliveredPerSecond, serverShare, loadShare, otherCpus };
    if (this.#load.linesPerSecond === 0) return speeds;
    const latenciesMs = [0.5, 0.99, 0.999].map((share) => this.#latencies.quantile(share));
    return { ...speeds, pace: deliveredPerSecond / this.#hearers, latenciesMs };
  }
}

if (import.meta.main) {
  const load: Load = JSON.parse(process.argv[2] ?? "{}");
  console.log(JSON.stringify(await measure(load)));
  process.exit(0);
}
