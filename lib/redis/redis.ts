/** `--redis`: the room is one with those of other servers. Is the Redis there, will it do, may it forget? */

import { randomBytes } from "node:crypto";

import type { Context, Part } from "../extras/part.ts";
import { usageError, UserError } from "../program/system-errors.ts";
import { formatSize } from "../program/units.ts";
import { DEFAULTS } from "../room/room.ts";
import { RedisConnection, type Reply } from "./connection.ts";
import { opener } from "./link.ts";
import { Session } from "./session.ts";

/** Redis and this server have a few such lines in memory at a time. */
const LINE_BYTES_MAX = 16 << 20;
/**
 * How much may be sent here that a server has not read yet: so much, or two of the longest lines, which
 * names make up to twice as long.
 */
const TAKEN_BYTES_MAX = 2 << 20;
/** A server that comes back within this, or before so much was sent, goes on where it was. */
const KEPT = { bytes: 8 << 20, ms: 60_000 };
/** Each server that starts gets all of it at once. */
const HISTORY_BYTES_MAX = 64 << 20;
/** Servers that write the stream in another way are refused: one more each time that way changes. */
const FORMAT = 2;
/** The first one whose streams can be trimmed by place. */
const VERSION_MIN = "6.2";
const TLS_HINT = "; is TLS (rediss://) right, and its certificate trusted (NODE_EXTRA_CA_CERTS)?";
/** Errors of Redis and TLS that need an explanation. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/^NOAUTH.*/, "it wants a password, which REDIS_PASSWORD may hold"],
  [/^WRONGPASS.*/, "wrong user or password"],
  [/.*(?:answer|TLS|certificate).*/, `$&${TLS_HINT}`],
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
  readonly lineBytesMax?: number | undefined;
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
  const longest = names ? 2 * lineBytesMax : lineBytesMax;
  await check(address, longest, onWarning);
  const kept = history ? ` --history ${history.lines ?? formatSize(history.bytes)}` : "";
  const common = `--max-line ${formatSize(lineBytesMax)}${names ? " --names" : ""}${kept}`;
  const options = `${common}, format ${FORMAT}`;
  return new Session({
    room,
    open: opener(address, room, longest, options),
    kept: { ...KEPT, historyBytes },
    newName: () => randomBytes(6).toString("hex"),
    report: onWarning,
    takenBytesMax: Math.max(TAKEN_BYTES_MAX, 2 * longest),
  });
}

/** Warns of what would make it forget; throws a `UserError` if it will not do. */
async function check(url: URL, bytesMax: number, onWarning: Context["onWarning"]): Promise<void> {
  const name = `redis at ${url.host}`;
  const mayForget = (why: string, when: string) =>
    onWarning(`${name} may forget: ${why}, so all members are disconnected when it ${when}`);
  const lost = Promise.withResolvers<never>();
  const redis = new RedisConnection(url, lost.reject);
  const ask = (...words: string[]) =>
    Promise.race([new Promise<Reply>((done) => redis.ask(words, done)), lost.promise]);
  try {
    const [info] = (await ask("INFO")).map(String);
    const told = (what: string) => new RegExp(`^${what}:(.*)\r`, "m").exec(info ?? "")?.[1] ?? "";
    const version = told("redis_version");
    if (!Bun.semver.satisfies(version, `>=${VERSION_MIN}`))
      throw new UserError(`it is too old, ${version}: Redis ${VERSION_MIN} or later is needed`);
    if (told("aof_enabled") === "0") mayForget("appendonly is no", "is restarted");
    const policy = told("maxmemory_policy");
    if (policy.startsWith("allkeys")) mayForget(`maxmemory-policy is ${policy}`, "evicts the room");
    // If this user may not ask that, an error tells it once there is such a line.
    const limit = await ask("CONFIG", "GET", "proto-max-bulk-len").catch(() => []);
    const [, bytes = Infinity] = limit.map(String).map(Number);
    if (bytes < bytesMax)
      throw new UserError(`--max-line needs a proto-max-bulk-len of ${bytesMax}, not ${bytes}`);
  } catch (cause) {
    const { message } = cause as Error; // nothing else is thrown here
    const [pattern, reason] = REASONS.find(([known]) => known.test(message)) ?? [/.*/, "$&"];
    const why = message.replace(pattern, reason);
    throw new UserError(`cannot use ${name}: ${why}`, { cause });
  } finally {
    redis.close();
  }
}
