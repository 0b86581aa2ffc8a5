/**
 * One seed makes one world of two or three servers that share a room over a stream.
 * The whole room is looked at: all members of all servers receive one order, each line
 * once, whatever the stream and its connections do; or are told that they do not.
 */

import { Arrival, type Way } from "../../../lib/doors/door.ts";
import { names, PREFIX_BYTES_MAX } from "../../../lib/extras/names/names.ts";
import type { Context, Part } from "../../../lib/extras/part.ts";
import { presence } from "../../../lib/extras/presence.ts";
import { Session } from "../../../lib/redis/session.ts";
import { compareIds, GONE } from "../../../lib/redis/stream.ts";
import { LineLog } from "../../../lib/room/line-log.ts";
import { Member } from "../../../lib/room/member.ts";
import type { Author } from "../../../lib/room/order.ts";
import { Room } from "../../../lib/room/room.ts";
import { Connections } from "../../../lib/server/connections.ts";
import { Random } from "../random.ts";
import { Violation } from "../state.ts";
import { WorldFailure } from "../world.ts";
import { SharedSeat, speakerOf } from "./seat.ts";
import { isNotice, type Placed, SimulatedLink, SimulatedStream } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** How long a world rests in the end, on its own clock. */
const REST_MS = 20_000;

/** How much a run has seen. */
export class SharedSightings {
  worlds = 0;
  lines = 0;
  deliveries = 0;
  batches = 0;
  connectionsCut = 0;
  answersSwallowed = 0;
  standstills = 0;
  fullStreams = 0;
  forgotten = 0;
  timesOutOfSync = 0;
  linesLost = 0;
  slept = 0;
  died = 0;
  stopped = 0;
  leaves = 0;
  consideredDown = 0;
  timesBack = 0;
  talkersHeld = 0;
  trimmed = 0;

  add(other: SharedSightings): void {
    for (const key of Object.keys(this) as (keyof Omit<SharedSightings, "add">)[])
      this[key] += other[key];
  }
}

/** @throws {WorldFailure} at the first promise that is not kept */
export function runSharedWorld(seed: number, trace?: (line: string) => void): SharedSightings {
  const world = new SharedWorld(seed, trace);
  try {
    world.run();
  } catch (cause) {
    throw new WorldFailure(seed, world.step, cause);
  }
  world.seen.worlds = 1;
  return world.seen;
}

const servers = new WeakMap<LineLog, Server>();
const append = LineLog.prototype.append;
LineLog.prototype.append = function (author, run) {
  servers.get(this)?.takes(author, Buffer.from(run).toString("latin1"));
  append.call(this, author, run);
};

const EVENTS = {
  speak: 300,
  connect: 60,
  finish: 20,
  break: 10,
  drain: 100,
  turn: 300,
  work: 400,
  answer: 400,
  time: 150,
  cut: 8,
  mute: 4,
  standStill: 3,
  fill: 3,
  forget: 6,
  sleep: 3,
  die: 1,
  stop: 2,
} as const;
type Event = keyof typeof EVENTS;

class SharedWorld {
  readonly random: Random;
  readonly stream: SimulatedStream;
  readonly seen = new SharedSightings();
  readonly trace: ((event: string) => void) | undefined;
  readonly servers: Server[] = [];
  readonly rules;
  now = 0;
  step = 0;
  readonly #weights: Record<Event, number>;
  readonly #steps: number;
  #snapshot;
  #standsStillUntilMs = 0;
  #isFullUntilMs = 0;

