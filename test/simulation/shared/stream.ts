/**
 * A simulated stream, with the weather of a network before it: commands and replies
 * are on their way for any time, in order; a connection breaks between any two of
 * them; what was sent before it broke may still be done, much later; the stream
 * stands still, refuses, and forgets.
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
import { linesOf } from "./seat.ts";

/** An entry, with the one before it: the truth, whatever the stream has forgotten since. */
export interface Placed extends Omit<Entry, "lines"> {
  readonly lines: string;
  readonly before: Placed | undefined;
  /** When that was, on a clock that never jumps. */
  readonly atMs: number;
  /** Whether its server leaves with it. */
  readonly isLast: boolean;
}

interface Memory {
  entries: Placed[];
  last: Placed | undefined;
  /** By their names, `number read`. */
  servers: Map<string, string>;
  /** The server where each name is. */
  names: Map<string, string>;
}

/** An answer that is so late is given up. */
const LATE_MS = 5_000;

/** What the stream does in one step, and what it answers. */
type Command = () => () => void;

export class SimulatedStream {
  /** All that was ever placed. */
  readonly placed: Placed[] = [];
  standsStill = false;
  /** Whether it takes no more, as one without memory does. */
  isFull = false;
  /** By how much its clock is wrong. */
  clockOffMs = 0;
  /** How often it has forgotten something. */
  forgotten = 0;
  #memory: Memory = { entries: [], last: undefined, servers: new Map(), names: new Map() };
  readonly #most = new Map<string, string>();
  #sequence = 0;
  /** Since when each server is known. */
  readonly #knownSinceMs = new Map<string, number>();

  constructor(
    readonly now: () => number,
    readonly kept: KeptMax,
  ) {}

  get entries(): readonly Placed[] {
    return this.#memory.entries;
  }

  get last(): Placed | undefined {
    return this.#memory.last;
  }

  /** How far a server has ever told that it has read. */
  readAtMost(name: string): string {
    return this.#most.get(name) ?? START;
  }

  /** The server where each name is. */
  get names(): ReadonlyMap<string, string> {
    return this.#memory.names;
  }

  snapshot(): Memory {
    return copyOf(this.#memory);
  }

  /** Is as it was. */
  restore(memory: Memory): void {
    this.forgotten++;
    this.#memory = copyOf(memory);
    // What a server had read by then may be more than is told here.
    for (const name of memory.servers.keys()) this.#knownSinceMs.set(name, this.now());
  }

  flushAll(): void {
    this.restore({ entries: [], last: undefined, servers: new Map(), names: new Map() });
  }

  /** It has no entries any more, and knows all else. */
  loseEntries(): void {
    this.restore({ ...this.#memory, entries: [] });
  }

  get servers(): States {
    return this.#memory.servers;
  }

  /** Returns why not, if a name is another's. */
  join({ by, instead, number, read, keys }: Joining): Placed | [Trouble, string] {
    const { names, last } = this.#memory;
    const trouble = this.#objection(by, read, (before) => before < number);
    if (trouble) return trouble;
    if (keys.some((key) => names.has(key) && names.get(key) !== by))
      return ["out of sync", "names are taken"];
    const from = read || (last?.id ?? START);
    if (instead !== "") this.#forget(instead);
    for (const key of keys) names.set(key, by);
    const entry = { by, number, read: from, runs: [], isPassing: false };
    this.#tell(by, number, from);
    const placed = this.#add(entry, "", { isJoining: true });
    this.#knownSinceMs.set(by, this.now());
    return placed;
  }

  /** Returns why not, if something before it is missing. */
  add(entry: NewEntry): [Trouble, string] | undefined {
    const { by, number, read, tail, requests } = entry;
    const trouble = this.#objection(by, read, (before) => before === number - 1);
    if (trouble) return trouble;
    const granted = requests.map((request) => this.#do(request, by)).join("");
    this.#tell(by, number, read);
    this.#trim(tail);
    this.#add(entry, granted, { isLast: requests.includes("leave") });
    if (requests.includes("leave")) this.#forget(by);
    return undefined;
  }

  /** Forgets what is before an id, which has to be old or far back, and not to be read any more. */
  #trim(tail: string): void {
    const { entries, servers } = this.#memory;
    const at = entries.findIndex(({ id }) => compareIds(id, tail) >= 0);
    const count = at < 0 ? entries.length : at;
    const rest = entries.slice(count);
    const last = entries[count - 1];
    this.#memory.entries = rest;
    if (last === undefined) return;
    const { bytes, historyBytes } = this.kept;
    const isFar = bytesOf(rest) >= bytes;
    const historyOf = (entries: readonly Placed[]) =>
      entries.reduce((sum, { lines, isPassing }) => sum + (isPassing ? 0 : lines.length), 0);
    if (historyOf(rest) < historyBytes && bytesOf(rest) < Math.max(bytes, 4 * historyBytes))
      throw new Violation(`${last.id} is forgotten, and is history`);
    if (!isFar && this.now() - (rest[0] ?? last).atMs < this.kept.ms)
      throw new Violation(`${last.id} is forgotten after ${this.now() - last.atMs} ms`);
    for (const [name, state] of servers) {
      const sinceMs = this.#knownSinceMs.get(name) ?? 0;
      const wasThere = sinceMs < last.atMs;
      if (wasThere && compareIds(state.split(" ")[1] ?? START, last.id) < 0)
        throw new Violation(`${last.id} is forgotten before ${name} has read it`);
    }
  }

  beat({ by, number, read }: Progress): [Trouble, string] | undefined {
    const trouble = this.#objection(by, read, (before) => before === number - 1);
    if (trouble) return trouble;
    this.#tell(by, number, read);
    return undefined;
  }

  /** The names that are free now, if it was in this state. */
  drop(name: string, state: string): string[] | undefined {
    return this.servers.get(name) === state ? this.#forget(name) : undefined;
  }

  #objection(by: string, read: string, isExpected: (before: number) => boolean) {
    const forgotten: [Trouble, string] = ["out of sync", "forgotten"];
    if (compareIds(read, this.last?.id ?? START) > 0) return forgotten;
    const away: [Trouble, string] = ["redis is away", "considered down"];
    const before = Number.parseInt(this.servers.get(by) ?? "-1", 10);
    return isExpected(before) ? undefined : away;
  }

  #tell(by: string, number: number, read: string): void {
    this.#memory.servers.set(by, `${number} ${read}`);
    const most = this.#most.get(by) ?? read;
    this.#most.set(by, compareIds(read, most) > 0 ? read : most);
  }

  #forget(server: string): string[] {
    const { names, servers } = this.#memory;
    servers.delete(server);
    const freed = [...names].filter(([, owner]) => owner === server).map(([name]) => name);
    for (const name of freed) names.delete(name);
    return freed;
  }

