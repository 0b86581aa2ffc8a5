/**
 * A simulated stream, and the connections to it, with the weather of a network between: commands and
 * replies are on their way for any time, in order; a connection breaks between any two of them; what
 * was sent before it broke may still be done, much later; the stream stands still, refuses, and forgets.
 */

import { ENTRY_BYTES } from "../../../lib/redis/peers.ts";
import {
  compareIds,
  type Entry,
  type Joining,
  type KeptMax,
  type NewEntry,
  type Progress,
  START,
  type States,
  type StreamLink,
  type Trouble,
} from "../../../lib/redis/stream.ts";
import { Violation } from "../seat.ts";
import { isNotice, linesOf } from "./seat.ts";

/** An answer that is so late is given up. */
const LATE_MS = 5_000;

/** An entry, with the one before it: the truth, whatever the stream has forgotten since. */
export interface Placed extends Omit<Entry, "lines"> {
  readonly lines: string;
  readonly before: Placed | undefined;
  /** When that was, on a clock that never jumps. */
  readonly atMs: number;
  /** Whether its server leaves with it. */
  readonly isLast: boolean;
}

/** What the stream knows; it is replaced and not changed. */
export interface Memory {
  readonly entries: readonly Placed[];
  readonly last: Placed | undefined;
  /** By their names, `number read`. */
  readonly servers: States;
  /** The server where each name is. */
  readonly names: ReadonlyMap<string, string>;
}

/** What one knows that has forgotten everything. */
export const BLANK: Memory = { entries: [], last: undefined, servers: new Map(), names: new Map() };

/** Why something was not done. */
type Refusal = readonly [Trouble, why: string];

export class SimulatedStream {
  /** All that was ever placed. */
  readonly placed: Placed[] = [];
  /** Until when it does nothing, and until when it takes no more, as one without memory does. */
  standsStillUntilMs = 0;
  isFullUntilMs = 0;
  /** By how much its clock is wrong. */
  clockOffMs = 0;
  /** How often it has forgotten something. */
  forgotten = 0;
  memory = BLANK;
  #sequence = 0;
  /** Of each server, since when it is known, and how far it has ever told that it has read. */
  readonly #sinceMs = new Map<string, number>();
  readonly #readAtMost = new Map<string, string>();

  constructor(
    readonly now: () => number,
    readonly kept: KeptMax,
  ) {}

  get standsStill(): boolean {
    return this.now() < this.standsStillUntilMs;
  }

  get isFull(): boolean {
    return this.now() < this.isFullUntilMs;
  }

  readAtMost(name: string): string {
    return this.#readAtMost.get(name) ?? START;
  }

  /** Knows only what it has known once. */
  forget(memory: Memory): void {
    this.forgotten++;
    this.memory = memory;
    // What a server had read by then may be more than is told here.
    for (const name of memory.servers.keys()) this.#sinceMs.set(name, this.now());
  }

  join({ by, instead, number, read, keys }: Joining): Placed | Refusal {
    const { names, last } = this.memory;
    const refusal = this.#refusalOf(by, read, (before) => before < number);
    if (refusal) return refusal;
    if (keys.some((key) => names.has(key) && names.get(key) !== by))
      return ["out of sync", "names are taken"];
    const from = read || (last?.id ?? START);
    if (instead !== "") this.#remove(instead);
    for (const key of keys) this.#give(key, by);
    this.#tell(by, number, from);
    this.#sinceMs.set(by, this.now());
    const entry = { by, number, read: from, runs: [], isPassing: false };
    return this.#place(entry, { isJoining: true });
  }

  add(entry: NewEntry): Refusal | undefined {
    const { by, tail, requests } = entry;
    const refusal = this.beat(entry);
    if (refusal) return refusal;
    const granted = requests.map((request) => this.#do(request, by)).join("");
    this.#trim(tail, entry.read);
    const isLast = requests.includes("leave");
    this.#place(entry, { granted, isLast });
    if (isLast) this.#remove(by);
    return undefined;
  }

  beat({ by, number, read }: Progress): Refusal | undefined {
    const refusal = this.#refusalOf(by, read, (before) => before === number - 1);
    if (!refusal) this.#tell(by, number, read);
    return refusal;
  }

  /** The names that are free now, if the server was in this state. */
  drop(name: string, state: string): string[] | undefined {
    return this.memory.servers.get(name) === state ? this.#remove(name) : undefined;
  }

  after(id: string): readonly Placed[] {
    return this.memory.entries.filter((entry) => compareIds(entry.id, id) > 0);
  }

  #refusalOf(by: string, read: string, isExpected: (before: number) => boolean) {
    const forgotten: Refusal = ["out of sync", "forgotten"];
    if (compareIds(read, this.memory.last?.id ?? START) > 0) return forgotten;
    const away: Refusal = ["redis is away", "considered down"];
    const before = Number.parseInt(this.memory.servers.get(by) ?? "-1", 10);
    return isExpected(before) ? undefined : away;
  }

