/**
 * Every open socket, from accept to close. Each has one life at a time, which `socket.data` is; what
 * happens to the socket goes there:
 *
 * | event        | arrival                | member                         | leaver          |
 * | ------------ | ---------------------- | ------------------------------ | --------------- |
 * | bytes came   | looked at by its door  | framed, relayed                | discarded       |
 * | drained      | –                      | written on                     | written on      |
 * | input ended  | looked at by its door  | last lines relayed, then leaves | –              |
 * | closed       | forgotten              | whole lines still relayed      | forgotten       |
 * | failed       | reset                  | reset                          | reset           |
 * | too late     | refused                | reset (slow reader)            | closed or reset |
 * | server stops | closed                 | leaves                         | –               |
 *
 * An arrival becomes a member, a member a leaver; one that is refused is a leaver at once. Arrivals,
 * members and leavers that still have to get something hold a seat, which is free from the end of the
 * turn on in which the last of that goes out. The others hold none, and the oldest of them is closed
 * for a newcomer when there are too many: so the file limit, at which Bun would call `accept` in a
 * tight loop, is never reached.
 */

import { type AcceptedSocket, Arrival, type ArrivalHost, type Way } from "../doors/door.ts";
import { tune } from "../program/network.ts";
import { REFUSALS } from "../program/server-messages.ts";
import { codeOf } from "../program/system-errors.ts";
import type { Room } from "../room/room.ts";
import { GONE, type Life } from "../room/socket.ts";
import type { ConnectionsOptions } from "./api.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** The owner of every open socket. */
export class Connections implements ArrivalHost {
  readonly room: Room;
  readonly clientsMax: number;
  readonly #lingerersMax: number;
  /** By which ports connections come. */
  readonly ways: Way[] = [];
  readonly arrivals = new Set<Arrival>();
  readonly seatless = new Set<Arrival>();
  dueAtMs = NEVER;
  readonly atEndOfTurn: (() => void)[] = [];
  readonly #releaseSeat = () => void this.#seats--;
  #seats = 0;
  #unixNumber = 0;
  #stopAtMs = NEVER;
  #isOverdue = false;
  #stopped: PromiseWithResolvers<void> | undefined;

  constructor(room: Room, { clientsMax = NEVER, lingerersMax = 64 }: ConnectionsOptions) {
    this.room = room;
    this.clientsMax = clientsMax;
    this.#lingerersMax = lingerersMax;
  }

  /** How many sockets are open. */
  get open(): number {
    return this.ways.reduce((count, { open }) => count + open, 0);
  }

  /** Hands what happens to the sockets of a port to the object behind each; `onError` is told of bugs. */
  handlers(way: Way, onError?: (error: Error) => void): Bun.SocketHandler<Life> {
    return {
      open: (socket) => {
        tune(socket);
        this.accept(socket, way);
      },
      data: ({ data }, bytes) => data.received(bytes),
      drain: ({ data }) => data.drained(),
      end: ({ data }) => data.ended(),
      close: (socket, error) => {
        if (codeOf(error) === "ETIMEDOUT") socket.data.failed("vanished");
        this.closed(socket, way);
      },
      error({ data }, error) {
        onError?.(error);
        data.failed();
      },
    };
  }

  /** accept: a connection has come. */
  accept(socket: AcceptedSocket, way: Way): void {
    way.open++;
    socket.data = GONE;
    // A peer that has reset by now has no address any more, and never was here.
    if (way.kind !== "unix" && socket.remoteAddress === undefined) return socket.terminate();
    const unix = way.kind === "unix" ? `unix:${++this.#unixNumber}` : "";
    const arrival = new Arrival(this, socket, way, way.kind === "web" ? "web:" : unix);
    this.#makeSpace();
    this.arrivals.add(arrival);
    if (this.#stopped) return arrival.dismiss("server stopping");
    this.seatless.add(arrival);
    const takeSeat = () => {
      this.#seats++;
      this.seatless.delete(arrival);
      arrival.releaseSeat = this.#releaseSeat;
      arrival.pass();
    };
    arrival.await(() => this.#seats < this.clientsMax, takeSeat, REFUSALS.roomIsFull);
  }

  /** close: a connection is gone. */
  closed(socket: AcceptedSocket, way: Way): void {
    if (socket.data.isReplaced) return;
    socket.data.closed();
    way.open--;
    this.#finishStop();
  }

  /** Does the work of a turn: `Room.flush`, and what arrivals have no more time for. */
  flush(): void {
    const now = this.room.now();
    if (now >= this.dueAtMs) this.#lookForLate(now);
    this.room.flush();
    for (const decide of this.atEndOfTurn.splice(0)) decide();
    if (now >= this.#stopAtMs) {
      this.#stopAtMs = NEVER;
      this.#isOverdue = true;
      this.#stopArrivals();
      this.room.abort();
    }
    this.#finishStop();
    const dueAtMs = Math.min(this.dueAtMs, this.#stopAtMs);
    if (dueAtMs !== NEVER) this.room.wake(Math.max(1, dueAtMs - now));
  }

  /** Not in each turn: there may be thousands of arrivals. */
  #lookForLate(now: number): void {
    this.dueAtMs = NEVER;
    for (const arrival of this.arrivals) {
      if (now >= arrival.dueAtMs) arrival.held?.late();
      if (arrival.held) this.dueAtMs = Math.min(this.dueAtMs, arrival.dueAtMs);
    }
  }

  /** See `Server.stop`. */
  stop(graceMs: number): Promise<void> {
    if (this.#stopped) return this.#stopped.promise;
    this.#stopped = Promise.withResolvers();
    this.#stopAtMs = this.room.now() + graceMs;
    this.room.stop();
    this.#stopArrivals();
    this.#finishStop();
    return this.#stopped.promise;
  }

  /** A stop is over once nobody is left, and all that was sent here has its place. */
  #finishStop(): void {
    if (this.open === 0 && (this.room.isSettled || this.#isOverdue)) this.#stopped?.resolve();
  }

  #stopArrivals(): void {
    for (const arrival of this.arrivals) arrival.dismiss("server stopping");
  }

  /** One connection too many takes the place of the one that has lingered longest. */
  #makeSpace(): void {
    if (this.open <= this.clientsMax + this.#lingerersMax) return;
    const { lingering } = this.room;
    const [seatless] = this.seatless;
    if (!lingering.first && !seatless?.held) seatless?.refuse(REFUSALS.roomIsFull);
    if (lingering.first) lingering.first.late();
    else if (seatless?.held) seatless.failed();
  }
}