  /** Does what is requested; returns whether it is granted, if it is a name to reserve. */
  #do(request: string, by: string): string {
    const { names } = this.#memory;
    const [, what, key = ""] = /^(\w+) ?(.*)$/.exec(request) ?? [];
    const owner = names.get(key);
    if (what === "release" && owner === by) names.delete(key);
    if (what !== "reserve") return "";
    if (owner !== undefined && owner !== by) return "0";
    names.set(key, by);
    return "1";
  }

  after(id: string): Placed[] {
    return this.#memory.entries.filter((entry) => compareIds(entry.id, id) > 0);
  }

  #add(
    { by, number, read, runs, isPassing }: Omit<NewEntry, "tail" | "requests">,
    granted: string,
    { isLast = false, isJoining = false },
  ): Placed {
    const lines = Buffer.concat(runs).toString("latin1");
    for (const line of linesOf(lines))
      if (isNotice(line) !== isPassing) throw new Violation(`${line} has the wrong kind`);
    const before = this.#memory.last;
    // Its clock may be set back; ids ascend all the same, while it remembers the last.
    const lastMs = Number.parseInt(before?.id ?? "1", 10);
    const ms = Math.max(lastMs, Math.floor(this.now() + this.clockOffMs));
    const id = `${ms}-${this.#sequence++}`;
    const after = before?.id ?? START;
    const about = { id, after, by, number, read, lines, isPassing, isJoining, granted };
    const entry = { ...about, before, atMs: this.now(), isLast };
    this.#memory.last = entry;
    this.#memory.entries.push(entry);
    this.placed.push(entry);
    return entry;
  }
}

function copyOf({ entries, last, servers, names }: Memory): Memory {
  return { entries: [...entries], last, servers: new Map(servers), names: new Map(names) };
}

/** What entries take, about. */
export function bytesOf(entries: readonly Placed[]): number {
  return entries.reduce((sum, { lines }) => sum + lines.length + ENTRY_BYTES, 0);
}

/** Whether a line is a join or leave notice. */
export function isNotice(line: string): boolean {
  return line.startsWith("* ");
}

/** What a world wants to know of a connection. */
export interface Watcher {
  joined(by: string, entry: Placed, forgotten: number): void;
  /** This server has had another one considered down. */
  dropped(name: string): void;
  /** It is told which servers there are. */
  looks(servers: States): void;
  delivered(entries: readonly Placed[]): void;
}

export class SimulatedLink implements StreamLink {
  readonly #stream: SimulatedStream;
  readonly #onLost: (trouble: Trouble, why: string) => void;
  readonly #watcher: Watcher;
  /** On their way there, and answers on their way back. */
  readonly #commands: Command[] = [];
  readonly #answers: (() => void)[] = [];
  /** When each answer that is due was asked for. */
  readonly #askedAtMs: number[] = [];
  #reading:
    | {
        readonly after: string;
        readonly by: string;
        readonly sinceMs: number;
        readonly done: (entries: readonly Entry[]) => void;
      }
    | undefined;
  isClosed = false;
  /** Whether it has said so. */
  isLost = false;
  /** Whether answers get lost on their way. */
  isMute = false;
  /** How many entries are on their way. */
  inFlight = 0;

