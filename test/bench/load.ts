/**
 * The load generator, a process of its own: joins a crowd to a server, lets it
 * talk, checks what everybody receives, and prints what it measured as JSON.
 *
 *   bun test/bench/load.ts '{"port":8080,"pid":123,...}'
 */

import { cpus } from "node:os";
import { setImmediate as nextTurn } from "node:timers/promises";

import { Client, gatherCrowd } from "./crowd.ts";
import { DIALECTS } from "./dialects.ts";
import { Histogram } from "./histogram.ts";
import { Receiver } from "./receiver.ts";
import type { Outcome } from "./report.ts";
import type { Load } from "./scenarios.ts";
import { Script } from "./script.ts";
import { usageOf } from "./usage.ts";

/** All talkers together have so many bytes to send, over and over, and each so many lines at least. */
const SCRIPT_BYTES = 4 << 20;
const LINES_MIN = 64;
/** Nothing was received for so long: what is missing is lost. */
const STALL_MS = 2_500;
/** A server that is so far behind a steady pace does not keep it. */
const BEHIND_MS = 1_500;
const TICK_MS = 5;
const LOSES = "loses or breaks lines";

/** A load on a server. */
export class Flood {
  readonly #load: Load;
  readonly #clients: readonly Client[];
  /** What each of them receives. */
  readonly #receivers: Receiver[] = [];
  readonly #lineBytes: number;
  /** How many receive each line. */
  readonly #hearers: number;

  /** What was wrong first. */
  #failure: Outcome | undefined;
  #sentLines = 0;
  #deliveredLines = 0;
  /** Whose turn it is to talk. */
  #turn = 0;
  /** Called when something was received. */
  #wake: () => void = () => {};

  #startMs = 0;
  #heardMs = 0;
  readonly #latencies = new Histogram();

