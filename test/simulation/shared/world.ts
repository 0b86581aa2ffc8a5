/**
 * One seed makes one world of two or three servers that share a room over a stream.
 * The whole room is looked at: all members of all servers receive one order, each line
 * once, whatever the stream and its connections do; or are told that they do not.
 */

import { Random } from "../random.ts";
import { Violation } from "../seat.ts";
import { addSightings, type Sightings } from "../sightings.ts";
import { WorldFailure } from "../world.ts";
import { chooseEvents, chooseRules, type Event, type Surroundings } from "./rules.ts";
import { isNotice, linesOf, speakerOf } from "./seat.ts";
import { Server } from "./server.ts";
import { BLANK, type Placed, SimulatedStream } from "./stream.ts";

/** How long a world rests in the end, on its own clock. */
const REST_MS = 20_000;
/** A server that has reached the stream for so long must not be considered down. */
const UP_MS = 5_000;

/** @throws {WorldFailure} at the first promise that is not kept */
export function runSharedWorld(seed: number, trace?: (line: string) => void): Sightings {
  const world = new SharedWorld(seed, trace);
  try {
    world.run();
  } catch (cause) {
    throw new WorldFailure(seed, world.step, cause);
  }
  world.saw("worlds");
  return world.seen;
}

class SharedWorld implements Surroundings {
  readonly random: Random;
  readonly rules;
  readonly stream: SimulatedStream;
  readonly seen: Sightings = {};
  readonly trace: ((event: string) => void) | undefined;
  now = 0;
  step = 0;
  readonly #servers: Server[] = [];
  /** The numbers of those that were ever considered down. */
  readonly #dropped = new Set<string>();
  readonly #events: ReturnType<typeof chooseEvents>;
  /** What the stream has known once. */
  #saved = BLANK;

  constructor(seed: number, trace?: (line: string) => void) {
    this.random = new Random(seed);
    this.trace = trace && ((event) => trace(`${this.step}\t${this.now} ms\t${event}`));
    this.#events = chooseEvents(this.random);
    this.rules = chooseRules(this.random);
    this.stream = new SimulatedStream(() => this.now, this.rules.kept);
    for (let count = this.random.between(2, 3); count > 0; count--) this.#open();
  }

  run(): void {
    for (this.step = 1; this.step <= this.rules.steps; this.step++) {
      this.#happen();
      this.#check();
    }
    this.#rest();
    this.#checkRest();
    this.#end();
    this.saw("forgotten", this.stream.forgotten);
  }

  saw(what: string, times = 1): void {
    addSightings(this.seen, { [what]: times });
  }

  happens(what: string, where = "", details = ""): void {
    this.saw(what);
    this.trace?.(`${where} ${what}${details}`.trimStart());
  }

  /** A server that is there, and reaches the stream, is not to be considered down. */
  dropped(name: string): void {
    const server = this.#servers.find(({ names }) => names.at(-1) === name);
    this.#dropped.add(/\d+/.exec(name)?.[0] ?? "");
    if (server?.isAwake && this.now - server.model.stuckAtMs >= UP_MS)
      throw new Violation(`${name} is considered down, and was there`);
  }

