/**
 * Stage 1, opening the server: getaddrinfo is in lib/program/resources.ts; `Bun.listen` does socket, bind
 * and listen; what it accepts belongs to `Connections`. `openRoom` opens a room without all that.
 */

import type { Way } from "../doors/door.ts";
import type { Part, Secrets } from "../extras/part.ts";
import { formatAddress, hasVanished, VANISHED } from "../program/network.ts";
import { listenOnPort } from "../program/resources.ts";
import { checkFunction, checkRange, guarded, usageError } from "../program/system-errors.ts";
import { DAY_MS, formatSize } from "../program/units.ts";
import { DEFAULTS, Room, type RoomOptions } from "../room/room.ts";
import type { Life } from "../room/socket.ts";
import type {
  EmbeddedRoom,
  ListenOptions,
  OpenRoomOptions,
  Place,
  RoomEvents,
  Server,
} from "./api.ts";
import { Connections } from "./connections.ts";
import { ENTRIES } from "./extras.ts";

/**
 * Opens a room on a port or a path: `open_listenfd`, then `accept` for ever. What only an option
 * asks for is loaded only with it.
 *
 * @throws {UserError} that names an option that will not do, or says why it cannot listen there
 */
export async function listen(options: ListenOptions): Promise<Server> {
  const { tls, passPhrase, arrivalMs = 10_000, onWarning = () => {}, onError } = options;
  const secrets: Secrets = { tls, passPhrase };
  const parts: Part[] = [];
  const handlers = () => connections.handlers(way, onError);
  const context = { secrets, parts, handlers, onWarning, onError, arrivalMs };
  for (const { load } of ENTRIES) {
    const part = await load(options, context);
    if (part) parts.push(part);
  }

  const room = openReportingRoom({
    ...options,
    ...eventLoop(() => connections.flush()),
    extras: parts.flatMap(({ extra }) => extra ?? []),
    order: parts.find(({ order }) => order)?.order,
    keptBytes: parts.reduce((bytes, { keptBytes = 0 }) => bytes + keptBytes, 0),
    addedBytesMax: parts.reduce((bytes, { addedBytesMax = 0 }) => bytes + addedBytesMax, 0),
  });
  const connections: Connections = new Connections(room, options);
  const kind = "unix" in options ? "unix" : tls ? "tls" : "tcp";
  const way: Way = { kind, doors: parts.flatMap(({ door }) => door ?? []), open: 0 };
  connections.ways.push(way);

  const looking = setInterval(() => {
    for (const { cursor } of room.members)
      if (hasVanished(cursor.socket)) cursor.socket.data.failed("vanished");
  }, VANISHED.lookMs).unref();

  let listener: Awaited<ReturnType<typeof openListener>> | undefined;
  const urls: Record<string, string> = {};
  const stop = async (graceMs: number) => {
    listener?.stop();
    // When all clients have gone already, nothing else keeps the program alive.
    looking.ref();
    for (const part of parts) part.stop?.();
    await connections.stop(graceMs);
    for (const part of parts) await part.close?.();
    clearInterval(looking);
  };
  try {
    for (const part of parts) await part.start?.(room);
    const openers = await Promise.all(parts.map((part) => part.open?.(connections, way)));
    listener = await openListener(options, handlers());
    // The event loop does not turn until `listen` has returned: nobody is accepted before.
    for (const open of openers) Object.assign(urls, open?.());
  } catch (error) {
    await stop(0);
    throw error;
  }

  let stopped: Promise<void> | undefined;
  const server: Server = {
    ...listener,
    get size() {
      return room.size;
    },
    urls,
    notes: parts.flatMap(({ note }) => note ?? []),
    renew(renewed) {
      const { ...before } = secrets;
      if (secrets.tls && renewed.tls) secrets.tls = renewed.tls;
      if (secrets.passPhrase && renewed.passPhrase) secrets.passPhrase = renewed.passPhrase;
      try {
        for (const part of parts) part.renew?.();
      } catch (error) {
        Object.assign(secrets, before);
        throw error;
      }
    },
    stop(graceMs = 5_000) {
      checkRange("graceMs", graceMs, 0);
      return (stopped ??= stop(graceMs));
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return server;
}

/** The clock and the alarm of a room; `flush` runs once all that is ready in a turn has been read. */
function eventLoop(flush: () => void): Pick<RoomOptions, "now" | "wake"> {
  let endOfTurn: NodeJS.Immediate | undefined;
  let alarm: NodeJS.Timeout | undefined;
  let alarmAtMs = Infinity;
  const now = () => performance.now();
  const run = () => {
    clearTimeout(alarm);
    endOfTurn = undefined;
    alarmAtMs = Infinity;
    flush();
  };
  const wake = (delayMs: number) => {
    if (delayMs === 0) {
      endOfTurn ??= setImmediate(run);
    } else if (now() + delayMs < alarmAtMs) {
      clearTimeout(alarm);
      alarmAtMs = now() + delayMs;
      alarm = setTimeout(run, delayMs).unref(); // It is the connections that keep a program alive.
    }
  };
  return { now, wake };
}

/** socket, bind and listen. */
async function openListener(place: Place, socket: Bun.SocketHandler<Life>) {
  const how = { allowHalfOpen: true, socket };
  if ("unix" in place) {
    const { listenOnPath } = await import("./unix-path.ts");
    return listenOnPath(place.unix, place.unixMode ?? 0o600, how);
  }
  const open = await listenOnPort(place, (hostname) => {
    const { port, reusePort = false } = place;
    const listener = Bun.listen<Life>({ hostname, port, ...how, ...{ reusePort } });
    const address = formatAddress(hostname, listener.port);
    return { address, port: listener.port, stop: () => listener.stop() };
  });
  return open();
}

/** Of all options that are numbers; what concerns an extra, that looks at itself. */
const RANGES: Readonly<Record<string, readonly [min: number, max: number]>> = {
  logBytes: [1, 2 ** 31],
  lineBytesMax: [1, 2 ** 31],
  patienceMs: [0, DAY_MS],
  lingerMs: [0, DAY_MS],
  arrivalMs: [1, DAY_MS],
  clientsMax: [1, Infinity],
  lingerersMax: [1, Infinity],
  unixMode: [0, 0o777],
};

/**
 * Opens a room without a server: for sockets of any kind, of a program with its own event loop.
 *
 * @throws {UserError} that names an option which is out of its range, or no function
 */
export const openRoom: (options: OpenRoomOptions) => EmbeddedRoom = openReportingRoom;

/** The same, with all that there is in a room. */
export function openReportingRoom(options: RoomOptions & RoomEvents): Room {
  for (const name of ["now", "wake"] as const) checkFunction(name, options[name]);
  for (const [name, value] of Object.entries(options)) {
    const [min, max] = RANGES[name] ?? [];
    if (min !== undefined && value !== undefined) checkRange(name, value, min, max);
    if (/^on[A-Z]/.test(name) && value !== undefined) checkFunction(name, value);
  }
  const { lineBytesMax = DEFAULTS.lineBytesMax, logBytes = DEFAULTS.logBytes } = options;
  const { addedBytesMax = 0, extras = [], onJoin, onLeave, onRefuse, onError } = options;
  const loggedBytesMax = lineBytesMax + addedBytesMax;
  const asLogged = addedBytesMax > 0 ? `, of up to ${loggedBytesMax} bytes as it is relayed,` : "";
  if (loggedBytesMax > logBytes)
    throw usageError(
      `a line of ${formatSize(lineBytesMax)} (--max-line, lineBytesMax)${asLogged} does not fit into a log of ${formatSize(logBytes)} (--buffer, logBytes)`,
    );
  const reports = {
    joined: guarded(onJoin, onError),
    gone: guarded(onLeave, onError),
    refused: guarded(onRefuse, onError),
  };
  return new Room({ ...options, extras: [() => reports, ...extras] });
}
