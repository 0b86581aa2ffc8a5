/**
 * A simulated stream, with the weather of a network before it: commands and replies
 * are on their way for any time, in order; a connection breaks between any two of
 * them; what was sent before it broke may still be done, much later; the stream
 * stands still, refuses, and forgets.
 */

import {
  compareIds,
  type Entry,
  GONE,
  type Joined,
  type NewEntry,
  START,
  type StreamLink,
  type Trouble,
} from "../../../lib/redis/stream.ts";
import { Violation } from "../state.ts";

/** An entry, with the one before it: the truth, whatever the stream has forgotten since. */
export interface Placed extends Entry {
  readonly before: Placed | undefined;
}

interface Memory {
  entries: Placed[];
  last: Placed | undefined;
  servers: Map<string, { number: number; read: string }>;
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
  now: () => number;
  #standsStill = false;
  /** When it was seen to stand still last. */
  stoodStillAtMs = -1e9;
  /** And from when on. */
  stoodStillFromMs = -1e9;
  /** Whether it takes no more, as one without memory does. */
  isFull = false;
  /** How often it has forgotten something. */
  forgotten = 0;
  #memory: Memory = { entries: [], last: undefined, servers: new Map(), names: new Map() };
  #sequence = 0;
  readonly #most = new Map<string, string>();

  constructor(now: () => number) {
    this.now = now;
  }

  get entries(): readonly Placed[] {
    return this.#memory.entries;
  }

  get last(): Placed | undefined {
    return this.#memory.last;
  }

