/** `--redis`: the room is one with those of other servers. Is the Redis there, will it do, may it forget? */

import { randomBytes } from "node:crypto";

import type { Context, Part } from "../extras/part.ts";
import { within } from "../program/network.ts";
import { codeOf, explain, usageError, UserError } from "../program/system-errors.ts";
import { formatSize } from "../program/units.ts";
import { DEFAULTS } from "../room/room.ts";
import { CONNECT_MS, openClient, opener } from "./link.ts";
import { Session } from "./session.ts";

/** Redis and this server have a few such lines in memory at a time. */
const LINE_BYTES_MAX = 16 << 20;
/** How much may be sent here that a server has not read yet: so much, or two of the longest lines. */
const TAKEN_BYTES_MAX = 2 << 20;
/** A server that comes back within this, or before so much was sent, goes on where it was. */
const KEPT = { bytes: 8 << 20, ms: 60_000 };
/** Each server that starts gets all of it at once. */
const HISTORY_BYTES_MAX = 64 << 20;
/** The first one whose streams can be trimmed by place. */
const VERSION_MIN = "6.2";
const TLS_HINT = "; is TLS (rediss://) right, and its certificate trusted (NODE_EXTRA_CA_CERTS)?";
/** Errors of Redis and Bun that need an explanation. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/INVALID_RESPONSE|CONNECTION_CLOSED/, `it does not answer as Redis does${TLS_HINT}`],
  [/CONNECTION_TIMEOUT/, `no answer within ${CONNECT_MS / 1000} s${TLS_HINT}`],
  [/NOAUTH/, "it wants a password, which REDIS_PASSWORD may hold"],
  [/WRONGPASS/, "wrong user or password"],
  [/unknown command .?HELLO/i, `it is too old: Redis ${VERSION_MIN} or later is needed`],
];

/** A room in a Redis. */
export interface RedisRoom {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: URL;
  /** Servers with the same one are one room. */
  readonly room: string;
}

/** What `listen` takes: by default, a room is this server's own. The rest is that of the whole room. */
export interface RedisSettings {
  readonly redis?: RedisRoom | undefined;
  readonly lineBytesMax?: number;
  readonly names?: boolean | undefined;
  readonly history?: { readonly bytes: number; readonly lines?: number | undefined } | undefined;
}

/**
 * Looks whether a Redis will do, and makes its order that of the room.
 *
 * @throws {UserError} in one line, why it will not
 */
export async function redis(
  { url, room }: RedisRoom,
  { lineBytesMax = DEFAULTS.lineBytesMax, names = false, history }: RedisSettings,
  { onWarning }: Context,
): Promise<Part> {
  const historyBytes = history?.bytes ?? 0;
  if (historyBytes > HISTORY_BYTES_MAX)
    throw usageError(`--redis keeps a --history of at most ${formatSize(HISTORY_BYTES_MAX)}`);
  if (lineBytesMax > LINE_BYTES_MAX)
    throw usageError(`--redis takes a --max-line of at most ${formatSize(LINE_BYTES_MAX)}`);
  const address = new URL(url);
  address.password ||= encodeURIComponent(process.env["REDIS_PASSWORD"] ?? "");
  await check(address, onWarning);
  const kept = history ? ` --history ${history.lines ?? formatSize(history.bytes)}` : "";
  const options = `--max-line ${formatSize(lineBytesMax)}${names ? " --names" : ""}${kept}`;
  return new Session({
    room,
    options,
    open: opener({ url: address.href, room, lineBytesMax, options }),
    kept: { ...KEPT, historyBytes },
    newName: () => randomBytes(6).toString("hex"),
    report: onWarning,
    takenBytesMax: Math.max(TAKEN_BYTES_MAX, 2 * lineBytesMax),
  });
}

/** Warns of what would make it forget; throws a `UserError` if it will not do. */
async function check(url: URL, onWarning: Context["onWarning"]): Promise<void> {
  const name = `redis at ${url.host}`;
  const mayForget = (why: string, when: string) =>
    onWarning(`${name} may forget: ${why}, so all members are disconnected when it ${when}`);
  const client = openClient(url.href);
  try {
    await knock(url);
    const info: string = await client.send("INFO", []);
    const told = (what: string) => new RegExp(`^${what}:(.*)\r`, "m").exec(info)?.[1] ?? "";
    const version = told("redis_version");
    if (!Bun.semver.satisfies(version, `>=${VERSION_MIN}`))
      throw new UserError(`it is too old, ${version}: Redis ${VERSION_MIN} or later is needed`);
    if (told("aof_enabled") === "0") mayForget("appendonly is no", "is restarted");
    const policy = told("maxmemory_policy");
    if (policy.startsWith("allkeys")) mayForget(`maxmemory-policy is ${policy}`, "evicts the room");
  } catch (cause) {
    throw new UserError(`cannot use ${name}: ${reasonOf(cause)}`, { cause });
  } finally {
    client.close();
  }
}

/** Connects and closes again: Bun's client would only tell that the connection was closed. */
async function knock({ hostname, port }: URL): Promise<void> {
  const where = { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || 6379 };
  const socket = { data() {}, open: (opened: Bun.Socket) => opened.terminate() };
  await within(CONNECT_MS, Bun.connect({ ...where, socket }), (time) => `no answer ${time}`);
}

function reasonOf(error: unknown): string {
  const text = error instanceof UserError ? "" : `${codeOf(error)} ${String(error)}`;
  return REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? explain(error);
}
