/**
 * One seed makes one world of two or three servers that share a room over a stream.
 * The whole room is looked at: all members of all servers receive one order, each line
 * once, whatever the stream and its connections do; or are told that they do not.
 */

import { Arrival, type Way } from "../../../lib/doors/door.ts";
import { history } from "../../../lib/extras/history.ts";
import { names, PREFIX_BYTES_MAX } from "../../../lib/extras/names/names.ts";
import type { Context, Part } from "../../../lib/extras/part.ts";
import { presence } from "../../../lib/extras/presence.ts";
import { HISTORY_END } from "../../../lib/program/server-messages.ts";
import { Session } from "../../../lib/redis/session.ts";
import { compareIds, type States } from "../../../lib/redis/stream.ts";
import { LineLog } from "../../../lib/room/line-log.ts";
import { Member } from "../../../lib/room/member.ts";
import type { Author } from "../../../lib/room/order.ts";
import { Room } from "../../../lib/room/room.ts";
import { Connections } from "../../../lib/server/connections.ts";
import { Random } from "../random.ts";
import { Violation } from "../seat.ts";
import { addSightings, type Sightings } from "../sightings.ts";
import { WorldFailure } from "../world.ts";
import { linesOf, SharedSeat, speakerOf } from "./seat.ts";
import {
  bytesOf,
  isNotice,
  type Placed,
  SimulatedLink,
  SimulatedStream,
  type Watcher,
} from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** How long a world rests in the end, on its own clock. */
const REST_MS = 20_000;
/** A server of which nothing waits for longer reaches the stream. */
const STUCK_MS = 1_000;
/** One that has reached it for so long must not be considered down. */
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
  jump: 3,
  sleep: 3,
  die: 1,
  stop: 2,
} as const;
type Event = keyof typeof EVENTS;

class SharedWorld {
  readonly random: Random;
  readonly stream: SimulatedStream;
  readonly seen: Sightings = {};
  readonly trace: ((event: string) => void) | undefined;
  readonly servers: Server[] = [];
  /** The numbers of those that were ever considered down. */
  readonly dropped = new Set<string>();
  readonly rules;
  now = 0;
  step = 0;
  readonly #weights: Record<Event, number>;
  readonly #steps: number;
  /** By how much time goes on at once. */
  readonly #timesMs: readonly number[];
  #snapshot;
  #standsStillUntilMs = 0;
  #isFullUntilMs = 0;

