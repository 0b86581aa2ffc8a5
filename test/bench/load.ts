/**
 * The load generator, a process of its own: joins a crowd to a server, lets it
 * talk, checks what everybody hears, and prints what it measured as JSON.
 *
 *   bun test/bench/load.ts '{"port":8080,"pid":123,...}'
 */

import { cpus } from "node:os";

import { type Client, dismissCrowd, gatherCrowd } from "./crowd.ts";
import { type DialectName, DIALECTS } from "./dialects.ts";
import { Histogram } from "./histogram.ts";
import { ManyTalkersReceiver, OneTalkerReceiver } from "./receiver.ts";
import { writeScript } from "./script.ts";
import { type Usage, usageOf } from "./usage.ts";

/** What to do to which server. */
export interface Load {
  port: number;
  /** The server's process, to see what it uses. */
  pid: number;
  dialect: DialectName;
  tls: boolean;
  listeners: number;
  talkers: number;
  /** LF included. */
  lineBytes: number;
  /** How many lines may be on their way to the average receiver. */
  windowLines: number;
  /** Lines to say in a second whatever comes back; 0 for as many as the window lets through. */
  linesPerSecond: number;
  warmUpMs: number;
  measureMs: number;
}

/** What came of it. Speeds and shares are of the measured time only. */
export interface Measurement {
  /** What was wrong with what was heard; then the rest means little. */
  problem?: string;
  clients: number;
  /** Lines delivered in a second, one said to 100 being 100. */
  deliveredPerSecond: number;
  /** Of the measured time, in which the server and the load had a processor. */
  serverShare: number;
  loadShare: number;
  /** How many processors other programs kept busy meanwhile. */
  otherCpus: number;
  /** The server's resident memory before anybody came, and with everybody there. */
  emptyBytes: number;
  idleBytes: number;
  /** Only with `linesPerSecond`: from when a line was due to when a receiver had it; p50, p99, p99.9. */
  latenciesMs?: readonly number[];
  /** Only with `linesPerSecond`: lines a second that the average receiver heard. */
  pace?: number;
}

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

interface Snapshot {
  atMs: number;
  deliveredLines: number;
  server: Usage;
  loadCpuMs: number;
  /** What all processors have worked since the machine started. */
  allCpusMs: number;
}

/**
 * Puts a load on a server.
 *
 * @throws {Error} when it could not begin
 */
export function measure(load: Load): Promise<Measurement> {
  return new Flood(load).run();
}

class Flood {
  readonly #load: Load;
  #clients: Client[] = [];
  #talkers: Client[] = [];
  /** How many hear each line. */
  readonly #receivers: number;

  #problem: string | undefined;
  #behind = false;
  #dismissed = false;
  #saidLines = 0;
  #deliveredLines = 0;
  /** Whose turn it is to talk. */
  #turn = 0;

  #startMs = 0;
  #heardMs = 0;
  #from: Snapshot | undefined;
  #to: Snapshot | undefined;
  #pumping = false;

  readonly #latencies = new Histogram();
  /** When the lines of the script, of which all are on their way but the oldest, were due. */
  #dueMs = new Float64Array(0);

  constructor(load: Load) {
    this.#load = load;
    this.#receivers = load.listeners + load.talkers - 1;
  }

