/**
 * One seed makes one world: a server, the weather of its network, and what happens
 * there, step by step on simulated time, while the model looks on.
 */

import type { Way } from "../../lib/doors/door.ts";
import type { BotEvents, BotRoom } from "../../lib/extras/bot.ts";
import type { Context, Part } from "../../lib/extras/part.ts";
import type { Extra } from "../../lib/room/extra.ts";
import type { Author } from "../../lib/room/order.ts";
import { Room } from "../../lib/room/room.ts";
import type { Life } from "../../lib/room/socket.ts";
import { Connections } from "../../lib/server/connections.ts";
import { CERTIFICATE } from "./certificate.ts";
import { Model } from "./model.ts";
import { loadParts } from "./parts.ts";
import type { Network } from "./peer-lines.ts";
import { Random } from "./random.ts";
import { ADDRESSES, type Choices, choose, choosePassPhrase, type Event } from "./rules.ts";
import { Seat, Violation } from "./seat.ts";
import type { Sightings } from "./sightings.ts";
import { show } from "./state.ts";
import { Connection, type Handlers } from "./tcp.ts";
import { WebConnection } from "./web.ts";

/** How many events may follow once no more is sent, before the room is restless. */
const EVENTS_TO_REST = 20_000;

/** How many of them leave those slow who are; then they read all that comes. */
const SLOW_EVENTS = 100;

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
  }
  world.model.state.saw("worlds");
  return world.model.state.seen;
}

/** What happens, but not to one connection. */
type OwnEvent = Extract<Event, keyof World>;

class World implements Network {
  readonly random: Random;
  readonly model: Model;
  readonly choices: Choices;
  readonly trace: ((event: string) => void) | undefined;
  step = 0;

  readonly #room: Room;
  readonly #server: Connections;
  readonly #webWay: Way;
  readonly #handlers: Handlers;
  /** What may happen, each as often as it has weight. */
  readonly #events: readonly Event[];
  #connections: (Connection | WebConnection)[] = [];
  #connected = 0;
  readonly #seats = new Map<string, Seat>();
  /** What the server has asked for. */
  #turnDue = false;
  #alarmAtMs = Number.POSITIVE_INFINITY;
  #stopped: Promise<void> | undefined;
  #bot: BotRoom | undefined;
  /** What the bot finds wrong: what it throws does not end a turn. */
  #thrownByBot: unknown;
  /** What the bot was promised that it will be sent. */
  readonly #promises: Promise<boolean>[] = [];

  constructor(seed: number, trace?: (line: string) => void) {
    const random = new Random(seed);
    this.random = random;
    this.trace = trace && ((event) => trace(`${this.step}\t${this.model.state.now} ms\t${event}`));
    const choices = choose(random);
    const { rules, weather, weights } = choices;
    this.choices = choices;
    const kinds = Object.entries(weights) as [Event, number][]; // and no others
    this.#events = kinds.flatMap(([event, weight]) => Array<Event>(weight).fill(event));
    this.model = new Model(rules);
    const { state } = this.model;
    const parts: Part[] = [];
    const context: Context & { readonly parts: Part[] } = {
      secrets: {
        ...(rules.handshake && { tls: CERTIFICATE }),
        get passPhrase() {
          return Buffer.from(state.passPhrase ?? "", "latin1");
        },
      },
      parts,
      handlers: () => this.#handlers as unknown as Bun.SocketHandler<Life>,
      onWarning() {},
      onError: undefined,
      arrivalMs: rules.arrivalMs,
    };
    const program = (bot: BotRoom) => this.#program(bot);
    loadParts(rules, context, program, () => this.model.presence.flushes());
    this.#room = this.#openRoom(parts);
    this.#server = new Connections(this.#room, rules);
    const kind = rules.unix ? "unix" : rules.handshake ? "tls" : "tcp";
    const doors = parts.flatMap(({ door }) => door ?? []);
    const way: Way = { kind, doors, open: 0 };
    this.#webWay = { kind: "web", doors: doors.filter(({ isTransport }) => !isTransport), open: 0 };
    this.#server.ways.push(way, this.#webWay);
    // They take a simulated socket as well as one of `Bun.listen`.
    this.#handlers = this.#server.handlers(way) as unknown as Handlers;
    trace?.(`rules ${JSON.stringify(rules)}\nweather ${JSON.stringify(weather)}`);
  }