  #tell(by: string, number: number, read: string): void {
    const servers = new Map(this.memory.servers).set(by, `${number} ${read}`);
    this.memory = { ...this.memory, servers };
    if (compareIds(read, this.readAtMost(by)) > 0) this.#readAtMost.set(by, read);
  }

  /** A name is a server's now, or nobody's. */
  #give(name: string, by?: string): void {
    const others = [...this.memory.names].filter(([other]) => other !== name);
    const names = new Map(by === undefined ? others : [...others, [name, by]]);
    this.memory = { ...this.memory, names };
  }

  /** A server is not there any more; returns the names that are free now. */
  #remove(server: string): string[] {
    const { servers, names } = this.memory;
    const others = [...servers].filter(([name]) => name !== server);
    this.memory = { ...this.memory, servers: new Map(others) };
    const freed = [...names].filter(([, owner]) => owner === server).map(([name]) => name);
    for (const name of freed) this.#give(name);
    return freed;
  }

  /** Does what is requested; returns whether it is granted, if it is a name to reserve. */
  #do(request: string, by: string): string {
    const [, what, key = ""] = /^(\w+) ?(.*)$/.exec(request) ?? [];
    const owner = this.memory.names.get(key);
    if (what === "release" && owner === by) this.#give(key);
    if (what !== "reserve") return "";
    if (owner !== undefined && owner !== by) return "0";
    this.#give(key, by);
    return "1";
  }

  /**
   * Forgets what is before an id, which has to be old or far back, and not to be read any more.
   *
   * @param read what the server has read that says so: history may be short if that was forgotten
   */
  #trim(tail: string, read: string): void {
    const { entries, servers } = this.memory;
    const rest = entries.filter(({ id }) => compareIds(id, tail) >= 0);
    const last = entries.at(-rest.length - 1);
    this.memory = { ...this.memory, entries: rest };
    if (last === undefined) return;
    const { bytes, ms, historyBytes } = this.kept;
    const restBytes = bytesOf(rest);
    const history = rest.filter(({ isPassing }) => !isPassing).map(({ lines }) => lines);
    const isShort = history.join("").length < historyBytes;
    const isCounted = this.forgotten === 0 || entries.some(({ id }) => id === read);
    if (isShort && isCounted && restBytes < Math.max(bytes, 4 * historyBytes))
      throw new Violation(`${last.id} is forgotten, and is history`);
    if (restBytes < bytes && this.now() - (rest[0] ?? last).atMs < ms)
      throw new Violation(`${last.id} is forgotten after ${this.now() - last.atMs} ms`);
    for (const [name, state] of servers) {
      const wasThere = (this.#sinceMs.get(name) ?? 0) < last.atMs;
      if (wasThere && compareIds(state.split(" ")[1] ?? START, last.id) < 0)
        throw new Violation(`${last.id} is forgotten before ${name} has read it`);
    }
  }

  #place(
    { by, number, read, runs, isPassing }: Omit<NewEntry, "tail" | "requests">,
    { granted = "", isLast = false, isJoining = false },
  ): Placed {
    const lines = Buffer.concat(runs).toString("latin1");
    for (const line of linesOf(lines))
      if (isNotice(line) !== isPassing) throw new Violation(`${line} has the wrong kind`);
    const before = this.memory.last;
    // Its clock may be set back; ids ascend all the same, while it remembers the last.
    const lastMs = Number.parseInt(before?.id ?? "1", 10);
    const id = `${Math.max(lastMs, Math.floor(this.now() + this.clockOffMs))}-${this.#sequence++}`;
    const entry = {
      ...{ id, after: before?.id ?? START, by, number, read, lines, isPassing, isJoining, granted },
      ...{ before, atMs: this.now(), isLast },
    };
    this.memory = { ...this.memory, entries: [...this.memory.entries, entry], last: entry };
    this.placed.push(entry);
    return entry;
  }
}

/** What entries take, about. */
export function bytesOf(entries: readonly Placed[]): number {
  return entries.reduce((sum, { lines }) => sum + lines.length + ENTRY_BYTES, 0);
}

/** What is to be known of a connection by what looks on. */
export interface Watcher {
  joined(by: string, entry: Placed, forgotten: number): void;
  /** This server has had another one considered down. */
  dropped(name: string): void;
  /** It is told which servers there are. */
  looks(servers: States): void;
  delivered(entries: readonly Placed[]): void;
}

/** A command on its way, and its answer once it was done. */
interface Question {
  readonly sinceMs: number;
  readonly ask: () => () => void;
  answer?: () => void;
}

