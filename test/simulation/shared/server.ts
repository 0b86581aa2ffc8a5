/** One of several servers, from `accept` on, and what happens to it. */

import type { Way } from "../../../lib/doors/door.ts";
import { history } from "../../../lib/extras/history.ts";
import { names } from "../../../lib/extras/names/names.ts";
import type { Context, Part } from "../../../lib/extras/part.ts";
import { presence } from "../../../lib/extras/presence.ts";
import { Session } from "../../../lib/redis/session.ts";
import { LineLog } from "../../../lib/room/line-log.ts";
import { Room } from "../../../lib/room/room.ts";
import { Connections } from "../../../lib/server/connections.ts";
import { ServerModel, type ServerView } from "./model.ts";
import type { Surroundings } from "./rules.ts";
import { SharedSeat } from "./seat.ts";
import { SimulatedLink } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NAMES = ["ann", "bob", "carl", "dora", "eve"];
const CLIENTS_MAX = 9;
/** How long it waits until its leave is answered. */
const LEAVE_MS = 10_000;

/** The one look into a room: what its log takes. */
const servers = new WeakMap<LineLog, Server>();
const append = LineLog.prototype.append;
LineLog.prototype.append = function (author, run) {
  servers.get(this)?.model.takes(author, Buffer.from(run).toString("latin1"));
  append.call(this, author, run);
};

export class Server implements ServerView {
  readonly label: string;
  readonly session: Session;
  readonly model: ServerModel;
  readonly #connections: Connections;
  readonly #way: Way;
  seats: SharedSeat[] = [];
  /** The last one, and those before it of which something is still on its way. */
  links: SimulatedLink[] = [];
  /** All the names it has had; the last one counts. */
  readonly names: string[] = [];
  isTurnDue = false;
  alarmAtMs = NEVER;
  asleepUntilMs = 0;
  isDead = false;
  /** Whether it has ended. */
  isOver = false;
  #stopped: Promise<void> | undefined;
  #closesAtMs = NEVER;

  constructor(
    readonly world: Surroundings,
    readonly index: number,
  ) {
    this.label = `server ${index}`;
    this.model = new ServerModel(world, this);
    this.session = new Session({
      ...world.rules,
      room: "lib",
      open: (onLost) => {
        const link = new SimulatedLink(world.stream, onLost, this.model);
        this.links = [...this.links.filter(({ isOver }) => !isOver), link];
        return link;
      },
      newName: () => {
        const name = `server${index}.${this.names.length}`;
        this.names.push(name);
        return name;
      },
      report: (what) => this.model.reports(what),
    });
    const parts = this.#loadParts();
    const room = this.#openRoom(parts);
    this.#connections = new Connections(room, {});
    this.#way = { kind: "tcp", doors: parts.flatMap(({ door }) => door ?? []), open: 0 };
    this.#connections.ways.push(this.#way);
    void this.session.start(room).catch(() => {});
    servers.set(room.log, this);
  }