  constructor(seed: number, trace?: (line: string) => void) {
    const random = new Random(seed);
    this.random = random;
    this.trace = trace && ((event) => trace(`${this.step}\t${this.now} ms\t${event}`));
    const isWild = random.chance(700);
    this.#timesMs = random.pick([
      [1, 10, 100, 300, 1000, 2000],
      [1, 10, 50, 200],
    ]);
    const faults: Event[] = [
      ...(["cut", "mute", "standStill", "fill", "forget", "jump", "sleep", "die", "stop"] as const),
    ];
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
      kept: {
        bytes: random.pick([1_000, 10_000, 1_000_000]),
        ms: random.pick([3_000, 20_000, 60_000]),
        historyBytes: random.pick([0, 0, 60, 300, 3_000]),
      },
      historyLines: random.pick([NEVER, 3]),
      noticesBytes: random.pick([0, 200]),
      takenBytesMax: saidBytesMax * random.pick([2, 4, 10]),
      space: random.pick([0, 30, 500, NEVER]),
      entriesMax: random.pick([1, 3, 32]),
    };
    this.stream = new SimulatedStream(() => this.now, this.rules.kept);
    this.#snapshot = this.stream.snapshot();
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
    this.saw("forgotten", this.stream.forgotten);
  }

  saw(what: string, times = 1): void {
    addSightings(this.seen, { [what]: times });
  }

  /** It has happened, and is told. */
  happens(what: string, details = ""): void {
    this.saw(what);
    this.trace?.(`${what}${details}`);
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
    const { random, stream } = this;
    if (event === "time") return this.#pass(random.pick(this.#timesMs));
    if (event === "standStill") {
      stream.standsStill = true;
      this.#standsStillUntilMs = this.now + random.between(1, 12_000);
      return this.happens("the stream stands still");
    }
    if (event === "fill") {
      stream.isFull = true;
      this.#isFullUntilMs = this.now + random.between(1, 5_000);
      return this.happens("the stream is full");
    }
    if (event === "forget") return this.#forget();
    if (event === "jump") {
      stream.clockOffMs = random.between(-100_000, 100_000);
      return this.happens("the stream's clock is wrong", ` by ${stream.clockOffMs} ms`);
    }
    const awake = this.#awake;
    if (awake.length === 0) return this.#pass(100);
    const server = random.pick(awake);
    if (event === "work") return void random.pick(random.pick(this.servers).links)?.work();
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
    if (random.chance(200)) stream.loseEntries();
    else if (random.chance(500)) stream.flushAll();
    else stream.restore(this.#snapshot);
    this.trace?.(`the stream has forgotten what follows ${stream.last?.id}`);
  }

  #pass(ms: number): void {
    // No server waits for longer than for the end of a turn to do what is due in it.
    for (const server of this.#awake) if (server.isTurnDue) server.turn();
    this.now += ms;
    if (this.now >= this.#standsStillUntilMs) this.stream.standsStill = false;
    if (this.now >= this.#isFullUntilMs) this.stream.isFull = false;
    for (const server of this.servers) server.passed();
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
    for (const endMs = this.now + REST_MS; this.now < endMs; this.step++) this.#settle();
    for (const { session } of this.#awake)
      if (session.order.position !== this.stream.last?.id)
        throw new Violation(`${session.order.name} does not notice what it has missed`);
    // In the end each forgets what it can.
    for (const { session } of this.#awake) session.order.after(() => {});
    for (const endMs = this.now + 3_000; this.now < endMs; this.step++) this.#settle();
  }

  #settle(): void {
    let moved = false;
    for (const server of this.servers) {
      if (!server.isAwake) continue;
      for (const link of server.links) while (link.work()) moved = true;
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
    const lines = chainOf(this.stream.last)
      .flatMap((entry) => linesOf(entry.lines))
      .filter((line) => !isNotice(line));
    const said = new Set<string>();
    for (const line of lines) {
      if (said.has(line)) throw new Violation(`${line.trim()} has two places`);
      said.add(line);
    }
    if (this.rules.names) {
      checkNames(this.dropped, lines);
      this.#checkNamesOfTheDead();
    }
    // What is forgotten had a place.
    for (const { lines } of this.stream.placed) for (const line of linesOf(lines)) said.add(line);
    this.saw("batches", this.stream.placed.length);
    for (const server of this.servers) server.checkRest(said);
    const awake = this.#awake;
    for (const server of awake) server.checkTrimmed();
    this.saw("trimmed", this.stream.placed.length - this.stream.entries.length);
  }

  /** A server that is considered down has no names. */
  #checkNamesOfTheDead(): void {
    const living = this.#awake.map(({ session }) => session.order.name);
    if (living.length === 0) return;
    for (const [name, server] of this.stream.names)
      if (this.stream.servers.has(server) && !living.includes(server))
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

/**
 * A member that has had a name does not have it again after another one, unless its server was
 * considered down, and came back when the name was free again.
 */
function checkNames(dropped: ReadonlySet<string>, lines: readonly string[]): void {
  const owners = new Map<string, string>();
  const former = new Set<string>();
  for (const line of lines) {
    const [name = ""] = line.split(":");
    const owner = speakerOf(line);
    const before = owners.get(name);
    if (before !== undefined && before !== owner) former.add(`${name} ${before}`);
    const [index = ""] = owner.split(".");
    if (former.has(`${name} ${owner}`) && !dropped.has(index))
      throw new Violation(`${owner} is ${name} next to ${before}`);
    owners.set(name, owner);
  }
}

/** Whether it is in the room, or on its way in. */
function isHere({ data }: SharedSeat): boolean {
  return data instanceof Member || data instanceof Arrival;
}

/** One of the servers, and what is known of it. */
class Server implements Watcher {
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
  /** Whether it has joined the others, has all that was before in its log, and has not lost them. */
  #isInRoom = false;
  /** What it has read of what was before, and not put into its log yet. */
  #unlogged = "";
  /** What its log has taken under its name. */
  #taken: string[] = [];
  /** Where it has joined first under its name, and last; and how often it had forgotten something. */
  #member: Placed | undefined;
  #here: { readonly entry: Placed; readonly forgotten: number } | undefined;
  #reached: { readonly entry: Placed; readonly forgotten: number } | undefined;
  #awaited: { readonly entry: Placed; readonly forgotten: number } | undefined;
  /** The servers that there are, as it knows, and since when it has known that. */
  #seen = new Map<string, number>();
  /** When it did not reach the stream. */
  stuckAtMs = 0;

  constructor(world: SharedWorld, index: number) {
    this.#world = world;
    this.#index = index;
    this.session = new Session({
      ...world.rules,
      room: "lib",
      open: (onLost) => {
        const link = new SimulatedLink(world.stream, onLost, this);
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
    const asked = { secrets: {}, parts, onWarning() {} };
    const context = asked as unknown as Context; // all that these parts ask for
    if (world.rules.names) parts.push(names(context, world.rules.lineBytesMax));
    const { historyBytes: bytes } = world.rules.kept;
    if (bytes > 0)
      parts.push(history({ bytes, lines: world.rules.historyLines }, world.rules.noticesBytes));
    if (world.rules.announce) parts.push(presence(context));
    this.room = new Room({
      ...world.rules,
      order,
      keptBytes: parts.reduce((sum, { keptBytes = 0 }) => sum + keptBytes, 0),
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

  get #link(): SimulatedLink | undefined {
    return this.links.find((link) => !link.isClosed);
  }

  #log(event: string): void {
    this.#world.trace?.(`server ${this.#index} ${event}`);
  }

  #happens(what: string, details = ""): void {
    this.#world.saw(what);
    this.#log(`${what}${details}`);
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
    // What it has read after it joined may have to wait for room in its log, and clients with that.
    const mayWait = this.#isInRoom && this.room.order.isHeldUp(true);
    if (title === "" && this.#isInRoom !== isHere(seat) && !mayWait)
      throw new Violation(`${seat.name} is let in wrongly`);
  }

  #enters(seat: SharedSeat): void {
    if (!this.#isInRoom) throw new Violation(`${seat.name} joins, and would miss something`);
    seat.isNamed = true;
    this.#log(`${seat.name} joins`);
    if (this.#world.rules.kept.historyBytes === 0) return;
    const lines = this.#history();
    seat.expected = lines.join("") + HISTORY_END;
    if (lines.length > 0) this.#world.saw("histories");
  }

  /** The last lines of members that a newcomer gets first. */
  #history(): string[] {
    const { kept, historyLines, noticesBytes } = this.#world.rules;
    const lines: string[] = [];
    let [bytes, keptBytes] = [0, 0];
    for (const line of this.#taken.toReversed()) {
      keptBytes += line.length;
      if (isNotice(line)) continue;
      bytes += line.length;
      const isMuch = bytes > kept.historyBytes || keptBytes > kept.historyBytes + noticesBytes;
      if (isMuch || lines.length === historyLines) break;
      lines.unshift(line);
    }
    return lines;
  }

  speak(): void {
    const { random, rules } = this.#world;
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
    if (seat.isPaused) this.#world.saw("talkers held");
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
    this.seats = this.seats.filter((seat) => !seat.isClosed);
    const hasStopped = this.#stopped && Bun.peek.status(this.#stopped) === "fulfilled";
    if (hasStopped && !this.#isClosing) this.#close();
  }

  answer(): boolean {
    return this.#link?.answer(this.#world.random.between(1, this.#world.rules.entriesMax)) ?? false;
  }

  cut(): void {
    if (!this.#link) return;
    this.#happens("is cut off");
    this.#link.cut(this.#world.random.below(5));
  }

  mute(): void {
    if (!this.#link) return;
    this.#happens("gets no answers");
    this.#link.isMute = true;
  }

  sleep(): void {
    if (this.#world.random.chance(500)) this.#comesToRest();
    this.asleepUntilMs = this.#world.now + this.#world.random.between(1, 60_000);
    this.#happens("sleeps", ` until ${this.asleepUntilMs} ms`);
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
    this.#happens("dies");
    this.isDead = true;
    for (const link of this.links) link.close();
  }

  stop(): void {
    if (this.isStopping) return;
    this.#happens("is told to stop");
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
    this.#taken.push(...linesOf(lines));
    if (!this.#isInRoom) {
      if (!this.#unlogged.startsWith(lines))
        throw new Violation(`server ${this.#index} takes ${JSON.stringify(lines)} from before`);
      this.#unlogged = this.#unlogged.slice(lines.length);
      return this.#mayEnter();
    }
    const before = this.#places;
    this.#places = before.flatMap((place) => this.#walk(place, lines));
    if (this.#places.length === 0)
      throw new Violation(
        `server ${this.#index} takes ${JSON.stringify(lines)}, which does not follow`,
      );
    this.#world.saw("lines", lines.split("\n").length - 1);
    for (const seat of this.seats) {
      const isThere = seat.data instanceof Member && !seat.isClosed;
      if (isThere && !seat.isOutOfSync) seat.owe(lines);
      if (!lines.includes(seat.lastLine)) continue;
      seat.isSaid = true;
      if (isThere && seat.hasEnded) seat.owedAtLeast = seat.expected.length;
    }
  }

  check(): void {
    if (this.session.order.isHere) this.#here = this.#reached ?? this.#here;
    this.#reached = undefined;
    const { stream, rules } = this.#world;
    const inFlight = this.#link?.inFlight ?? 0;
    if (inFlight > 2) throw new Violation(`${inFlight} batches are on their way`);
    const { name } = this.session.order;
    if (!stream.servers.has(name)) return;
    const unread = stream.entries.filter(({ by, id, atMs }) => {
      const isUnread = ([peer, sinceMs]: [string, number]) =>
        sinceMs < atMs && compareIds(id, stream.readAtMost(peer)) > 0;
      return by === name && [...this.#seen].some(isUnread);
    });
    const bytes = unread.reduce((sum, { lines }) => sum + lines.length, 0);
    if (bytes > rules.takenBytesMax) throw new Violation(`${bytes} bytes of ${name} are not read`);
  }

  checkRest(placed: ReadonlySet<string>): void {
    if (this.isDead) return;
    for (const [key, server] of this.#world.stream.names) {
      const name = key.replace(/^here /, "");
      const isBorne = this.seats.some(
        ({ title, remotePort, isShut }) => (title || `10.0.0.1:${remotePort}`) === name && !isShut,
      );
      if (server === this.session.order.name && !isBorne && !this.isOver)
        throw new Violation(`${name} is nobody's name any more`);
    }
    const missing = this.#missingFrom(placed);
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
      const isOwner = this.#world.stream.names.get(seat.title) === this.session.order.name;
      if (seat.isNamed && seat.title !== "" && !seat.isShut && !isOwner)
        throw new Violation(`${seat.name} has lost its name, ${seat.title}`);
      if (seat.hasEnded && !seat.isShut) throw new Violation(`${seat.name} never gets its EOF`);
      this.#world.saw("deliveries", seat.heard.split("\n").length - 1);
    }
  }

  /** What its members have sent; one that is never called by its name sends nothing. */
  #missingFrom(placed: ReadonlySet<string>): string[] {
    const said = this.#said.filter(({ seat }) => seat.title === "" || seat.isNamed);
    return said.map(({ line }) => line).filter((line) => !placed.has(line));
  }

  joined(by: string, entry: Placed, forgotten: number): void {
    this.#log(`has joined as ${by}`);
    this.#awaited = { entry, forgotten };
    if (this.#member?.by === by) return;
    const isThere = (seat: SharedSeat) => seat.data instanceof Member && !seat.isOutOfSync;
    if (this.seats.some(isThere)) throw new Violation(`${by} is new, and has members`);
    this.#isInRoom = false;
    this.#member = entry;
    this.#here = this.#awaited;
    [this.#places, this.#taken] = [[], []];
    this.#unlogged = "";
  }

  /** It reads what was before, and then that it has joined. */
  delivered(entries: readonly Placed[]): void {
    const awaited = this.#awaited;
    if (!awaited) return;
    const at = entries.indexOf(awaited.entry);
    const before = at < 0 ? entries : entries.slice(0, at);
    if (!this.#isInRoom) this.#unlogged += before.map(({ lines }) => lines).join("");
    if (at < 0) return;
    if (this.#isInRoom) this.#world.saw("went on");
    else this.#places = [{ entry: awaited.entry, offset: 0 }];
    this.#awaited = undefined;
    this.#reached = awaited;
    this.#mayEnter();
  }

  /** Once it has read that it has joined, and its log has all that was before, it is in the room. */
  #mayEnter(): void {
    this.#isInRoom ||= this.#places.length > 0 && this.#unlogged === "";
  }

  #reports(what: string): void {
    this.#log(`reports: ${what}`);
    const { stream } = this.#world;
    const [sighting] = /redis is back|is considered down|out of sync/.exec(what) ?? [];
    if (sighting) this.#world.saw(sighting);
    const [, lines = "0"] = /^lines lost, .*: (\d+)$/.exec(what) ?? [];
    this.#world.saw("lines lost", Number(lines));
    this.#linesLost += Number(lines);
    if (!what.startsWith("out of sync")) return;
    const wasInRoom = this.#isInRoom;
    this.#isInRoom = false;
    for (const seat of this.seats) if (seat.data instanceof Member) seat.isOutOfSync = true;
    // What is forgotten in time is not forgotten too early: the stream looks after that.
    const isTooLate = this.#places.every(({ entry }) => {
      const next = stream.placed.find(({ before }) => before === entry);
      return next && !stream.entries.includes(next);
    });
    const hasForgotten = stream.forgotten > (this.#here?.forgotten ?? 0);
    const areNamesTaken = what.endsWith("names are taken");
    if (wasInRoom && !hasForgotten && !isTooLate && !areNamesTaken)
      throw new Violation(`server ${this.#index} is out of sync for no reason`);
  }

  /** A server that is there, and reaches the stream, is not to be dropped. */
  dropped(name: string): void {
    const { now, servers, dropped } = this.#world;
    this.#log(`has ${name} considered down`);
    const server = servers.find(({ names }) => names.at(-1) === name);
    dropped.add(/^server(\d+)/.exec(name)?.[1] ?? "");
    if (server?.isAwake && now - server.stuckAtMs >= UP_MS)
      throw new Violation(`server ${this.#index} drops ${name}, which was there`);
  }

  /** It is told which servers there are. */
  looks(servers: States): void {
    const since = (name: string) => this.#seen.get(name) ?? this.#world.now;
    this.#seen = new Map(Array.from(servers.keys(), (name) => [name, since(name)]));
  }

  /** Time has passed: does it reach the stream? */
  passed(): void {
    const { stream, now } = this.#world;
    const link = this.#link;
    const isUp = link?.isInUse && stream.servers.has(this.session.order.name);
    const isStuck = stream.standsStill || stream.isFull || !this.isAwake;
    if (!isUp || isStuck || now - link.waitsSinceMs > STUCK_MS) this.stuckAtMs = now;
  }

  /** What all have, and what is far back, is not in the stream any more. */
  checkTrimmed(): void {
    const { stream, rules } = this.#world;
    const { placed, entries } = stream;
    const known = placed.slice(placed.indexOf(this.#member ?? placed[0]!));
    const keptBytes = Math.max(rules.kept.bytes, 4 * rules.kept.historyBytes);
    if (stream.forgotten > 0 || bytesOf(known) < 3 * keptBytes) return;
    const slack = 8 * (rules.takenBytesMax + 4 * rules.saidBytesMax);
    if (bytesOf(entries) > keptBytes + slack)
      throw new Violation(`the stream keeps ${bytesOf(entries)} bytes`);
  }

  /** It waits only for so long until its leave is answered. */
  endsAtLast(): void {
    if (this.#world.now - this.#closesAtMs <= 10_000 || this.isOver) return;
    this.isOver = true;
    this.session.end();
  }

  /** It is empty, and takes its leave. */
  #close(): void {
    this.#isClosing = true;
    this.#closesAtMs = this.#world.now;
    const link = this.#link;
    const { order } = this.session;
    const { name } = order;
    const wasHere = order.isHere && link?.isInUse === true;
    const placed = this.#world.stream.placed.flatMap(({ lines }) => linesOf(lines));
    if (this.#missingFrom(new Set(placed)).length > this.#linesLost)
      throw new Violation(`${name} stops with lines on their way`);
    this.session.leave(() => {
      if (this.isOver) return;
      this.isOver = true;
      this.session.end();
      const isKnown = this.#world.stream.placed.some(({ by, isLast }) => by === name && isLast);
      if (isKnown) this.#world.saw("leaves");
      // It waits until its leave is known, unless it cannot be.
      const hasForgotten = this.#world.stream.forgotten > (this.#here?.forgotten ?? 0);
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
