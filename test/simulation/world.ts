/**
 * One seed makes one world: a room, the weather of its network, and what happens
 * there, step by step on simulated time, while the model looks on.
 */

import { LineLog } from "../../lib/room/line-log.ts";
import { type Member, Room } from "../../lib/room/room.ts";
import { Model, type Rules, Violation } from "./model.ts";
import { Connection, type Network, type Reading, type Talk, type Weather } from "./network.ts";
import { Random } from "./random.ts";
import type { Seat } from "./seat.ts";
import type { Sightings } from "./sightings.ts";

/** How many events may follow once no more is said, before the room is restless. */
const EVENTS_TO_REST = 20_000;
/** A log of more than this is one of the few that are large enough to be gathered from in parts. */
const LARGE_BYTES = 256 << 10;

/** A world that went wrong: its seed replays it. */
export class WorldFailure extends Error {
  constructor(
    readonly seed: number,
    readonly step: number,
    override readonly cause: unknown,
  ) {
    super(`seed ${seed}, step ${step}: ${cause instanceof Error ? cause.message : cause}`);
  }
}

/**
 * Runs the world of a seed to its end.
 *
 * @param trace told what happens, one line an event
 * @returns what was seen
 * @throws {WorldFailure} at the first promise that is not kept
 */
export function runWorld(seed: number, trace?: (line: string) => void): Sightings {
  const world = new World(seed, trace);
  try {
    world.run();
  } catch (cause) {
    throw new WorldFailure(seed, world.step, cause);
  } finally {
    onSaid = undefined;
  }
  world.model.seen.worlds = 1;
  return world.model.seen;
}

/** The one look into the room: the order it gives to what is said is the order of its log. */
let onSaid: ((speaker: Seat, run: Uint8Array) => void) | undefined;
const append = LineLog.prototype.append;
LineLog.prototype.append = function (speaker, run) {
  onSaid?.(seatOf(speaker as Member), run); // in a room, members speak
  append.call(this, speaker, run);
};

function seatOf(member: Member): Seat {
  return (member.socket as Connection).seat; // in a world, every socket is one
}

/** What can happen, and how often: the weights are chosen for each world. */
const EVENTS = [
  "connect",
  "speak",
  "finish",
  "deliverFin",
  "break",
  "fail",
  "read",
  "drain",
  "drainForNothing",
  "close",
  "answer",
  "change",
  "reserve",
  "turn",
  "time",
  "stop",
] as const;
type Event = (typeof EVENTS)[number];

class World implements Network {
  readonly random: Random;
  readonly model: Model;
  readonly room: Room;
  readonly weather: Weather;
  readonly talk: Talk;
  readonly trace: ((event: string) => void) | undefined;
  step = 0;

  readonly #steps: number;
  readonly #connectionsMax: number;
  readonly #inFlightMax: number;
  readonly #readings: readonly Reading[];
  readonly #weights: Record<Event, number>;
  readonly #weightsSum: number;
  #connections: Connection[] = [];
  #connected = 0;
  #arriving: Seat | undefined;
  /** What the room has asked for. */
  #turnDue = false;
  #alarmAtMs = Number.POSITIVE_INFINITY;

  constructor(seed: number, trace?: (line: string) => void) {
    const random = new Random(seed);
    this.random = random;
    this.trace = trace && ((event) => trace(`${this.step}\t${this.model.now} ms\t${event}`));
    const rules = chooseRules(random);
    this.model = new Model(rules);
    this.weather = chooseWeather(random);
    const isLarge = rules.logBytes > LARGE_BYTES;
    this.talk = isLarge ? "long" : random.pick<Talk>(["terse", "mixed", "mixed", "long"]);
    this.#steps = random.pick([30, 60, 120, 250]);
    this.#connectionsMax = random.between(2, 14);
    this.#inFlightMax = isLarge ? rules.logBytes : random.pick([1, 7, 40, 300, rules.logBytes]);
    this.#readings = random.pick(READINGS);
    this.#weights = chooseWeights(random);
    this.#weightsSum = EVENTS.reduce((sum, event) => sum + this.#weights[event], 0);
    this.room = this.#openRoom(rules);
    trace?.(`rules ${JSON.stringify(rules)}\nweather ${JSON.stringify(this.weather)}`);
  }