  constructor(load: Load) {
    const { talkers, listeners, lineBytes, windowLines } = load;
    const dialect = DIALECTS[load.dialect];
    const lines = Math.max(LINES_MIN, Math.floor(SCRIPT_BYTES / lineBytes / talkers));
    // With a wider one, a line that is lost could be taken for that of the next time.
    if (talkers === 1 && lines < 2 * windowLines) throw new Error("the window is too wide");
    const script = new Script(dialect, talkers, lines, lineBytes);
    this.#load = load;
    this.#lineBytes = script.sentBytes;
    this.#hearers = listeners + talkers - 1;
    this.#clients = Array.from({ length: listeners + talkers }, (_, at) => {
      const talker = at < listeners ? undefined : at - listeners;
      this.#receivers.push(new Receiver(dialect, script, talker));
      return new Client(dialect, talker === undefined ? undefined : script.sentBy(talker));
    });
  }

  async run(): Promise<Outcome> {
    const { pid, lineBytes, warmUpMs, measureMs } = this.#load;
    const emptyBytes = usageOf(pid).residentBytes;
    await gatherCrowd(this.#clients, lineBytes, this.#load);
    for (const [at, client] of this.#clients.entries())
      client.onBytes = (bytes) => this.#receive(this.#receivers[at], bytes);
    const idleBytes = (usageOf(pid).residentBytes - emptyBytes) / this.#clients.length;

    this.#startMs = performance.now();
    await this.#sendFor(warmUpMs);
    const from = this.#look();
    await this.#sendFor(measureMs);
    const to = this.#look();
    await this.#drain();
    for (const client of this.#clients) client.leave();

    const per = (what: keyof typeof to) => (to[what] - from[what]) / (to.atMs - from.atMs);
    const [serverShare, loadShare] = [per("serverCpuMs"), per("loadCpuMs")];
    const otherCpus = Math.max(0, per("allCpusMs") - serverShare - loadShare);
    const latenciesMs = [0.5, 0.99, 0.999].map((share) => this.#latencies.quantile(share));
    const speeds = { deliveredPerSecond: per("deliveredLines") * 1000, serverShare, loadShare };
    return this.#failure ?? { figures: { ...speeds, otherCpus, idleBytes, latenciesMs } };
  }

  #fail(cell: string, why: string): void {
    this.#failure ??= { cell, why };
  }

  #receive(receiver: Receiver | undefined, bytes: Buffer): void {
    if (receiver === undefined || this.#failure !== undefined) return;
    const before = receiver.lines;
    try {
      receiver.receive(bytes);
    } catch (error) {
      this.#fail(LOSES, error instanceof Error ? error.message : String(error));
    }
    this.#deliveredLines += receiver.lines - before;
    this.#heardMs = performance.now();
    if (this.#load.linesPerSecond > 0) this.#noteLatencies(before, receiver.lines);
    this.#wake();
  }

  #noteLatencies(before: number, after: number): void {
    const { linesPerSecond, warmUpMs } = this.#load;
    const first = (warmUpMs * linesPerSecond) / 1000;
    for (let line = Math.max(before, first); line < after; line++)
      this.#latencies.add(this.#heardMs - this.#dueMs(line));
  }

  /** When a line is due at a steady pace. */
  #dueMs(line: number): number {
    return this.#startMs + (line * 1000) / this.#load.linesPerSecond;
  }

  /** Sends for so long all there is to send, unless something goes wrong. */
  async #sendFor(ms: number): Promise<void> {
    const isSteady = this.#load.linesPerSecond > 0;
    const endMs = performance.now() + ms;
    const ticks = setInterval(() => this.#wake(), TICK_MS);
    while (performance.now() < endMs && this.#failure === undefined) {
      if (isSteady) this.#sendWhatIsDue(performance.now());
      else this.#sendWhatFits();
      // At a steady pace a timer would be late by up to 1 ms, so look all the time.
      if (!isSteady) await new Promise<void>((resolve) => (this.#wake = resolve));
      await nextTurn();
    }
    clearInterval(ticks);
  }

  #sendWhatFits(): void {
    const { talkers, listeners, windowLines } = this.#load;
    let left = Math.floor(this.#deliveredLines / this.#hearers) + windowLines - this.#sentLines;
    for (const share = Math.ceil(left / talkers); left > 0; left -= share)
      this.#send(listeners + (this.#turn++ % talkers), Math.min(share, left));
  }

  #sendWhatIsDue(nowMs: number): void {
    const { linesPerSecond, listeners } = this.#load;
    const due = Math.floor(((nowMs - this.#startMs) * linesPerSecond) / 1000) + 1;
    if (due > this.#sentLines) this.#send(listeners, due - this.#sentLines);
    const behindMs = nowMs - this.#dueMs(this.#deliveredLines / this.#hearers);
    if (behindMs > BEHIND_MS) this.#fail("falls behind", `by ${Math.round(behindMs)} ms`);
  }

  #send(client: number, lines: number): void {
    this.#clients[client]?.send(lines * this.#lineBytes);
    this.#sentLines += lines;
  }

  /** Waits until everybody has received everything. */
  async #drain(): Promise<void> {
    const startMs = performance.now();
    const missing = () => this.#sentLines * this.#hearers - this.#deliveredLines;
    for (; missing() > 0 && this.#failure === undefined; await Bun.sleep(1))
      if (performance.now() - Math.max(startMs, this.#heardMs) > STALL_MS)
        this.#fail(LOSES, `${missing()} lines did not come`);
  }

  /** What has been done by now; processor times are in ms. */
  #look() {
    const { user, system } = process.cpuUsage();
    return {
      atMs: performance.now(),
      deliveredLines: this.#deliveredLines,
      serverCpuMs: usageOf(this.#load.pid).cpuMs,
      loadCpuMs: (user + system) / 1000,
      allCpusMs: cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0),
    };
  }
}

if (import.meta.main) {
  const load: Load = JSON.parse(process.argv[2] ?? "{}");
  console.log(JSON.stringify(await new Flood(load).run()));
  process.exit(0);
}