  constructor(seed: number, trace?: (line: string) => void) {
    const random = new Random(seed);
    this.random = random;
    this.trace = trace && ((event) => trace(`${this.step}\t${this.now} ms\t${event}`));
    this.stream = new SimulatedStream(() => this.now);
    this.#snapshot = this.stream.snapshot();
    const isWild = random.chance(700);
    const faults: Event[] = ["cut", "mute", "standStill", "fill", "forget", "sleep", "die", "stop"];
    this.#weights = { ...EVENTS };
    for (const fault of faults) if (!isWild || random.chance(600)) this.#weights[fault] = 0;
    const lineBytesMax = random.pick([20, 40, 100]);
    const names = random.chance(300);
    const saidBytesMax = names ? 2 * lineBytesMax + PREFIX_BYTES_MAX : lineBytesMax;
    this.rules = {
      lineBytesMax,
      names,
      announce: random.chance(300),
      saidBytesMax,
      logBytes: saidBytesMax * random.pick([1, 3, 20]),
      patienceMs: random.pick([100, 2000, 60_000]),
      lingerMs: 500,
      takenBytesMax: saidBytesMax * random.pick([2, 4, 10]),
      space: random.pick([0, 30, 500, NEVER]),
      entriesMax: random.pick([1, 3, 32]),
    };
    this.#steps = random.pick([200, 600, 1500]);
    for (let count = random.between(2, 3); count > 0; count--) this.#open();
  }

  run(): void {
    for (this.step = 1; this.step <= this.#steps; this.step++) {
      this.#happen();
      this.#check();
    }
    this.#rest();
    this.#checkRest();
    this.#end();
    this.seen.forgotten = this.stream.forgotten;
  }

  #open(): void {
    this.servers.push(new Server(this, this.servers.length));
  }

  get #awake(): Server[] {
    return this.servers.filter((server) => server.isAwake);
  }

  #happen(): void {
    const { random } = this;
    const sum = Object.values(this.#weights).reduce((total, weight) => total + weight, 0);
    let at = random.below(sum);
    for (const [event, weight] of Object.entries(this.#weights)) {
      at -= weight;
      if (at < 0) return this.#do(event as Event); // a key of that record
    }
  }

  #do(event: Event): void {
    const { random, stream, seen } = this;
    if (event === "time") return this.#pass(random.pick([1, 10, 100, 300, 1000, 2000]));
    if (event === "standStill") {
      seen.standstills++;
      stream.standsStill = true;
      this.#standsStillUntilMs = this.now + random.between(1, 12_000);
      return this.trace?.("the stream stands still");
    }
    if (event === "fill") {
      seen.fullStreams++;
      stream.isFull = true;
      this.#isFullUntilMs = this.now + random.between(1, 5_000);
      return this.trace?.("the stream is full");
    }
    if (event === "forget") return this.#forget();
    const awake = this.#awake;
    if (awake.length === 0) return this.#pass(100);
    const server = random.pick(awake);
    if (event === "work") return void random.pick(random.pick(this.servers).allLinks)?.work();
    if (event === "die" && awake.length < 2) return;
    server[event]();
    if (awake.length === 1 && !server.isAwake && server.isOver) this.#open();
  }

  #forget(): void {
    const { random, stream } = this;
    if (random.chance(500)) {
      this.#snapshot = stream.snapshot();
      return this.trace?.("the stream is saved");
    }
    if (random.chance(500)) stream.flushAll();
    else stream.restore(this.#snapshot);
    this.trace?.(`the stream has forgotten what follows ${stream.last?.id}`);
  }

  #pass(ms: number): void {
    this.now += ms;
    if (this.now >= this.#standsStillUntilMs) this.stream.standsStill = false;
    if (this.now >= this.#isFullUntilMs) this.stream.isFull = false;
    for (const server of this.#awake) {
      for (const link of server.links) link.passed();
      if (server.alarmAtMs <= this.now) server.turn();
      server.endsAtLast();
    }
  }

  #check(): void {
    for (const server of this.servers) if (server.isAwake) server.check();
  }

  /** Nothing goes wrong any more, and nobody says anything. */
  #rest(): void {
    this.trace?.("from now on all is well");
    this.#standsStillUntilMs = this.#isFullUntilMs = 0;
    for (const server of this.servers) server.recover();
    const endMs = this.now + REST_MS;
    for (; this.now < endMs; this.step++) this.#settle();
  }

  #settle(): void {
    let moved = false;
    for (const server of this.servers) {
      if (!server.isAwake) continue;
      for (const link of server.allLinks) while (link.work()) moved = true;
      while (server.answer()) moved = true;
      for (const seat of server.seats) moved = server.drainSeat(seat, NEVER) || moved;
      if (server.isTurnDue) {
        server.turn();
        moved = true;
      }
    }
    this.#check();
    if (moved) return;
    const alarms = this.#awake.map(({ alarmAtMs }) => alarmAtMs);
    this.#pass(Math.max(1, Math.min(...alarms, this.now + 1000) - this.now));
  }

  #checkRest(): void {
    const said = new Set<string>();
    for (let entry = this.stream.last; entry; entry = entry.before)
      for (const line of linesOf(entry.lines).filter((line) => !isNotice(line))) {
        if (said.has(line)) throw new Violation(`${line.trim()} has two places`);
        said.add(line);
      }
    if (this.rules.names) {
      checkNames(
        chainOf(this.stream.last)
          .flatMap(({ lines }) => linesOf(lines))
          .filter((line) => !isNotice(line)),
      );
      this.#checkNamesOfTheDead();
    }
    // What is forgotten had a place.
    for (const { lines } of this.stream.placed) for (const line of linesOf(lines)) said.add(line);
    this.seen.batches += this.stream.placed.length;
    for (const server of this.servers) server.checkRest(said);
    const awake = this.#awake;
    const entriesMax = 15 * (awake.length + 1);
    if (awake.length > 0 && this.stream.entries.length > entriesMax)
      throw new Violation(`the stream keeps ${this.stream.entries.length} entries`);
    this.seen.trimmed += this.stream.placed.length - this.stream.entries.length;
  }

  /** A server that is considered down has no names. */
  #checkNamesOfTheDead(): void {
    const living = this.#awake.map(({ session }) => session.order.name);
    if (living.length === 0) return;
    for (const [name, server] of this.stream.names)
      if (this.stream.readings.has(server) && !living.includes(server))
        throw new Violation(`${name} is taken by ${server}, which is gone`);
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