  run(): void {
    onSaid = (speaker, run) => {
      this.trace?.(`the room says ${run.length} bytes of ${speaker.name}`);
      this.model.said(speaker, run);
    };
    for (this.step = 1; this.step <= this.#steps && !this.model.stopped; this.step++) {
      this.#happen();
      this.#check();
    }
    this.#rest();
    if (!this.model.stopping) this.#stop(60_000);
    this.#rest();
    if (!this.model.stopped) throw new Violation("never stops");
  }

  #openRoom(rules: Rules): Room {
    return new Room({
      ...rules,
      now: () => this.model.now,
      wake: (delayMs) => {
        if (delayMs === 0) this.#turnDue = true;
        else this.#alarmAtMs = Math.min(this.#alarmAtMs, this.model.now + delayMs);
      },
      onJoin: (member) => this.model.joined(seatOf(member)),
      onRefuse: (_, word) => {
        if (this.#arriving) this.model.refused(this.#arriving, word);
      },
      onLeave: (member, reason) => {
        this.trace?.(`${seatOf(member).name} leaves: ${reason}`);
        this.model.left(seatOf(member), reason);
      },
    });
  }

  /** One event, of those that are possible now. */
  #happen(): void {
    for (let tries = 0; tries < 20; tries++) if (this.#try(this.#pickEvent())) return;
  }