  #loadParts(): readonly Part[] {
    const { names: hasNames, announce, lineBytesMax, kept, ...rules } = this.world.rules;
    const parts: Part[] = [this.session];
    const asked = { secrets: {}, parts, onWarning() {} };
    const context = asked as unknown as Context; // all that these parts ask for
    if (hasNames) parts.push(names(context, lineBytesMax));
    const past = { bytes: kept.historyBytes, lines: rules.historyLines };
    if (past.bytes > 0) parts.push(history(past, rules.noticesBytes));
    if (announce) parts.push(presence(context));
    return parts;
  }

  #openRoom(parts: readonly Part[]): Room {
    const { rules } = this.world;
    const entered = this.model.entered.bind(this.model);
    return new Room({
      ...rules,
      order: this.session.order,
      keptBytes: parts.reduce((sum, { keptBytes = 0 }) => sum + keptBytes, 0),
      addedBytesMax: rules.saidBytesMax - rules.lineBytesMax,
      extras: [
        () => ({ joined: ({ cursor }) => entered(cursor.socket as SharedSeat) }), // all are
        ...parts.flatMap(({ extra }) => extra ?? []),
      ],
      now: () => this.world.now,
      wake: (delayMs) => {
        if (delayMs === 0) this.isTurnDue = true;
        else this.alarmAtMs = Math.min(this.alarmAtMs, this.world.now + delayMs);
      },
    });
  }

  get isAwake(): boolean {
    return !this.isDead && !this.isOver && this.world.now >= this.asleepUntilMs;
  }

  get link(): SimulatedLink | undefined {
    return this.links.find(({ isClosed }) => !isClosed);
  }

  #log(event: string): void {
    this.world.trace?.(`${this.label} ${event}`);
  }

  // Its clients.

  connect(): void {
    if (this.#stopped || this.seats.length >= CLIENTS_MAX) return;
    const { rules, random } = this.world;
    const name = `${this.index}.${this.model.clients.length}`;
    const title = rules.names ? random.pick(NAMES) : "";
    const onClosed = (seat: SharedSeat) => this.#connections.closed(seat, this.#way);
    const seat = new SharedSeat(name, title, rules.space, onClosed);
    this.seats.push(seat);
    this.#log(`has ${name}`);
    this.#connections.accept(seat, this.#way);
    this.model.accepted(seat);
  }

  speak(): void {
    const seat = this.#pickClient();
    if (!seat || seat.isPaused || seat.hasEnded || this.#stopped) return;
    const part = seat.speak(this.world.random, this.world.rules.lineBytesMax);
    this.#log(`receives ${JSON.stringify(part)}`);
    seat.data.received(Buffer.from(part));
    if (seat.isPaused) this.world.saw("talkers held");
  }

  finish(): void {
    const seat = this.#pickClient();
    if (!seat?.canFinish || seat.isPaused || seat.hasEnded || this.#stopped) return;
    this.#log(`${seat.name} half-closes`);
    seat.finish();
    seat.data.ended();
  }

  break(): void {
    const seat = this.#pickClient();
    if (!seat) return;
    this.#log(`${seat.name} is gone`);
    seat.terminate();
  }

  drain(): void {
    const { random } = this.world;
    if (this.seats.length > 0) random.pick(this.seats).drain(random.between(1, 100));
  }

  #pickClient(): SharedSeat | undefined {
    const clients = this.seats.filter(({ isHere, isClosed }) => isHere && !isClosed);
    return clients.length > 0 ? this.world.random.pick(clients) : undefined;
  }

  // The server itself.

  turn(): void {
    this.isTurnDue = false;
    this.alarmAtMs = NEVER;
    this.#connections.flush();
    this.seats = this.seats.filter(({ isClosed }) => !isClosed);
    if (this.#closesAtMs !== NEVER || !this.#stopped) return;
    if (Bun.peek.status(this.#stopped) === "fulfilled") this.#close();
  }

  /** It is empty, and takes its leave. */
  #close(): void {
    this.#closesAtMs = this.world.now;
    const left = this.model.leaves();
    this.session.leave(() => {
      if (!this.isOver) left();
      this.#end();
    });
  }

  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.session.end();
  }

  /** Time has passed. */
  passed(): void {
    this.model.passed();
    if (!this.isAwake) return;
    this.link?.passed();
    if (this.alarmAtMs <= this.world.now) this.turn();
    if (this.world.now - this.#closesAtMs > LEAVE_MS) this.#end();
  }

  /** The stream does something that this server has asked for. */
  work(): void {
    if (this.links.length > 0) this.world.random.pick(this.links).work();
  }

  answer(): boolean {
    const { random, rules } = this.world;
    return this.link?.answer(random.between(1, rules.entriesMax)) ?? false;
  }

  /** Does all that is to be done now; returns whether there was anything. */
  settle(): boolean {
    let moved = false;
    for (const link of this.links) while (link.work()) moved = true;
    while (this.answer()) moved = true;
    for (const seat of this.seats) moved = seat.drain(NEVER) || moved;
    if (!this.isTurnDue) return moved;
    this.turn();
    return true;
  }

  // Its faults.

  cut(): void {
    if (!this.link) return;
    this.world.happens("is cut off", this.label);
    this.link.cut(this.world.random.below(5));
  }

  mute(): void {
    if (!this.link) return;
    this.world.happens("gets no answers", this.label);
    this.link.isMute = true;
  }

  sleep(): void {
    const { now, random } = this.world;
    // In the middle of something, or when nothing of it is on its way any more.
    if (random.chance(500)) for (let round = 0; round < 50 && this.settle(); round++);
    this.asleepUntilMs = now + random.between(1, 60_000);
    this.world.happens("sleeps", this.label, ` until ${this.asleepUntilMs} ms`);
  }

  die(): void {
    this.world.happens("dies", this.label);
    this.isDead = true;
    for (const link of this.links) link.close();
  }

  stop(): void {
    if (this.#stopped) return;
    this.world.happens("is told to stop", this.label);
    this.#stopped = this.#connections.stop(1e9);
  }
}