/** Who has had a name does not have it again after another. */
function checkNames(lines: readonly string[]): void {
  const bearers = new Map<string, string>();
  const former = new Set<string>();
  for (const line of lines) {
    const [name = ""] = line.split(":");
    const bearer = speakerOf(line);
    const before = bearers.get(name);
    if (before !== undefined && before !== bearer) former.add(`${name} ${before}`);
    if (former.has(`${name} ${bearer}`))
      throw new Violation(`${bearer} is ${name} beside ${before}`);
    bearers.set(name, bearer);
  }
}

function linesOf(lines: string): string[] {
  return lines.match(/[^\n]*\n/g) ?? [];
}

/** Whether it is in the room, or on its way in. */
function isHere({ data }: SharedSeat): boolean {
  return data instanceof Member || data instanceof Arrival;
}

/** One of the servers, and what is known of it. */
class Server {
  readonly #world: SharedWorld;
  readonly #index: number;
  readonly room: Room;
  readonly session: Session;
  readonly #connections: Connections;
  readonly #way: Way;
  #stopped: Promise<void> | undefined;
  seats: SharedSeat[] = [];
  links: SimulatedLink[] = [];
  isTurnDue = false;
  alarmAtMs = NEVER;
  asleepUntilMs = 0;
  isDead = false;
  /** Whether it was told to stop, and whether it has ended. */
  isStopping = false;
  isOver = false;
  /** All the names it has had; the last one counts. */
  readonly names: string[] = [];
  /** Where in the truth it may stand: an entry, and how much of its lines is in the log. */
  #places: { entry: Placed; offset: number }[] = [];
  #said: { readonly seat: SharedSeat; readonly line: string }[] = [];
  #linesLost = 0;
  #members = 0;
  #isClosing = false;
  #closesAtMs = NEVER;
  /** Whether it has joined the others, and not lost them. */
  #isInRoom = false;
  /** How often the stream had forgotten something when it joined. */
  #forgottenBefore = 0;
  /** Servers that have left, as it knows; and those that it considers down. */
  readonly #knownGone = new Set<string>();
  readonly #dropped = new Set<string>();
  #hasDropped = false;