  constructor(
    stream: SimulatedStream,
    onLost: (trouble: Trouble, why: string) => void,
    watcher: Watcher,
  ) {
    this.#stream = stream;
    this.#onLost = onLost;
    this.#watcher = watcher;
  }

  /** Since when the oldest of what was asked waits to be done, or to be answered. */
  get waitsSinceMs(): number {
    return this.#askedAtMs[0] ?? this.#stream.now();
  }

  join(joining: Joining, done: (id: string, after: string, servers: States) => void): void {
    this.#ask(() => {
      const entry = this.#stream.join(joining);
      if (Array.isArray(entry)) return () => this.#lose(...entry);
      const { forgotten } = this.#stream;
      const servers = new Map(this.#stream.servers);
      return () => {
        this.#watcher.joined(joining.by, entry, forgotten);
        this.#watcher.looks(servers);
        done(entry.id, entry.after, servers);
      };
    });
  }

  add(entry: NewEntry): void {
    this.inFlight++;
    // It stays as it is only until it was handed on.
    const sent = { ...entry, runs: [Buffer.concat(entry.runs)] };
    this.#ask(() => {
      this.inFlight--;
      const trouble = this.#stream.add(sent);
      return () => trouble && this.#lose(...trouble);
    });
  }

  beat(heartbeat: Progress, done: (last: string, servers: States) => void): void {
    this.#ask(() => {
      const trouble = this.#stream.beat(heartbeat);
      if (trouble) return () => this.#lose(...trouble);
      const [last, servers] = [this.#stream.last?.id ?? START, new Map(this.#stream.servers)];
      return () => {
        this.#watcher.looks(servers);
        done(last, servers);
      };
    });
  }

  drop(name: string, state: string, done: (keys: readonly string[] | undefined) => void): void {
    this.#ask(() => {
      const keys = this.#stream.drop(name, state);
      if (keys) this.#watcher.dropped(name);
      return () => done(keys);
    });
  }

  /** A command, which is done some time, if there is memory. */
  #ask(command: Command): void {
    this.#askedAtMs.push(this.#stream.now());
    this.#commands.push(() =>
      this.#stream.isFull ? () => this.#lose("redis is away", "OOM") : command(),
    );
  }

  read(after: string, by: string, done: (entries: readonly Entry[]) => void): void {
    this.#reading = { after, by, sinceMs: this.#stream.now(), done };
  }

  close(): void {
    this.isClosed = true;
  }

  /** It breaks: of what was sent, a part is still on its way. */
  cut(keep: number): void {
    if (this.isClosed) return;
    this.#commands.splice(keep);
    this.isClosed = true;
    this.#lose("redis is away", "cut");
  }

  /** Time has passed: it is lost if an answer is late. */
  passed(): void {
    const lateMs = this.#stream.now() - LATE_MS;
    const times = [this.#askedAtMs[0], this.#reading?.sinceMs];
    if (this.isClosed || !times.some((ms) => ms !== undefined && ms <= lateMs)) return;
    this.isClosed = true;
    this.#lose("redis is away", "no answer for 5 s");
  }

  /** Whether it gets answers. */
  get isInUse(): boolean {
    return !this.isClosed && !this.isMute;
  }

  get isOver(): boolean {
    return this.isClosed && this.#commands.length === 0;
  }

  /** The stream does the next thing that was asked; returns whether there was one. */
  work(): boolean {
    if (this.#stream.standsStill) return false;
    const command = this.#commands.shift();
    if (command === undefined) return false;
    const answer = command();
    if (!this.isClosed && !this.isMute) this.#answers.push(answer);
    return true;
  }

  /** An answer arrives; returns whether there was one. */
  answer(entriesMax: number): boolean {
    if (this.isClosed) return false;
    const answer = this.#answers.shift();
    if (answer) this.#askedAtMs.shift();
    answer?.();
    return answer !== undefined || this.#answerReading(entriesMax);
  }

  #answerReading(entriesMax: number): boolean {
    if (!this.#reading || this.isMute || this.#stream.standsStill) return false;
    const { after, by, sinceMs, done } = this.#reading;
    const entries = this.#stream.after(after).slice(0, entriesMax);
    if (entries.length === 0 && this.#stream.now() - sinceMs < 1000) return false;
    this.#reading = undefined;
    this.#watcher.delivered(entries);
    // One's own need not come back.
    const bytesIn = ({ by: other, lines }: Placed) =>
      Buffer.from(other === by ? "" : lines, "latin1");
    done(entries.map((entry) => ({ ...entry, lines: bytesIn(entry) })));
    return true;
  }

  #lose(trouble: Trouble, why: string): void {
    this.isLost = true;
    this.#onLost(trouble, why);
  }
}