export class SimulatedLink implements StreamLink {
  /** What was not answered yet, in order. */
  #questions: Question[] = [];
  /** What it waits for: the entries after one. */
  #reading: { after: string; sinceMs: number; done(entries: readonly Placed[]): void } | undefined;
  isClosed = false;
  /** Whether answers get lost on their way. */
  isMute = false;
  /** How many entries are on their way. */
  inFlight = 0;

  constructor(
    readonly stream: SimulatedStream,
    readonly onLost: (trouble: Trouble, why: string) => void,
    readonly watcher: Watcher,
  ) {}

  join(joining: Joining, done: (id: string, after: string, servers: States) => void): void {
    this.#ask(() => {
      const entry = this.stream.join(joining);
      if (!("id" in entry)) return () => this.onLost(...entry);
      const { forgotten, memory } = this.stream;
      return () => {
        this.watcher.joined(joining.by, entry, forgotten);
        this.watcher.looks(memory.servers);
        done(entry.id, entry.after, memory.servers);
      };
    });
  }

  add(entry: NewEntry): void {
    this.inFlight++;
    // It stays as it is only until it was handed on.
    const sent = { ...entry, runs: [Buffer.concat(entry.runs)] };
    this.#ask(() => {
      this.inFlight--;
      const refusal = this.stream.add(sent);
      return () => refusal && this.onLost(...refusal);
    });
  }

  beat(heartbeat: Progress, done: (last: string, servers: States) => void): void {
    this.#ask(() => {
      const refusal = this.stream.beat(heartbeat);
      if (refusal) return () => this.onLost(...refusal);
      const { last, servers } = this.stream.memory;
      return () => {
        this.watcher.looks(servers);
        done(last?.id ?? START, servers);
      };
    });
  }

  drop(name: string, state: string, done: (keys: readonly string[] | undefined) => void): void {
    this.#ask(() => {
      const keys = this.stream.drop(name, state);
      if (keys) this.watcher.dropped(name);
      return () => done(keys);
    });
  }

  /** Something that is done some time, if there is memory. */
  #ask(command: Question["ask"]): void {
    const ask = () => (this.stream.isFull ? () => this.onLost("redis is away", "OOM") : command());
    this.#questions.push({ sinceMs: this.stream.now(), ask });
  }

  read(after: string, by: string, done: (entries: readonly Entry[]) => void): void {
    const deliver = (entries: readonly Placed[]) => {
      this.watcher.delivered(entries);
      // One's own need not come back.
      const bytes = (entry: Placed) => Buffer.from(entry.by === by ? "" : entry.lines, "latin1");
      done(entries.map((entry) => ({ ...entry, lines: bytes(entry) })));
    };
    this.#reading = { after, sinceMs: this.stream.now(), done: deliver };
  }

  close(): void {
    this.isClosed = true;
  }

  /** It breaks: of what was sent, a part is still on its way. */
  cut(keep: number): void {
    this.#break("cut");
    this.#questions = this.#questions.filter(({ answer }) => !answer).slice(0, keep);
  }

  /** Time has passed: it is lost if an answer is late. */
  passed(): void {
    const sinceMs = Math.min(this.waitsSinceMs, this.#reading?.sinceMs ?? this.stream.now());
    if (this.stream.now() - sinceMs >= LATE_MS) this.#break("no answer for 5 s");
  }

  #break(why: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onLost("redis is away", why);
  }

  /** Since when the oldest of what was asked waits to be done, or to be answered. */
  get waitsSinceMs(): number {
    return this.#questions[0]?.sinceMs ?? this.stream.now();
  }

  /** Whether it gets answers. */
  get isInUse(): boolean {
    return !this.isClosed && !this.isMute;
  }

  get isOver(): boolean {
    return this.isClosed && this.#questions.every(({ answer }) => answer);
  }

  /** The stream does the next thing that was asked; returns whether there was one. */
  work(): boolean {
    const question = this.#questions.find(({ answer }) => !answer);
    if (question === undefined || this.stream.standsStill) return false;
    question.answer = question.ask();
    return true;
  }

  /** An answer arrives, with so many entries at most; returns whether there was one. */
  answer(entriesMax: number): boolean {
    if (!this.isInUse) return false;
    const answer = this.#questions[0]?.answer;
    if (answer === undefined) return this.#answerReading(entriesMax);
    this.#questions.shift();
    answer();
    return true;
  }

  #answerReading(entriesMax: number): boolean {
    if (!this.#reading || this.stream.standsStill) return false;
    const { after, sinceMs, done } = this.#reading;
    const entries = this.stream.after(after).slice(0, entriesMax);
    if (entries.length === 0 && this.stream.now() - sinceMs < 1000) return false;
    this.#reading = undefined;
    done(entries);
    return true;
  }
}
