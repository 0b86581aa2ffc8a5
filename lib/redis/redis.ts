/** `--redis`: the room is one with those of other servers. Is the Redis there, will it do, may it forget? */

import type { Context, Part } from "../extras/part.ts";
import { codeOf, explain, usageError, UserError } from "../program/system-errors.ts";
import { formatSize } from "../program/units.ts";
import { settlesWithin, within } from "../program/within.ts";
import { DEFAULTS } from "../room/room.ts";
import { CONNECT_MS, openClient, streamInRedis, streamKey } from "./link.ts";
import { StreamOrder } from "./stream-order.ts";

/** Redis and this server have a few such lines in memory at a time. */
const LINE_BYTES_MAX = 16 << 20;
/** Each server that starts gets all of it at once. */
const HISTORY_BYTES_MAX = 64 << 20;
/** How long to wait until the other servers of the room know that this one leaves. */
const LEAVE_MS = 500;
/** The first one whose streams can be trimmed by place. */
const VERSION_MIN = "6.2";
const HINTS: Readonly<Record<string, string>> = {
  "redis:": "; does it want TLS, rediss://?",
  "rediss:": "; does it speak TLS, with a certificate that is trusted (NODE_EXTRA_CA_CERTS)?",
};
/** What Redis and Bun say that needs an explanation. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/INVALID_RESPONSE/, "what answers there does not speak as Redis does"],
  [
    /CONNECTION_CLOSED/,
    "what answers there does not speak as Redis does, and closes the connection",
  ],
  [/CONNECTION_TIMEOUT/, `no answer within ${CONNECT_MS / 1000} s`],
  [/NOAUTH/, "it wants a password, which REDIS_PASSWORD may hold"],
  [/WRONGPASS/, "wrong user or password"],
  [/MOVED \d+ (\S+)/, "it is a cluster that has the room on another node, $1"],
  [/NOPERM/, "the user may not do what is needed: streams, hashes, lists, scripts, INFO"],
  [/DENIED/, "it is in protected mode, and takes connections from its own machine only"],
  [/WRONGTYPE/, "a key of the room has something else in it"],
  [/unknown command .?HELLO/i, `it is too old: Redis ${VERSION_MIN} or later is needed`],
];

/** A room in a Redis. */
export interface RedisRoom {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: URL;
  /** Servers with the same one are one room. */
  readonly room: string;
}

/** The Redis, and what all servers of the room have in common. */
export interface RedisSettings {
  /** The Redis over which other servers share the room; by default, it is this server's own. */
  redis?: RedisRoom | undefined;
  lineBytesMax?: number;
  names?: boolean | undefined;
  history?: { readonly bytes: number; readonly lines?: number | undefined } | undefined;
}

/**
 * Looks whether a Redis will do, and makes its order that of the room.
 *
 * @throws {UserError} in one line, why it will not
 */
export async function redis(settings: RedisSettings, { onWarning }: Context): Promise<Part> {
  const { lineBytesMax = DEFAULTS.lineBytesMax, names = false, history } = settings;
  const { url, room } = settings.redis ?? { url: new URL("redis://127.0.0.1"), room: "linechat" };
  if ((history?.bytes ?? 0) > HISTORY_BYTES_MAX)
    throw usageError(`--redis keeps a --history of at most ${formatSize(HISTORY_BYTES_MAX)}`);
  if (lineBytesMax > LINE_BYTES_MAX)
    throw usageError(
      `--max-line ${formatSize(lineBytesMax)} is more than --redis takes: ${formatSize(LINE_BYTES_MAX)}`,
    );
  const { href } = withPassword(url, process.env["REDIS_PASSWORD"]);
  await check(new URL(href), room, onWarning);
  const options = {
    "--max-line": formatSize(lineBytesMax),
    ...(names && { "--names": "" }),
    ...(history && { "--history": `${history.lines ?? formatSize(history.bytes)}` }),
  };
  const historyBytes = history?.bytes ?? 0;
  const order = new StreamOrder({
    open: streamInRedis({ url: href, room, lineBytesMax, historyBytes, options }),
    ...{ lineBytesMax, names, newName },
    report: onWarning,
  });
  return {
    name: "redis",
    order,
    reservations: order.reservations,
    start: (started) =>
      order.start(started).catch((cause: Error) => {
        throw new UserError(`cannot share the room ${room}: ${cause.message}`, { cause });
      }),
    get note() {
      return `sharing the room ${room}, as server ${order.name}`;
    },
    async close() {
      await settlesWithin(LEAVE_MS, new Promise<void>((done) => order.close(done)));
      order.end();
    },
    figures: () => order.figures(),
    ailment: () => (order.isUp ? undefined : "redis is away"),
  };
}