  run(): void {
    const { random } = this;
    for (this.step = 1; this.step <= this.choices.steps && !this.model.stopped; this.step++) {
      for (let tries = 0; tries < 20; tries++)
        if (this.#try(random.pick(this.#events)) !== false) break;
      this.#check();
    }
    this.#rest();
    if (!this.#stopped) this.stop(60_000);
    this.#rest();
    if (!this.model.stopped) throw new Violation("never stops");
    while (this.#turnDue) this.#flush();
    if (this.#promises.some((isSent) => Bun.peek(isSent) !== true))
      throw new Violation("does not tell that a line was sent");
  }

  #openRoom(parts: readonly Part[]): Room {
    const { model } = this;
    const { state } = model;
    const authors = new WeakMap<Author, Seat>();
    const told: Extra = {
      joined: ({ label, cursor }) => {
        const seat = this.#seatOf(label);
        authors.set(cursor, seat);
        model.joined(seat);
      },
      left: ({ label }, reason) => model.isSilent(this.#seatOf(label), reason),
      refused: (label, why) => {
        this.trace?.(`${label} is refused: ${why}`);
        model.entrance.refused(this.#seatOf(label), why);
      },
      gone: ({ label }, reason) => {
        this.trace?.(`${label} leaves: ${reason}`);
        model.left(this.#seatOf(label), reason);
      },
    };
    const room = new Room({
      ...state.rules,
      now: () => state.now,
      wake: (delayMs) => {
        if (delayMs === 0) this.#turnDue = true;
        else this.#alarmAtMs = Math.min(this.#alarmAtMs, state.now + delayMs);
      },
      extras: [
        () => told,
        ...parts.flatMap(({ extra }) => extra ?? []),
        () => ({ joined: ({ label }) => model.sending.begins(this.#seatOf(label)) }),
      ],
    });
    // The one look into it: the order it gives to what is sent is the order of its log.
    const append = room.log.append.bind(room.log);
    room.log.append = (author, run) => {
      const sender = authors.get(author);
      this.trace?.(`the room sends ${show(run)} of ${sender?.name}`);
      model.sent(sender, run);
      append(author, run);
    };
    return room;
  }

  /** A bot, which answers at once now and then. */
  #program(room: BotRoom): BotEvents {
    this.#bot = room;
    const { model, random } = this;
    const isTold = (what: string) => {
      this.trace?.(`the bot is told ${JSON.stringify(what)}`);
      try {
        model.deadlines.leaveDue();
        model.sending.isTold(what);
        if (random.chance(300)) this.botSend();
        if (random.chance(20)) this.disconnect();
      } catch (error) {
        this.#thrownByBot ??= error;
      }
    };
    return {
      onJoin: ({ name }) => isTold(`${name} joined`),
      onLine: (line, { name }) => isTold(`${name}> ${line}`),
      onLeave: ({ name }, reason) => isTold(`${name} left: ${reason}`),
    };
  }

  /** The bot sends a line. */
  botSend(): false | void {
    const { random, model } = this;
    if (this.#bot === undefined) return false;
    const { lineBytesMax } = this.choices.rules;
    const length = Math.min(random.below(20), lineBytesMax - 1);
    const line = Buffer.alloc(length, random.pick(["b", "o"]));
    this.trace?.(`the bot sends ${show(line)}`);
    model.sending.botSends(line);
    const isSent = this.#bot.send(line);
    if (!model.state.stopping) this.#promises.push(isSent);
    else if (Bun.peek(isSent) !== false) throw new Violation("promises to send a line too late");
  }

  /** The program around the room disconnects a member, or one that leaves already. */
  disconnect(): false | void {
    const { random, model } = this;
    const { members } = this.#room;
    if (members.size === 0) return false;
    const member = random.pick([...members]);
    const reason = random.pick(["flooding", "rude"]);
    this.trace?.(`${member.label} is disconnected: ${reason}`);
    model.sending.disconnects(this.#seatOf(member.label), reason);
    member.disconnect(reason);
  }

  /** By how it is reported: its address, with its own name before it if it has one. */
  #seatOf(label: string): Seat {
    const seat = this.#seats.get(label.slice(label.indexOf(" ") + 1));
    if (!seat) throw new Violation(`there is nobody called ${label}`);
    seat.demand(seat.state !== "member" || seat.label === label, `called ${label} in a report`);
    return seat;
  }

  /** One event; false if it is not possible now. */
  #try(event: Event): false | void {
    if (event in this) return this[event as OwnEvent]();
    if (this.#connections.length === 0) return false;
    return this.random.pick(this.#connections)[event as Exclude<Event, OwnEvent>]();
  }

  connect(): false | void {
    const { random, model } = this;
    const { peersMax, readings, rules } = this.choices;
    if (this.#connected >= peersMax || model.stopped) return false;
    // A few may still be on their way when the server stops.
    const { stopAtMs = Number.POSITIVE_INFINITY, now } = model.state;
    if (model.state.stopping && (now >= stopAtMs || !random.chance(300))) return false;
    const isWeb = !rules.unix && !rules.handshake && random.chance(this.choices.weather.web);
    const seat = this.#newSeat(isWeb);
    this.#seats.set(seat.name, seat);
    this.trace?.(`${seat.name} connects`);
    if (isWeb) model.state.saw("web sockets");
    const inFlightMax = random.between(1, this.choices.inFlightMax);
    let address = rules.unix ? undefined : seat.address;
    // IPv4 addresses may come as IPv6.
    if (address?.includes(".") && !random.chance(700)) address = `::ffff:${address}`;
    const reading = random.pick(readings);
    const place = { port: this.#connected, address, inFlightMax, reading };
    const connection = isWeb
      ? new WebConnection(this, this.#server, this.#webWay, seat, place)
      : new Connection(this, this.#handlers, seat, place);
    this.#connections.push(connection);
    model.entrance.accepts(seat);
    connection.open();
    model.entrance.accepted(seat);
  }

  /** Where the next peer comes from, and what reports will call it. */
  #newSeat(isWeb: boolean): Seat {
    const { random, choices } = this;
    const { unix } = choices.rules;
    const hasNone = !unix && !isWeb && random.chance(choices.weather.noAddress);
    const address = unix ? "" : hasNone ? undefined : random.pick(ADDRESSES).replace("::ffff:", "");
    const host = unix ? "unix" : address?.includes(":") ? `[${address}]` : address;
    return new Seat(`${isWeb ? "web:" : ""}${host}:${++this.#connected}`, address);
  }

  /** Newcomers have to send another pass phrase from now on. */
  renew(): false | void {
    const { state } = this.model;
    if (state.passPhrase === undefined) return false;
    state.passPhrase = choosePassPhrase(this.random, this.choices.rules.telnet);
    state.saw("new pass phrases");
    this.trace?.(`the pass phrase is ${JSON.stringify(state.passPhrase.slice(0, 20))} from now on`);
  }

  change(): false | void {
    if (this.#connections.length === 0) return false;
    const connection = this.random.pick(this.#connections);
    connection.reading = this.random.pick(this.choices.readings);
    this.trace?.(`${connection.seat.name} reads ${connection.reading} from now on`);
  }

  /** Time goes on: to the alarm, or less; within a turn, only a little. */
  time(): false | void {
    const { random, model } = this;
    const alarmInMs = this.#alarmAtMs - model.state.now;
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
  }

  #goOn(delayMs: number): void {
    if (!this.#turnDue) this.model.deadlines.checkAlarm(this.#alarmAtMs);
    this.model.deadlines.pass(delayMs, this.#turnDue);
    for (const connection of this.#connections) connection.readsMeanwhile();
  }

  /** The server does the work of a turn; a flush nobody asked for is harmless. */
  turn(): false | void {
    return (this.#turnDue || this.random.chance(30)) && this.#flush();
  }

  /** Any flush answers all that was asked for, as in `listen`. */
  #flush(): void {
    this.trace?.("the server flushes");
    this.#turnDue = false;
    this.#alarmAtMs = Number.POSITIVE_INFINITY;
    this.model.isFlushing = true;
    const { atEndOfTurn } = this.#server;
    if (atEndOfTurn.length !== this.model.entrance.waiting.length)
      throw new Violation(`${atEndOfTurn.length} wait for the end of the turn`);
    for (const [at, decide] of atEndOfTurn.entries())
      atEndOfTurn[at] = () => this.model.decides(decide);
    this.#server.flush();
    this.model.isFlushing = false;
    if (this.#thrownByBot) throw this.#thrownByBot;
    this.model.checkFlush(this.#turnDue);
  }

  stop(graceMs = this.random.pick([0, 40, 1000, 5000])): false | void {
    this.trace?.(`the server is told to stop within ${graceMs} ms`);
    if (!this.#stopped) this.model.stop(graceMs);
    const stopped = this.#server.stop(graceMs);
    if (stopped !== (this.#stopped ??= stopped)) throw new Violation("stops twice");
  }

  #check(): void {
    const { model } = this;
    this.#connections = this.#connections.filter((connection) => !connection.over);
    model.checkStep(this.#server, this.#turnDue);
    const hasStopped = this.#stopped && Bun.peek.status(this.#stopped) === "fulfilled";
    if (Boolean(hasStopped) !== model.stopped) throw new Violation("sends wrongly when it stops");
  }

  /** Nobody sends any more, and those who read at all read on, until nothing is left to happen. */
  #rest(): void {
    this.trace?.("from now on nobody sends");
    for (const connection of this.#connections) if (!connection.isSlow) connection.readOn();
    for (let events = 0; events < EVENTS_TO_REST; events++) {
      if (this.model.stopped) return;
      this.step++;
      const isOver = this.#settle() === false;
      const slow = this.#connections.filter((connection) => connection.isSlow);
      if (isOver || events >= SLOW_EVENTS) for (const connection of slow) connection.readOn();
      if (isOver && slow.length === 0) {
        const readers = this.#connections.filter(({ reading }) => reading !== "not at all");
        return this.model.checkRest(new Set(readers.map(({ seat }) => seat)));
      }
      this.#check();
    }
    throw new Violation("the server never comes to rest");
  }

  /** Whatever can still happen, does; time goes on when nothing else can. */
  #settle(): false | void {
    let moved = false;
    for (const connection of this.#connections) {
      const reads = connection.isSlow ? [] : (["read", "drain"] as const);
      for (const event of [...reads, "close", "answer", "deliverFin"] as const)
        if (connection[event]() !== false) moved = true;
    }
    if (this.#turnDue) return this.#flush();
    if (moved) return;
    if (this.#alarmAtMs === Number.POSITIVE_INFINITY) return false;
    this.#goOn(this.#alarmAtMs - this.model.state.now);
    this.#flush();
  }
}