  constructor(world: SharedWorld, index: number) {
    this.#world = world;
    this.#index = index;
    this.session = new Session({
      ...world.rules,
      room: "lib",
      open: (onOpen, onLost) => {
        const link = new SimulatedLink(world.stream, onOpen, onLost, {
          joined: (by, entry, forgotten) => this.#joined(by, entry, forgotten),
          delivered: (entries) => {
            for (const { by, read } of entries) if (read === GONE) this.#knownGone.add(by);
          },
        });
        this.links = this.links.filter((one) => !one.isOver);
        this.links.push(link);
        return link;
      },
      newName: () => {
        this.names.push(`server${index}.${this.names.length}`);
        return this.names.at(-1) ?? "";
      },
      report: (what) => this.#reports(what),
    });
    const { order, reservations } = this.session;
    const parts: Part[] = [{ order, reservations }];
    const context = { secrets: {}, parts } as unknown as Context; // all that these parts ask for
    if (world.rules.names) parts.push(names(context, world.rules.lineBytesMax));
    if (world.rules.announce) parts.push(presence(context));
    this.room = new Room({
      ...world.rules,
      order,
      addedBytesMax: world.rules.saidBytesMax - world.rules.lineBytesMax,
      extras: [
        () => ({ joined: ({ cursor }) => this.#enters(cursor.socket as SharedSeat) }), // all are
        ...parts.flatMap(({ extra }) => extra ?? []),
      ],
      now: () => world.now,
      wake: (delayMs) => {
        if (delayMs === 0) this.isTurnDue = true;
        else this.alarmAtMs = Math.min(this.alarmAtMs, world.now + delayMs);
      },
    });
    this.#connections = new Connections(this.room, {});
    this.#way = { kind: "tcp", doors: parts.flatMap(({ door }) => door ?? []), open: 0 };
    this.#connections.ways.push(this.#way);
    void this.session.start(this.room).catch(() => {});
    servers.set(this.room.log, this);
  }

  get isAwake(): boolean {
    return !this.isDead && !this.isOver && this.#world.now >= this.asleepUntilMs;
  }

  get allLinks(): SimulatedLink[] {
    return this.links;
  }

  get #link(): SimulatedLink | undefined {
    return this.links.find((link) => !link.isClosed);
  }

  #log(event: string): void {
    this.#world.trace?.(`server ${this.#index} ${event}`);
  }

  // What happens to it.

