/**
 * A simulated stream, with the weather of a network before it: commands and replies
 * are on their way for any time, in order; a connection breaks between any two of
 * them; what was sent before it broke may still be done, much later; the stream
 * stands still, refuses, and forgets.
 */

import type { Claim } from "../../../lib/redis/claims.ts";
import {
  compareIds,
  type Entry,
  Forgotten,
  GONE,
  type Readings,
  type Saying,
  START,
  type StreamEvents,
  type StreamLink,
} from "../../../lib/redis/stream.ts";

/** An entry, with the one before it: the truth, whatever the stream has forgotten since. */
export interface Placed extends Entry {
  readonly before: Placed | undefined;
}

interface Memory {
  entries: Placed[];
  last: Placed | undefined;
  servers: Map<string, { number: number; read: string }>;
  /** By whom each name was given, under which number; and the last number of each server. */
  names: Map<string, { server: string; number: number }>;
  numbers: Map<string, number>;
}

/** What the stream does in one step, and what it answers. */
type Command = () => (events: StreamEvents) => void;

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
  #memory: Memory = {
    entries: [],
    last: undefined,
    servers: new Map(),
    names: new Map(),
    numbers: new Map(),
  };
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

  /** How far each server that is known has ever said that it has read. */
  get readingsAtMost(): Readings {
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

  /** The servers that have given names. */
  get names(): ReadonlyMap<string, { readonly server: string }> {
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
    const nothing = { servers: new Map(), names: new Map(), numbers: new Map() };
    this.restore({ entries: [], last: undefined, ...nothing });
  }

  /** One key of it is gone, and all others are there. */
  forgetNames(): void {
    this.restore({ ...this.#memory, names: new Map(), numbers: new Map() });
  }

  join(by: string, instead: string): Placed {
    const { servers } = this.#memory;
    const leave = { number: 0, read: GONE, tail: START, claimed: 0, lines: "" };
    if (servers.delete(instead)) this.#add({ by: instead, ...leave });
    const entry = this.#add({ by, number: 1, read: START, tail: START, claimed: 0, lines: "" });
    servers.set(by, { number: 1, read: entry.id });
    return entry;
  }

  get readings(): Readings {
    return new Map(Array.from(this.#memory.servers, ([name, { read }]) => [name, read]));
  }

  /** @throws {Forgotten} if something before it is missing */
  say(saying: Saying): Placed | undefined {
    const { by, number, read, tail, claimed } = saying;
    const { servers, numbers } = this.#memory;
    const before = servers.get(by)?.number ?? 0;
    if (number <= before) return this.last;
    if (number > before + 1) throw new Forgotten(`number ${number} comes after ${before}`);
    if (claimed > (numbers.get(by) ?? 0)) throw new Forgotten("a name");
    this.#memory.entries = this.#memory.entries.filter(({ id }) => compareIds(id, tail) >= 0);
    const entry = this.#add(saying);
    if (read === GONE) servers.delete(by);
    else servers.set(by, { number, read });
    return entry;
  }

  /** @throws {Forgotten} if something before it is missing */
  claim({ number, what, key }: Claim, server: string): boolean {
    const { names, numbers, servers } = this.#memory;
    const owner = names.get(key);
    const before = numbers.get(server) ?? 0;
    if (number <= before) return owner?.server === server && owner.number === number;
    if (number > before + 1) throw new Forgotten("a name");
    numbers.set(server, number);
    if (what === "release") {
      if (owner?.server === server) names.delete(key);
      return false;
    }
    if (owner !== undefined && owner.server !== server && servers.has(owner.server)) return false;
    names.set(key, { server, number });
    return true;
  }

  drop(server: string): void {
    this.#memory.servers.delete(server);
  }

  after(id: string): Placed[] {
    return this.#memory.entries.filter((entry) => compareIds(entry.id, id) > 0);
  }

  #add({ by, number, read, lines }: Saying): Placed {
    const before = this.#memory.last;
    const id = `${Math.floor(this.now()) + 1}-${this.#sequence++}`;
    const entry = { id, after: before?.id ?? START, by, number, read, lines, before };
    this.#memory.last = entry;
    this.#memory.entries.push(entry);
    this.placed.push(entry);
    const most = this.#most.get(by) ?? id;
    this.#most.set(by, number > 1 && read !== GONE && compareIds(read, most) > 0 ? read : most);
    return entry;
  }
}

function copyOf({ entries, last, servers, names, numbers }: Memory): Memory {
  const maps = { servers: new Map(servers), names: new Map(names), numbers: new Map(numbers) };
  return { entries: [...entries], last, ...maps };
}

/** What a world wants to know of a connection. */
export interface Watcher {
  joined(by: string, entry: Placed, forgotten: number): void;
  delivered(entries: readonly Entry[]): void;
}

export class SimulatedLink implements StreamLink {
  readonly #stream: SimulatedStream;
  readonly #events: StreamEvents;
  readonly #watcher: Watcher;
  /** On their way there, and answers on their way back. */
  readonly #commands: Command[] = [];
  readonly #answers: ((events: StreamEvents) => void)[] = [];
  #reading: { after: string; sinceMs: number } | undefined;
  #isOpen = false;
  isClosed = false;
  /** Whether it has said so. */
  isLost = false;
  /** Whether answers get lost on their way. */
  isMute = false;

  constructor(stream: SimulatedStream, events: StreamEvents, watcher: Watcher) {
    this.#stream = stream;
    this.#events = events;
    this.#watcher = watcher;
  }

  /** How many sayings are on their way. */
  inFlight = 0;

  join(by: string, instead: string): void {
    this.#commands.push(() => {
      const entry = this.#stream.join(by, instead);
      const { forgotten, readings } = this.#stream;
      return (events) => {
        this.#watcher.joined(by, entry, forgotten);
        events.onJoined(entry.id, readings, []);
      };
    });
  }

  say(saying: Saying): void {
    this.inFlight++;
    this.#commands.push(() => {
      this.inFlight--;
      return this.#say(saying);
    });
  }

  read(after: string): void {
    this.#reading = { after, sinceMs: this.#stream.now() };
  }

  claim(claim: Claim, by: string): void {
    this.#commands.push(() =>
      this.#answering(() => {
        const granted = this.#stream.claim(claim, by);
        return (events) => events.onClaimed(claim.number, granted);
      }),
    );
  }

  drop(server: string): void {
    this.#commands.push(() => {
      this.#stream.drop(server);
      return () => {};
    });
  }

  close(): void {
    this.isClosed = true;
  }

  /** It breaks: of what was said, a part is still on its way. */
  cut(keep: number): void {
    if (this.isClosed) return;
    this.#commands.splice(keep);
    this.isClosed = this.isLost = true;
    this.#events.onLost(new Error("cut"));
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
    if (answer) answer(this.#events);
    return answer !== undefined || this.#answerReading(entriesMax);
  }

  #open(): boolean {
    if (this.#stream.standsStill || this.isMute) return false;
    this.#isOpen = true;
    this.#events.onOpen();
    return true;
  }

  #answerReading(entriesMax: number): boolean {
    if (!this.#reading || this.isMute || this.#stream.standsStill) return false;
    const { after, sinceMs } = this.#reading;
    const entries = this.#stream.after(after).slice(0, entriesMax);
    if (entries.length === 0 && this.#stream.now() - sinceMs < 1000) return false;
    this.#reading = undefined;
    this.#watcher.delivered(entries);
    this.#events.onEntries(entries);
    return true;
  }

  #say(saying: Saying): (events: StreamEvents) => void {
    return this.#answering(() => {
      if (this.#stream.isFull) throw new Error("OOM");
      const entry = this.#stream.say(saying);
      return (events) => events.onSaid(entry?.id ?? START);
    });
  }

  /** What it answers; if it throws, that it is of no use any more. */
  #answering(command: Command): (events: StreamEvents) => void {
    try {
      return command();
    } catch (error) {
      return (events) => {
        this.isLost = true;
        events.onLost(error as Error); // thrown just above
      };
    }
  }
}