  /** How far each server that is known has ever told that it has read. */
  get readingsAtMost(): ReadonlyMap<string, string> {
    return new Map(
      Array.from(this.readings, ([name, read]) => [name, this.#most.get(name) ?? read]),
    );
  }

  get standsStill(): boolean {
    if (this.#standsStill) this.stoodStillAtMs = this.now();
    return this.#standsStill;
  }

  set standsStill(stands: boolean) {
    if (this.#standsStill) this.stoodStillAtMs = this.now();
    else if (stands) this.stoodStillFromMs = this.now();
    this.#standsStill = stands;
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
  }

  flushAll(): void {
    this.restore({ entries: [], last: undefined, servers: new Map(), names: new Map() });
  }

  join(by: string, instead: string): Placed {
    const { servers } = this.#memory;
    const empty = { tail: START, lines: "", isPassing: false, requests: [] };
    if (servers.delete(instead)) this.#add({ by: instead, number: 0, read: GONE, ...empty });
    const entry = this.#add({ by, number: 1, read: START, ...empty });
    servers.set(by, { number: 1, read: entry.id });
    return entry;
  }

  get readings(): ReadonlyMap<string, string> {
    return new Map(Array.from(this.#memory.servers, ([name, { read }]) => [name, read]));
  }

  /** Returns why not, if something before it is missing. */
  add(entry: NewEntry): string | undefined {
    const { by, number, read, tail, requests } = entry;
    const { servers } = this.#memory;
    const before = servers.get(by)?.number ?? 0;
    if (number <= before) return undefined;
    if (number > before + 1) return `number ${number} comes after ${before}`;
    const granted = requests.map((request) => this.#do(request, by)).join("");
    this.#memory.entries = this.#memory.entries.filter(({ id }) => compareIds(id, tail) >= 0);
    this.#add(entry, granted);
    if (read === GONE) servers.delete(by);
    else servers.set(by, { number, read });
    return undefined;
  }

  /** Does what is requested; returns whether it is granted, if it is a name to reserve. */
  #do(request: string, by: string): string {
    const { names, servers } = this.#memory;
    const [what, key = ""] = request.split(" ");
    const owner = names.get(key);
    if (what === "drop") servers.delete(key);
    if (what === "release" && owner === by) names.delete(key);
    if (what !== "reserve") return "";
    if (owner !== undefined && owner !== by && servers.has(owner)) return "0";
    names.set(key, by);
    return "1";
  }

  after(id: string): Placed[] {
    return this.#memory.entries.filter((entry) => compareIds(entry.id, id) > 0);
  }

  #add({ by, number, read, lines, isPassing }: NewEntry, granted = ""): Placed {
    for (const line of lines.match(/[^\n]*\n/g) ?? [])
      if (isNotice(line) !== isPassing) throw new Violation(`${line} has the wrong kind`);
    const before = this.#memory.last;
    const id = `${Math.floor(this.now()) + 1}-${this.#sequence++}`;
    const after = before?.id ?? START;
    const entry = { id, after, by, number, read, lines, isPassing, granted, before };
    this.#memory.last = entry;
    this.#memory.entries.push(entry);
    this.placed.push(entry);
    const most = this.#most.get(by) ?? id;
    this.#most.set(by, number > 1 && read !== GONE && compareIds(read, most) > 0 ? read : most);
    return entry;
  }
}

function copyOf({ entries, last, servers, names }: Memory): Memory {
  return { entries: [...entries], last, servers: new Map(servers), names: new Map(names) };
}

/** Whether a line is a join or leave notice. */
export function isNotice(line: string): boolean {
  return line.startsWith("* ");
}

/** What a world wants to know of a connection. */
export interface Watcher {
  joined(by: string, entry: Placed, forgotten: number): void;
  delivered(entries: readonly Entry[]): void;
}

export class SimulatedLink implements StreamLink {
  readonly #stream: SimulatedStream;
  readonly #onOpen: () => void;
  readonly #onLost: (trouble: Trouble, why: string) => void;
  readonly #watcher: Watcher;
  /** On their way there, and answers on their way back. */
  readonly #commands: Command[] = [];
  readonly #answers: (() => void)[] = [];
  /** When each answer that is due was asked for, that of opening first. */
  readonly #askedAtMs: number[] = [];
  #reading:
    { after: string; sinceMs: number; done: (entries: readonly Entry[]) => void } | undefined;
  #isOpen = false;
  isClosed = false;
  /** Whether it has said so. */
  isLost = false;
  /** Whether answers get lost on their way. */
  isMute = false;

  constructor(
    stream: SimulatedStream,
    onOpen: () => void,
    onLost: (trouble: Trouble, why: string) => void,
    watcher: Watcher,
  ) {
    this.#stream = stream;
    this.#onOpen = onOpen;
    this.#onLost = onLost;
    this.#watcher = watcher;
    this.#askedAtMs.push(stream.now());
  }

  /** How many entries are on their way. */
  inFlight = 0;

  join(by: string, instead: string, done: (joined: Joined) => void): void {
    this.#askedAtMs.push(this.#stream.now());
    this.#commands.push(() => {
      const others = new Map(this.#stream.readings);
      others.delete(instead);
      const entry = this.#stream.join(by, instead);
      const { forgotten } = this.#stream;
      return () => {
        this.#watcher.joined(by, entry, forgotten);
        done({ id: entry.id, others, history: [] });
      };
    });
  }

  add(entry: NewEntry, done: () => void): void {
    this.inFlight++;
    this.#askedAtMs.push(this.#stream.now());
    this.#commands.push(() => {
      this.inFlight--;
      return this.#add(entry, done);
    });
  }

  read(after: string, done: (entries: readonly Entry[]) => void): void {
    this.#reading = { after, sinceMs: this.#stream.now(), done };
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

  /** Whether it is open, and gets answers. */
  get isInUse(): boolean {
    return this.#isOpen && !this.isClosed && !this.isMute;
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
    if (!this.#isOpen) return this.#open();
    const answer = this.#answers.shift();
    if (answer) this.#askedAtMs.shift();
    answer?.();
    return answer !== undefined || this.#answerReading(entriesMax);
  }

  #open(): boolean {
    if (this.#stream.standsStill || this.isMute) return false;
    this.#isOpen = true;
    this.#askedAtMs.shift();
    this.#onOpen();
    return true;
  }

  #answerReading(entriesMax: number): boolean {
    if (!this.#reading || this.isMute || this.#stream.standsStill) return false;
    const { after, sinceMs, done } = this.#reading;
    const entries = this.#stream.after(after).slice(0, entriesMax);
    if (entries.length === 0 && this.#stream.now() - sinceMs < 1000) return false;
    this.#reading = undefined;
    this.#watcher.delivered(entries);
    done(entries);
    return true;
  }

  /** Adds it; what it answers, or else that it is of no use any more. */
  #add(entry: NewEntry, done: () => void): () => void {
    if (this.#stream.isFull) return () => this.#lose("redis is away", "OOM");
    const why = this.#stream.add(entry);
    return why === undefined ? done : () => this.#lose("out of sync", why);
  }

  #lose(trouble: Trouble, why: string): void {
    this.isLost = true;
    this.#onLost(trouble, why);
  }
}