  connect(): void {
    if (this.isStopping || this.seats.length > 8) return;
    const { rules, random } = this.#world;
    const title = rules.names ? random.pick(["ann", "bob", "carl", "dora", "eve"]) : "";
    const seat = new SharedSeat(`${this.#index}.${this.#members++}`, rules.space, title);
    this.seats.push(seat);
    this.#log(`has ${seat.name}`);
    seat.onClosed = () => this.#connections.closed(seat, this.#way);
    this.#connections.accept(seat, this.#way);
    if (title === "" && this.#isInRoom !== isHere(seat))
      throw new Violation(`${seat.name} is let in wrongly`);
  }

  #enters(seat: SharedSeat): void {
    if (!this.#isInRoom) throw new Violation(`${seat.name} joins, and would miss something`);
    seat.isNamed = true;
    this.#log(`${seat.name} joins`);
  }

  speak(): void {
    const { random, rules, seen } = this.#world;
    const seat = this.#pickMember();
    if (!seat || seat.isPaused || seat.hasEnded || this.isStopping) return;
    for (let count = random.between(1, 4); count > 0; count--) {
      const line = `${seat.name}:${String(seat.lines++).padStart(3, "0")}`.padEnd(
        random.below(rules.lineBytesMax),
        "~",
      );
      seat.unsaid += `${line.slice(0, rules.lineBytesMax - 1)}\n`;
    }
    const part = seat.unsaid.slice(0, random.between(1, seat.unsaid.length));
    seat.unsaid = seat.unsaid.slice(part.length);
    this.#log(`hears ${JSON.stringify(part)}`);
    seat.started += part;
    this.#takes(seat);
    seat.data.received(Buffer.from(part));
    if (seat.isPaused) seen.talkersHeld++;
  }

  finish(): void {
    const seat = this.#pickMember();
    if (!seat || seat.isPaused || seat.hasEnded || (seat.title !== "" && !seat.isNamed)) return;
    // One that is cut off is to be known as a line of its own.
    if (seat.started !== "" && !/:\d{3}/.test(seat.started)) return;
    this.#log(`${seat.name} half-closes`);
    seat.hasEnded = true;
    if (seat.started !== "" && !this.isStopping) seat.started += "\n";
    if (!this.isStopping) this.#takes(seat);
    seat.data.ended();
  }

  break(): void {
    const seat = this.#pickMember();
    if (!seat) return;
    this.#log(`${seat.name} is gone`);
    seat.terminate();
  }

  drain(): void {
    const { random } = this.#world;
    if (this.seats.length > 0) this.drainSeat(random.pick(this.seats), random.between(1, 100));
  }

  turn(): void {
    this.isTurnDue = false;
    this.alarmAtMs = NEVER;
    this.#connections.flush();
    // What has just been asked for, that a server is forgotten, is not always done.
    if (this.#hasDropped && this.#world.random.chance(300)) this.cut();
    const hasDropped = this.#hasDropped;
    this.#hasDropped = false;
    this.seats = this.seats.filter((seat) => !seat.isClosed);
    const hasStopped = this.#stopped && Bun.peek.status(this.#stopped) === "fulfilled";
    if (hasStopped && !this.#isClosing) this.#close(hasDropped);
  }

  answer(): boolean {
    return this.#link?.answer(this.#world.random.between(1, this.#world.rules.entriesMax)) ?? false;
  }

  cut(): void {
    if (!this.#link) return;
    this.#world.seen.connectionsCut++;
    this.#log("is cut off");
    this.#link.cut(this.#world.random.below(5));
  }

  mute(): void {
    if (!this.#link) return;
    this.#world.seen.answersSwallowed++;
    this.#log("gets no answers");
    this.#link.isMute = true;
  }

  sleep(): void {
    this.#world.seen.slept++;
    if (this.#world.random.chance(500)) this.#comesToRest();
    this.asleepUntilMs = this.#world.now + this.#world.random.between(1, 60_000);
    this.#log(`sleeps until ${this.asleepUntilMs} ms`);
  }

  /** Nothing of it is on its way any more. */
  #comesToRest(): void {
    for (let round = 0; round < 50; round++) {
      for (const link of this.links) link.work();
      this.answer();
      if (this.isTurnDue) this.turn();
    }
  }

  die(): void {
    this.#world.seen.died++;
    this.#log("dies");
    this.isDead = true;
    for (const link of this.links) link.close();
  }

  stop(): void {
    if (this.isStopping) return;
    this.#world.seen.stopped++;
    this.#log("is told to stop");
    this.isStopping = true;
    this.#stopped = this.#connections.stop(1e9);
  }

  /** From now on all is well with it. */
  recover(): void {
    this.asleepUntilMs = 0;
    this.#world.stream.standsStill = this.#world.stream.isFull = false;
  }

  drainSeat(seat: SharedSeat, space: number): boolean {
    const isDrained = seat.space === 0;
    seat.space = Math.max(seat.space, space);
    if (isDrained && !seat.isClosed) seat.data.drained();
    if (seat.isShut && !seat.isClosed) seat.terminate();
    return isDrained;
  }

  /** Its log takes lines: they follow what it had. */
  takes(author: Author, lines: string): void {
    this.#log(`'s log takes ${JSON.stringify(lines)}`);
    if (isNotice(lines) !== (author.isPassing ?? false))
      throw new Violation(`${lines} is of the wrong kind`);
    const before = this.#places;
    this.#places = before.flatMap((place) => this.#walk(place, lines));
    if (this.#places.length === 0)
      throw new Violation(
        `server ${this.#index} takes ${JSON.stringify(lines)}, which does not follow`,
      );
    this.#world.seen.lines += lines.split("\n").length - 1;
    for (const seat of this.seats) {
      const isThere = seat.data instanceof Member && !seat.isClosed;
      if (isThere) seat.owe(lines);
      if (!lines.includes(seat.lastLine)) continue;
      seat.isSaid = true;
      if (isThere && seat.hasEnded) seat.owedAtLeast = seat.expected.length;
    }
  }

  check(): void {
    const { stream, rules } = this.#world;
    const inFlight = this.#link?.inFlight ?? 0;
    if (inFlight > 4 && !this.#isClosing)
      throw new Violation(`${inFlight} batches are on their way`);
    const known = stream.readingsAtMost;
    const name = this.session.order.name;
    if (!known.has(name)) return;
    const reads = [...known].filter(([peer]) => !this.#dropped.has(peer)).map(([, read]) => read);
    const least = reads.reduce((a, b) => (compareIds(a, b) < 0 ? a : b));
    const unread = stream.entries.filter(({ by, id }) => by === name && compareIds(id, least) > 0);
    const bytes = unread.reduce((sum, { lines }) => sum + lines.length, 0);
    if (bytes > rules.takenBytesMax) throw new Violation(`${bytes} bytes of ${name} are not read`);
  }

  checkRest(placed: ReadonlySet<string>): void {
    if (this.isDead) return;
    for (const [name, server] of this.#world.stream.names) {
      const isBorne = this.seats.some(({ title, isShut }) => title === name && !isShut);
      if (server === this.session.order.name && !isBorne && !this.isOver)
        throw new Violation(`${name} is nobody's name any more`);
    }
    // One that is never called by its name says nothing.
    const said = this.#said.filter(({ seat }) => seat.title === "" || seat.isNamed);
    const missing = said.map(({ line }) => line).filter((line) => !placed.has(line));
    if (missing.length > this.#linesLost)
      throw new Violation(`server ${this.#index} lost ${missing.length} lines, ${missing[0]}`);
    if (this.isOver) return;
    const last = this.#world.stream.last;
    const rest = this.#places.some(({ entry, offset }) => this.#restOf(entry, offset, last) === "");
    if (!rest) throw new Violation(`server ${this.#index} has not heard all`);
    for (const seat of this.seats) {
      if (seat.isPaused) throw new Violation(`${seat.name} stays paused`);
      if (!seat.isShut && seat.heardLines !== seat.expected)
        throw new Violation(
          `${seat.name} never hears ${seat.expected.slice(seat.heardLines.length)}`,
        );
      if (seat.hasEnded && !seat.isShut) throw new Violation(`${seat.name} never gets its EOF`);
      this.#world.seen.deliveries += seat.heard.split("\n").length - 1;
    }
  }

  #joined(by: string, entry: Placed, forgotten: number): void {
    this.#log(`has joined as ${by}`);
    this.#places = [{ entry, offset: 0 }];
    this.#isInRoom = true;
    this.#forgottenBefore = forgotten;
    this.#knownGone.clear();
    this.#dropped.clear();
  }

  #reports(what: string): void {
    this.#log(`reports: ${what}`);
    const { seen, servers, stream } = this.#world;
    if (what.startsWith("redis is back")) seen.timesBack++;
    const [, name = ""] = /^server (\S+) is considered down/.exec(what) ?? [];
    if (name) {
      seen.consideredDown++;
      this.#dropped.add(name);
      this.#hasDropped = true;
      for (const server of servers) if (server.names.at(-1) === name) this.#drops(server);
      if (this.#knownGone.has(name)) throw new Violation(`${name}, which has gone, was waited for`);
    }
    const [, lines = "0"] = /^lines lost, .*: (\d+)$/.exec(what) ?? [];
    seen.linesLost += Number(lines);
    this.#linesLost += Number(lines);
    if (!what.startsWith("out of sync")) return;
    seen.timesOutOfSync++;
    this.#isInRoom = false;
    const hasReason = stream.forgotten > this.#forgottenBefore || this.wasDropped;
    if (!hasReason) throw new Violation(`server ${this.#index} is out of sync for no reason`);
    this.wasDropped = false;
  }

  /** Who was there all the time is not to be dropped because this one, or the stream, was not. */
  #drops(server: Server): void {
    const { now, stream } = this.#world;
    server.wasDropped = true;
    const since = Math.max(this.asleepUntilMs, stream.standsStill ? now : stream.stoodStillAtMs);
    // It has said something lately, until so long ago, and not for the first time in a while.
    const wasThere = (untilAgoMs: number, stepMs: number) =>
      [0, 1, 2].every((step) => {
        const fromMs = untilAgoMs + step * stepMs;
        return stream.placed.some(({ by, id }) => {
          const agoMs = now - Number.parseInt(id, 10);
          return by === server.names.at(-1) && agoMs >= fromMs - 1 && agoMs < fromMs + stepMs;
        });
      });
    const isThere = now - since < 3_000 && wasThere(0, 2_000);
    const hasJustGoneOn = since === stream.stoodStillAtMs && now - since < 1_000;
    if (isThere || (hasJustGoneOn && wasThere(now - stream.stoodStillFromMs, 1_500)))
      throw new Violation(`server ${this.#index} drops one that was there`);
  }

  /** Whether the others may have gone on without it. */
  wasDropped = false;

  /** It waits only for so long until its leave is answered. */
  endsAtLast(): void {
    if (this.#world.now - this.#closesAtMs <= 10_000 || this.isOver) return;
    this.isOver = true;
    this.session.end();
  }

  /** It is empty, and takes its leave. */
  #close(hasDropped: boolean): void {
    this.#isClosing = true;
    this.#closesAtMs = this.#world.now;
    const link = this.#link;
    const { order } = this.session;
    const { name } = order;
    const wasHere = this.#isInRoom && link?.isInUse === true;
    if (!order.isSettled && !hasDropped)
      throw new Violation(`${name} stops with lines on their way`);
    this.session.leave(() => {
      if (this.isOver) return;
      this.isOver = true;
      this.session.end();
      const isKnown = this.#world.stream.placed.some(
        ({ by, read }) => by === name && read === GONE,
      );
      if (isKnown) this.#world.seen.leaves++;
      // It waits until its leave is known, unless it cannot be.
      const hasForgotten = this.#world.stream.forgotten > this.#forgottenBefore;
      const isOut = hasForgotten || !this.#isInRoom;
      const isLost = !link || link.isLost || isOut;
      if (!isKnown && !isLost && wasHere) throw new Violation(`${name} has not left`);
    });
  }

  #takes(seat: SharedSeat): void {
    if (!isHere(seat) || (seat.data instanceof Member && seat.data.isLeaving)) return;
    for (let end = seat.started.indexOf("\n"); end >= 0; end = seat.started.indexOf("\n")) {
      const line = seat.started.slice(0, end + 1);
      seat.started = seat.started.slice(end + 1);
      if (seat.title !== "" && !seat.hasSaidTitle) {
        seat.hasSaidTitle = true;
        continue;
      }
      seat.lastLine = seat.title === "" ? line : `${seat.title}: ${line}`;
      this.#said.push({ seat, line: seat.lastLine });
    }
  }

  #pickMember(): SharedSeat | undefined {
    const members = this.seats.filter((seat) => isHere(seat) && !seat.isClosed);
    return members.length > 0 ? this.#world.random.pick(members) : undefined;
  }

  /** Where one stands that has heard these lines next. */
  #walk(
    { entry, offset }: { entry: Placed; offset: number },
    lines: string,
  ): { entry: Placed; offset: number }[] {
    const rest = entry.lines.slice(offset);
    if (lines.length <= rest.length)
      return rest.startsWith(lines) ? [{ entry, offset: offset + lines.length }] : [];
    if (!lines.startsWith(rest)) return [];
    const after = this.#world.stream.placed.filter(({ before }) => before === entry);
    return after.flatMap((next) =>
      this.#walk({ entry: next, offset: 0 }, lines.slice(rest.length)),
    );
  }

  #restOf(from: Placed, offset: number, last: Placed | undefined): string | undefined {
    let rest = "";
    for (let entry = last; entry; entry = entry.before) {
      if (entry === from) return entry.lines.slice(offset) + rest;
      rest = entry.lines + rest;
    }
    return undefined;
  }
}