  #try(event: Event): boolean {
    switch (event) {
      case "connect":
        return this.#connect();
      case "turn":
        // A flush nobody asked for is harmless.
        return (this.#turnDue || this.random.chance(30)) && this.#flush();
      case "time":
        return this.#pass();
      case "stop":
        return !this.model.stopping && this.#stop(this.random.pick([0, 40, 1000, 5000]));
      case "reserve":
        return this.#reserve();
      case "change":
        return this.#change();
      default: {
        if (this.#connections.length === 0) return false;
        return this.random.pick(this.#connections)[event]();
      }
    }
  }

  #pickEvent(): Event {
    let at = this.random.below(this.#weightsSum);
    for (const event of EVENTS) {
      at -= this.#weights[event];
      if (at < 0) return event;
    }
    return "time";
  }

  #connect(): boolean {
    if (this.#connected >= this.#connectionsMax) return false;
    const name = `peer ${++this.#connected}`;
    this.trace?.(`${name} connects`);
    const seat = this.model.arrive(name);
    const connection = new Connection(this, seat, this.random.between(1, this.#inFlightMax));
    connection.reading = this.random.pick(this.#readings);
    this.#connections.push(connection);
    this.#arriving = seat;
    this.model.joining = true;
    connection.member = this.random.chance(50)
      ? this.room.refuse(connection, name, "go away")
      : this.room.join(connection, name);
    this.model.joining = false;
    this.#arriving = undefined;
    this.model.arrived(seat);
    return true;
  }

  /** A connection that is not a member yet takes a seat, or gives it back. */
  #reserve(): boolean {
    if (this.model.reserved > 0 && this.random.chance(600)) {
      this.room.releaseSeat();
      this.model.releases();
    } else {
      this.model.reserves(this.room.reserveSeat());
    }
    this.trace?.(`${this.model.reserved} seats are reserved`);
    return true;
  }

  #change(): boolean {
    if (this.#connections.length === 0) return false;
    const connection = this.random.pick(this.#connections);
    connection.reading = this.random.pick(this.#readings);
    this.trace?.(`${connection.seat.name} reads ${connection.reading} from now on`);
    return true;
  }

  /** Time goes on: to the alarm, or less; within a turn, only a little. */
  #pass(): boolean {
    const { random, model } = this;
    const alarmInMs = this.#alarmAtMs - model.now;
    if (this.#turnDue) {
      if (random.chance(900)) return this.#flush();
      this.#goOn(random.between(1, 4));
    } else if (alarmInMs === Number.POSITIVE_INFINITY) {
      this.#goOn(random.between(1, 300));
    } else if (random.chance(300)) {
      this.#goOn(random.below(Math.ceil(alarmInMs)));
    } else {
      this.#goOn(alarmInMs + (random.chance(200) ? random.between(1, 40) : 0)); // alarms may be late
      this.#flush();
    }
    return true;
  }

  #goOn(delayMs: number): void {
    if (!this.#turnDue) this.model.checkAlarm(this.#alarmAtMs);
    this.model.pass(delayMs, this.#turnDue);
  }

  /** Any flush answers all that was asked for, as in `listen`. */
  #flush(): true {
    this.trace?.("the room flushes");
    this.#turnDue = false;
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    this.room.flush();
    this.model.checkFlush(this.#turnDue);
    return true;
  }

  #stop(graceMs: number): true {
    this.trace?.(`the room is told to stop within ${graceMs} ms`);
    this.model.stop(graceMs);
    this.room.stop(graceMs, () => {
      this.trace?.("the room has stopped");
      this.model.checkStopped();
    });
    return true;
  }

  #check(): void {
    this.#connections = this.#connections.filter((connection) => !connection.over);
    if (!this.model.stopped) this.model.checkStep(this.room, this.#turnDue);
  }

  /** Nobody speaks any more, and those who read at all read on, until nothing is left to happen. */
  #rest(): void {
    this.trace?.("from now on nobody speaks");
    for (let events = 0; events < EVENTS_TO_REST; events++) {
      if (this.model.stopped) return;
      this.step++;
      if (!this.#settle()) {
        this.model.checkRest((seat) => this.#reads(seat));
        return;
      }
      this.#check();
    }
    throw new Violation("the room never comes to rest");
  }

  /** Whatever can still happen, does; time goes on when nothing else can. */
  #settle(): boolean {
    let moved = false;
    for (const connection of this.#connections) {
      if (connection.reading !== "not at all") connection.reading = "fast";
      for (const event of ["read", "close", "drain", "answer", "deliverFin"] as const)
        moved = connection[event]() || moved;
    }
    if (this.#turnDue) return this.#flush();
    if (moved) return true;
    if (this.#alarmAtMs === Number.POSITIVE_INFINITY) return false;
    this.#goOn(this.#alarmAtMs - this.model.now);
    return this.#flush();
  }

  #reads(seat: Seat): boolean {
    return this.#connections.some(
      (connection) => connection.seat === seat && connection.reading !== "not at all",
    );
  }
}

const READINGS: readonly (readonly Reading[])[] = [
  ["fast"],
  ["fast", "fast", "fast", "slow"],
  ["fast", "fast", "slow", "in bursts", "not at all"],
  ["slow", "in bursts"],
  ["fast", "not at all"],
];

function chooseRules(random: Random): Rules {
  const large = random.below(400) === 0;
  const logBytes = large
    ? LARGE_BYTES + random.between(1, LARGE_BYTES)
    : random.pick([8, 40, 100, 300, 900]) + random.below(60);
  const lineBytesMax = large
    ? 32 << 10
    : Math.min(logBytes, random.pick([1, 5, 16, 60, 200, logBytes]));
  const readBytesMax = large ? 64 << 10 : random.pick([3, 20, 80, 2 * logBytes]);
  return {
    logBytes,
    lineBytesMax,
    patienceMs: random.pick([0, 1, 50, 100, 250, 1000, 10_000]),
    lingerMs: random.pick([0, 1, 100, 2000]),
    membersMax: random.between(1, 8),
    lingerersMax: random.between(1, 4),
    // What arrives at once is said within a minute.
    linesPerSecond: large
      ? undefined
      : random.pick([undefined, undefined, readBytesMax > 80 ? 50 : 2, 1000]),
    idleMs: large ? undefined : random.pick([undefined, undefined, 40, 300, 2000]),
    readBytesMax,
  };
}

function chooseWeather(random: Random): Weather {
  return {
    shortWrite: random.pick([0, 100, 500]),
    lossInWrite: random.pick([0, 0, 10, 60]),
    closeAtOnce: random.pick([0, 300, 1000]),
    closeNever: random.pick([0, 300]),
    politePeer: random.pick([300, 900, 1000]),
    tooLong: random.pick([0, 0, 5, 40]),
  };
}

function chooseWeights(random: Random): Record<Event, number> {
  return {
    connect: random.pick([30, 100]),
    speak: random.pick([50, 200, 500]),
    finish: random.pick([0, 3, 15]),
    deliverFin: random.pick([5, 30]),
    break: random.pick([0, 3, 15]),
    fail: random.pick([0, 0, 3]),
    read: random.pick([30, 100, 300]),
    drain: random.pick([30, 100]),
    drainForNothing: random.pick([0, 5]),
    close: random.pick([3, 30]),
    answer: random.pick([5, 30]),
    change: random.pick([0, 10]),
    reserve: random.pick([0, 0, 10]),
    turn: random.pick([50, 200, 500]),
    time: random.pick([20, 100]),
    stop: random.pick([0, 0, 3, 20]),
  };
}
