/**
 * What a server has with the stream: a connection, and after that is lost, another one.
 *
 * After a lost connection it joins again. What it has sent and not read back before the entry of that
 * joining will never be in the stream, and is added then. Each entry names the one before it: a server
 * that has read another one there is out of sync, disconnects its members, and joins as a new one.
 * And each entry tells how far its server has read: no server sends more than a bounded amount that a
 * living one has not read. Every second it tells that it is there, and looks at the others; one that has
 * not changed in several looks is considered down.
 */

import { setTimeout } from "node:timers/promises";

import type { Figure, Part, Reservations } from "../extras/part.ts";
import { UserError } from "../program/system-errors.ts";
import type { Room } from "../room/room.ts";
import type { Request } from "./outgoing.ts";
import { StreamOrder } from "./stream-order.ts";
import type { SessionOptions, States, StreamLink, Trouble } from "./stream.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** How long until a connection is tried again. */
const RETRY_MS = 250;
/** How long to wait until the other servers know that this one leaves. */
const LEAVE_MS = 500;
/** How long from one look at the others to the next. */
const BEAT_MS = 1_000;

export class Session implements Part {
  readonly order: StreamOrder;
  readonly reservations: SharedNames;
  readonly #options: SessionOptions;
  /** Until it has joined for the first time. */
  #starting: PromiseWithResolvers<void> | undefined;
  /** None while Redis is away. */
  #link: StreamLink | undefined;
  /** When it connects and joins, or tells that it is there: never while it waits for an answer, or leaves. */
  #dueAtMs = 0;
  #isReading = false;
  /** Until it is here again: since when it is not, what it was called, and what was reported of it. */
  #away: { readonly sinceMs: number; readonly name: string; trouble?: Trouble } | undefined;
  /** Once it leaves: told when the others know, or cannot know. */
  #onLeft: (() => void) | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.order = new StreamOrder(options, (now) => this.#flush(now));
    this.reservations = sharedNames((request) => this.order.add(request));
  }

  get note(): string {
    return `sharing the room ${this.#options.room}, as server ${this.order.name}`;
  }

  /** None if it is here: what is sent gets its place. */
  ailment(): string | undefined {
    return this.order.isHere ? undefined : "redis is away";
  }

  figures(): readonly Figure[] {
    const { now, outgoing, peers, kept } = this.order;
    const lagMs = now - (this.#away?.sinceMs ?? outgoing.sinceMs ?? now);
    return [
      ["linechat_stream_up", "Whether Redis is there, 1, or away, 0.", this.ailment() ? 0 : 1],
      ["linechat_stream_servers", "Servers that share the room.", peers.count + 1],
      ["linechat_stream_lag_seconds", "Wait of the oldest line sent here.", lagMs / 1000],
      ["linechat_stream_pending_bytes", "Sent here and not with all servers yet.", outgoing.bytes],
      ["linechat_stream_kept_bytes", "Kept in Redis for servers that come back.", kept.bytes],
    ];
  }

  /** Begins, for a room; resolves once this server has joined, rejects if it cannot. */
  start(room: Room): Promise<void> {
    this.order.room = room;
    room.wake(0);
    this.#starting = Promise.withResolvers();
    return this.#starting.promise;
  }

  async close(): Promise<void> {
    const left = new Promise<void>((done) => this.leave(done));
    await Promise.race([left, setTimeout(LEAVE_MS, undefined, { ref: false })]);
    this.end();
  }

  /** Takes leave of the other servers; `done` is told once they know, or cannot know. Then, `end`. */
  leave(done: () => void): void {
    this.#onLeft = done;
    this.#dueAtMs = NEVER;
    if (this.order.isHere) this.order.add({ request: "leave", done });
    else done();
  }

  /** Ends at once; what has not come back by then counts as lost. */
  end(): void {
    this.#disconnect();
    this.#abandon();
  }

  /** Connects, joins or tells that it is there, when it is time; adds and reads. */
  #flush(now: number): number {
    this.#noteHere();
    if (now >= this.#dueAtMs) {
      this.#dueAtMs = NEVER;
      this.#link ??= this.#options.open((trouble, why) => this.#onLost(trouble, why));
      this.#beat(this.#link);
    }
    if (this.#link && this.order.joinedAt !== undefined) this.#addAndRead(this.#link);
    return this.#dueAtMs;
  }

  #wakeIn(ms: number): void {
    const { now, room } = this.order;
    this.#dueAtMs = this.#onLeft ? NEVER : now + ms;
    room?.wake(0);
  }

  #beat(link: StreamLink): void {
    const { order } = this;
    if (order.joinedAt !== undefined)
      return link.beat(order.progress(), (last, servers) => {
        order.last = last;
        this.#look(servers);
      });
    link.join({ ...order.joining(), keys: this.reservations.granted() }, (id, after, servers) => {
      const isRefused = id === "";
      const why = isRefused ? after : order.joined(id, after);
      // Others with other options may be down: then they are forgotten in a few looks.
      if (why === undefined || (isRefused && !order.isMember && !order.peers.areUp))
        return this.#look(servers);
      this.#onLost(order.isMember ? "out of sync" : "cannot share the room", why);
    });
  }

  /** Sees which of the others are still there. */
  #look(servers: States): void {
    const { order } = this;
    const down = (name: string) => this.#options.report(`server ${name} is considered down`);
    order.peers.look(servers, order.name).forEach(down);
    for (const [name, state] of order.peers.silent)
      this.#link?.drop(name, state, (keys) => {
        if (keys) down(name);
        this.reservations.onDown?.(keys ?? []);
      });
    this.#wakeIn(BEAT_MS);
  }

  #addAndRead(link: StreamLink): void {
    const { order } = this;
    if (order.isHere) for (const entry of order.take()) link.add(entry);
    if (this.#isReading || order.isHeldUp()) return;
    this.#isReading = true;
    const { last, position } = order;
    link.read(position, order.name, (entries) => {
      this.#isReading = false;
      order.room?.wake(0);
      const why = order.receive(entries, last);
      if (why) this.#onLost("out of sync", why);
      else this.#noteHere();
    });
  }

  /** Once it is here again, and clients may join: what they send has its place. */
  #noteHere(): void {
    const { report } = this.#options;
    const { name, now, isHere, isMember } = this.order;
    if (!isHere || !isMember || !(this.#starting ?? this.#away)) return;
    const { trouble, sinceMs = now, name: before } = this.#away ?? {};
    if (trouble) report(`redis is back after ${((now - sinceMs) / 1000).toFixed(1)} s`);
    if (this.#starting) this.#starting.resolve();
    else if (name !== before) report(`shares the room again, as server ${name}`);
    this.#starting = this.#away = undefined;
  }

  /** The connection is of no use any more, and another one is to follow. */
  #onLost(trouble: Trouble, why: string): void {
    const { order } = this;
    const { room, report } = this.#options;
    this.#disconnect();
    this.#away ??= { sinceMs: order.now, name: order.name };
    // What is out of sync begins again, without what is lost.
    if (this.#starting && trouble !== "out of sync")
      this.#starting.reject(new UserError(`cannot share the room ${room}: ${why}`));
    else if (trouble !== this.#away.trouble) report(`${trouble}: ${why}`);
    // No member is to receive what does not follow; those that join next receive what follows that. And
    // what was read in part, before there can be members, is read again from its beginning.
    if (trouble === "out of sync" || !(order.isMember || order.isNew)) this.#abandon();
    if (trouble !== "out of sync") this.#away.trouble = trouble;
    this.#onLeft?.();
    this.#wakeIn(RETRY_MS);
  }

  #disconnect(): void {
    this.#link?.close();
    this.#link = undefined;
    this.order.joinedAt = undefined;
    this.#isReading = false;
  }

  #abandon(): void {
    this.reservations.forget();
    this.order.abandon();
  }
}

/** The names that members of this server ask for, where members of other servers may have them. */
interface SharedNames extends Reservations {
  /** The keys of those that its members have. */
  granted(): readonly string[];
  forget(): void;
}

/** @param add has something requested of the stream */
function sharedNames(add: (request: Request) => void): SharedNames {
  const reservations = new Map<string, { isGranted: boolean }>();
  return {
    ask(key, answer) {
      const reservation = { isGranted: false };
      reservations.set(key, reservation);
      const ask = () => add({ request: `reserve ${key}`, answer: answered });
      const answered = (granted: boolean | undefined) => {
        if (granted === undefined && reservations.get(key) === reservation) return ask();
        reservation.isGranted = granted === true;
        answer(reservation.isGranted);
      };
      ask();
    },
    release(key) {
      reservations.delete(key);
      add({ request: `release ${key}` });
    },
    granted: () => [...reservations].flatMap(([key, { isGranted }]) => (isGranted ? key : [])),
    forget: () => reservations.clear(),
  };
}