  async run(): Promise<Measurement> {
    const load = this.#load;
    const empty = usageOf(load.pid);
    await this.#gather();
    const idle = usageOf(load.pid);
    await this.#talk();
    // One that falls behind is not waited for: what it would have sent is told by its pace.
    if (!this.#behind) await this.#drain();
    this.#dismissed = true;
    dismissCrowd(this.#clients);
    return {
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      ...this.#measured(),
      clients: this.#clients.length,
      emptyBytes: empty.residentBytes,
      idleBytes: idle.residentBytes,
    };
  }

  async #gather(): Promise<void> {
    const load = this.#load;
    const dialect = DIALECTS[load.dialect];
    const lines = Math.max(
      SCRIPT_LINES_MIN,
      Math.floor(Math.min(SCRIPT_LINES, SCRIPT_BYTES / load.lineBytes) / load.talkers),
    );
    const scripts = Array.from({ length: load.talkers }, (_, talker) =>
      writeScript(dialect, talker, load.lineBytes, lines),
    );
    const [script] = scripts;
    if (script === undefined) throw new Error("nobody talks");
    if (load.talkers === 1 && lines < 2 * load.windowLines)
      throw new Error("the window is too wide");
    this.#dueMs = new Float64Array(lines);
    this.#clients = await gatherCrowd({
      port: load.port,
      tls: load.tls,
      dialect,
      scripts,
      listeners: load.listeners,
      lineBytes: load.lineBytes,
      onHear: (client, bytes) => this.#hear(client, bytes),
      onClose: (_, reason) => {
        if (!this.#dismissed) this.#problem ??= reason;
      },
    });
    this.#talkers = this.#clients.slice(load.listeners);
    for (const [index, client] of this.#clients.entries())
      client.receiver =
        load.talkers === 1
          ? new OneTalkerReceiver(dialect, script)
          : new ManyTalkersReceiver(dialect, scripts, load.lineBytes, index - load.listeners);
  }

  #hear(client: Client, bytes: Buffer): void {
    const { receiver } = client;
    if (receiver === undefined || this.#problem !== undefined) return;
    const before = receiver.lines;
    try {
      receiver.hear(bytes, client.answer);
    } catch (error) {
      this.#problem ??= error instanceof Error ? error.message : String(error);
      return;
    }
    this.#deliveredLines += receiver.lines - before;
    if (this.#load.linesPerSecond > 0) this.#noteLatencies(before, receiver.lines);
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(this.#pump);
  }

  #noteLatencies(before: number, after: number): void {
    if (this.#from === undefined) return;
    const nowMs = performance.now();
    for (let line = Math.floor(before); line < Math.floor(after); line++) {
      const dueMs = this.#dueMs[line % this.#dueMs.length] ?? 0;
      if (dueMs >= this.#from.atMs && this.#to === undefined) this.#latencies.add(nowMs - dueMs);
    }
  }

  /** Says all there is to say; ends when the time is over, or with a problem. */
  async #talk(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { linesPerSecond, warmUpMs, measureMs } = this.#load;
    this.#startMs = this.#heardMs = performance.now();
    const step = () => {
      const nowMs = performance.now();
      if (nowMs - this.#startMs >= warmUpMs) this.#from ??= this.#look();
      if (this.#from && nowMs - this.#from.atMs >= measureMs) this.#to ??= this.#look();
      if (this.#to || this.#problem !== undefined) {
        this.#onTurn = () => {};
        clearInterval(ticking);
        resolve();
      } else if (linesPerSecond > 0) {
        this.#sayWhatIsDue(nowMs);
        // A timer would be late by up to 1 ms, so look all the time.
        setImmediate(step);
      } else {
        this.#sayWhatFits();
      }
    };
    if (linesPerSecond === 0) this.#onTurn = step;
    const ticking = setInterval(step, linesPerSecond > 0 ? 60_000 : TICK_MS);
    step();
    await promise;
  }

  #onTurn: () => void = () => {};

  /** Runs once in a turn of the event loop that brought something. */
  readonly #pump = (): void => {
    this.#pumping = false;
    this.#heardMs = performance.now();
    this.#onTurn();
  };

  #sayWhatFits(): void {
    const { length } = this.#talkers;
    let left =
      Math.floor(this.#deliveredLines / this.#receivers) + this.#load.windowLines - this.#saidLines;
    const share = Math.ceil(left / length);
    for (let tries = length; tries > 0 && left > 0; tries--) {
      const talker = this.#talkers[this.#turn++ % length];
      // One that is slowed down leaves its share to the others.
      if (!talker || (length > 1 && talker.pendingLines > PENDING_LINES_MAX)) continue;
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
    this.#talkers[0]?.say(lines);
    if (due - this.#deliveredLines / this.#receivers < BEHIND_LINES_MAX) return;
    this.#behind = true;
    this.#from ??= this.#look();
    this.#to = this.#look();
  }

  /** Waits until everybody has heard everything. */
  async #drain(): Promise<void> {
    const startMs = performance.now();
    this.#heardMs = Math.max(this.#heardMs, startMs);
    while (this.#missing() > 0 && this.#problem === undefined) {
      const nowMs = performance.now();
      if (nowMs - this.#heardMs > STALL_MS || nowMs - startMs > DRAIN_MS)
        this.#problem = `${this.#missing()} lines had not come after ${Math.round(nowMs - startMs)} ms`;
      await Bun.sleep(1);
    }
  }

  #missing(): number {
    return Math.ceil(this.#saidLines * this.#receivers - this.#deliveredLines);
  }

  #look(): Snapshot {
    const { user, system } = process.cpuUsage();
    return {
      atMs: performance.now(),
      deliveredLines: this.#deliveredLines,
      server: usageOf(this.#load.pid),
      loadCpuMs: (user + system) / 1000,
      allCpusMs: cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0),
    };
  }

  #measured() {
    const to = this.#to ?? this.#look();
    const from = this.#from ?? to;
    const ms = Math.max(to.atMs - from.atMs, 1);
    const lines = to.deliveredLines - from.deliveredLines;
    const serverMs = to.server.cpuMs - from.server.cpuMs;
    const loadMs = to.loadCpuMs - from.loadCpuMs;
    const speeds = {
      deliveredPerSecond: (lines / ms) * 1000,
      serverShare: serverMs / ms,
      loadShare: loadMs / ms,
      otherCpus: Math.max(0, (to.allCpusMs - from.allCpusMs - serverMs - loadMs) / ms),
    };
    if (this.#load.linesPerSecond === 0) return speeds;
    return {
      ...speeds,
      pace: speeds.deliveredPerSecond / this.#receivers,
      latenciesMs: [0.5, 0.99, 0.999].map((share) => this.#latencies.quantile(share)),
    };
  }
}

if (import.meta.main) {
  const load: Load = JSON.parse(process.argv[2] ?? "{}");
  const measurement = await measure(load).catch((error: Error) => ({ problem: error.message }));
  console.log(JSON.stringify(measurement));
  process.exit(0);
}