/** The address to connect to, with a password from elsewhere unless it has one. */
function withPassword(url: URL, password: string | undefined): URL {
  const complete = new URL(url);
  if (complete.password === "" && password) complete.password = encodeURIComponent(password);
  return complete;
}

/** A name that no server has had; none looks like an option. */
function newName(): string {
  const random = crypto.getRandomValues(new Uint8Array(9));
  return Buffer.from(random).toString("base64url").replaceAll("-", "_");
}

/**
 * Looks whether it will do, and warns of what would make it forget.
 *
 * @throws {UserError} why it will not
 */
async function check(url: URL, room: string, onWarning: Context["onWarning"]): Promise<void> {
  const name = `redis at ${url.host}`;
  const mayForget = (why: string, when: string) =>
    onWarning(`${name} may forget: ${why}, so all members are disconnected when it ${when}`);
  try {
    await knock(url);
    const info = await inquire(url.href, room);
    const policy = info.get("maxmemory_policy") ?? "";
    if (info.get("aof_enabled") === "0") mayForget("appendonly is no", "is restarted");
    if (policy.startsWith("allkeys")) mayForget(`maxmemory-policy is ${policy}`, "evicts the room");
  } catch (error) {
    const hint = /CLOSED|TIMEOUT/.test(codeOf(error)) ? HINTS[url.protocol] : "";
    throw new UserError(`cannot use ${name}: ${why(error)}${hint}`, { cause: error });
  }
}

/** Connects and closes again: Bun's client would only say that the connection was closed. */
async function knock({ hostname, port }: URL): Promise<void> {
  const where = { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || 6379 };
  const knocking = Bun.connect({ ...where, socket: { data() {} } }).then((socket) =>
    socket.terminate(),
  );
  await within(CONNECT_MS, knocking, (time) => `no answer ${time}`);
}

/** What it tells of itself, by the names that INFO has for that. */
async function inquire(url: string, room: string): Promise<ReadonlyMap<string, string>> {
  const client = openClient(url);
  try {
    const reply: string = await client.send("INFO", []);
    const info = new Map(
      reply.split("\r\n").map((line) => [line.replace(/:.*/, ""), line.replace(/^.*?:/, "")]),
    );
    const version = info.get("redis_version") ?? "0";
    if (!Bun.semver.satisfies(version, `>=${VERSION_MIN}`))
      throw new UserError(`it is too old, ${version}: Redis ${VERSION_MIN} or later is needed`);
    if (info.get("role") === "slave" && info.get("slave_read_only") !== "0")
      throw new UserError("it is a read-only replica");
    // In a cluster, this says whether the room is on this node.
    await client.send("XREAD", ["STREAMS", streamKey(room), "$"]);
    return info;
  } finally {
    client.close();
  }
}

function why(error: unknown): string {
  const said = error instanceof UserError ? "" : `${codeOf(error)} ${String(error)}`;
  for (const [pattern, words] of REASONS) {
    const found = pattern.exec(said);
    if (found) return words.replace("$1", found[1] ?? "");
  }
  return explain(error);
}