  #open(): void {
    this.#servers.push(new Server(this, this.#servers.length));
  }

  get #awake(): Server[] {
    return this.#servers.filter(({ isAwake }) => isAwake);
  }

  #happen(): void {
    const { random } = this;
    let at = random.below(this.#events.reduce((sum, [, weight]) => sum + weight, 0));
    const [event] = this.#events.find(([, weight]) => (at -= weight) < 0) ?? ["time"];
    this.#do(event);
  }

  #do(event: Event): void {
    const { random, stream } = this;
    if (event === "time") return this.#pass(random.pick(this.rules.timesMs));
    if (event === "forget") return this.#forget();
    if (event === "standStill") {
      stream.standsStillUntilMs = this.now + random.between(1, 12_000);
      return this.happens("the stream stands still");
    }
    if (event === "fill") {
      stream.isFullUntilMs = this.now + random.between(1, 5_000);
      return this.happens("the stream is full");
    }
    if (event === "jump") {
      stream.clockOffMs = random.between(-100_000, 100_000);
      return this.happens("the stream's clock is wrong", "", ` by ${stream.clockOffMs} ms`);
    }
    // What a server has sent is on its way whatever becomes of it.
    if (event === "work") return random.pick(this.#servers).work();
    const awake = this.#awake;
    if (awake.length === 0) return this.#pass(100);
    if (event === "die" && awake.length < 2) return;
    const server = random.pick(awake);
    server[event]();
    if (server.isOver && this.#awake.length === 0) this.#open();
  }

  #forget(): void {
    const { random, stream } = this;
    if (random.chance(500)) {
      this.#saved = stream.memory;
      return this.trace?.("the stream is saved");
    }
    const withoutEntries = { ...stream.memory, entries: [] };
    stream.forget(random.pick([withoutEntries, this.#saved, this.#saved, BLANK, BLANK]));
    this.trace?.(`the stream has forgotten what follows ${stream.memory.last?.id}`);
  }

  #pass(ms: number): void {
    // No server waits for longer than for the end of a turn to do what is due in it.
    for (const server of this.#awake) if (server.isTurnDue) server.turn();
    this.now += ms;
    for (const server of this.#servers) server.passed();
  }

  #check(): void {
    for (const { model } of this.#awake) model.check();
  }

  /** Nothing goes wrong any more, and nobody sends anything. */
  #rest(): void {
    this.trace?.("from now on all is well");
    this.stream.standsStillUntilMs = this.stream.isFullUntilMs = 0;
    for (const server of this.#servers) server.asleepUntilMs = 0;
    for (const endMs = this.now + REST_MS; this.now < endMs; this.step++) this.#settle();
    // In the end each forgets what it can.
    for (const { session } of this.#awake) session.order.after(() => {});
    for (const endMs = this.now + 3_000; this.now < endMs; this.step++) this.#settle();
  }

  #settle(): void {
    const moved = this.#awake.map((server) => server.settle());
    this.#check();
    if (moved.includes(true)) return;
    const alarms = this.#awake.map(({ alarmAtMs }) => alarmAtMs);
    this.#pass(Math.max(1, Math.min(...alarms, this.now + 1000) - this.now));
  }

  #checkRest(): void {
    const { placed, memory } = this.stream;
    const lines = chainOf(memory.last).flatMap((entry) => linesOf(entry.lines));
    const sent = lines.filter((line) => !isNotice(line));
    const twice = sent.find((line, at) => sent.indexOf(line) !== at);
    if (twice !== undefined) throw new Violation(`${twice.trim()} has two places`);
    if (this.rules.names) this.#checkSpeakers(sent);
    this.#checkNames();
    for (const { isDead, model } of this.#servers) if (!isDead) model.checkLines();
    for (const { model } of this.#awake) model.checkRest();
    this.saw("batches", placed.length);
    this.saw("trimmed", placed.length - memory.entries.length);
  }

  /**
   * A member that has had a name does not have it again after another one, unless its server was
   * considered down, and came back when the name was free again.
   */
  #checkSpeakers(lines: readonly string[]): void {
    const owners = new Map<string, string>();
    const former = new Set<string>();
    for (const line of lines) {
      const [name = ""] = line.split(":");
      const owner = speakerOf(line);
      const before = owners.get(name);
      if (before !== undefined && before !== owner) former.add(`${name} ${before}`);
      const [index = ""] = owner.split(".");
      if (former.has(`${name} ${owner}`) && !this.#dropped.has(index))
        throw new Violation(`${owner} is ${name} next to ${before}`);
      owners.set(name, owner);
    }
  }

  /** Each name that is taken is that of a client of a server that is there, and each of these has its own. */
  #checkNames(): void {
    const { names } = this.stream.memory;
    const taken = new Set<string>();
    for (const { seats, session } of this.#awake)
      for (const { title, remotePort, name, isNamed, isShut } of seats) {
        const isMine = (key: string) => names.get(key) === session.order.name;
        if (isShut) continue;
        if (isNamed && title !== "" && !isMine(title))
          throw new Violation(`${name} has lost its name, ${title}`);
        const called = title || `10.0.0.1:${remotePort}`;
        for (const key of [called, `here ${called}`]) if (isMine(key)) taken.add(key);
      }
    const nobodys = [...names.keys()].find((key) => !taken.has(key));
    if (nobodys !== undefined && this.#awake.length > 0)
      throw new Violation(`${nobodys} is nobody's name`);
  }

  /** All servers stop, and nothing is left. */
  #end(): void {
    for (const server of this.#awake) server.stop();
    const endMs = this.now + REST_MS;
    for (; this.now < endMs && this.#awake.length > 0; this.step++) this.#settle();
    if (this.#awake.length > 0) throw new Violation("a server never stops");
  }
}

/** All that has a place before an entry, and this, in order. */
function chainOf(last: Placed | undefined): Placed[] {
  const chain: Placed[] = [];
  for (let entry = last; entry; entry = entry.before) chain.push(entry);
  return chain.toReversed();
}
