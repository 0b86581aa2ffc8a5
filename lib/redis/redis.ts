/** Sharing a room with other servers over Redis: is it there, is it one that will do, and may it forget? */

import { codeOf, explain, UserError, within } from "../program/system-errors.ts";
import { PREFIX_BYTES_MAX } from "../room/names.ts";
import { DEFAULTS, type RoomOptions } from "../room/options.ts";
import { CONNECT_MS, keysOf, openClient, readingsOf, streamInRedis } from "./link.ts";
import { StreamOrder } from "./stream-order.ts";

/** The first one whose streams can be trimmed by place. */
const VERSION_MIN = [6, 2] as const;
/** What Bun says of one that does not answer as Redis does. */
const NO_REDIS = "what answers there does not speak as Redis does";
const BUN_CODES: Readonly<Record<string, string>> = {
  ERR_REDIS_INVALID_RESPONSE: NO_REDIS,
  ERR_REDIS_INVALID_RESPONSE_TYPE: NO_REDIS,
  ERR_REDIS_CONNECTION_TIMEOUT: `no answer within ${CONNECT_MS / 1000} s`,
  ERR_REDIS_CONNECTION_CLOSED: `${NO_REDIS}, and closes the connection`,
};
const HINTS: Readonly<Record<string, string>> = {
  "redis:": "; does it want TLS, rediss://?",
  "rediss:": "; does it speak TLS, with a certificate that is trusted (NODE_EXTRA_CA_CERTS)?",
};
/** What Redis says, by the first word, and what it means. */
const REPLIES: readonly (readonly [RegExp, string])[] = [
  [/NOAUTH/, "it wants a password, which REDIS_PASSWORD may hold"],
  [/WRONGPASS/, "wrong user or password"],
  [/MOVED \d+ (\S+)/, "it is a cluster that has the room on another node, $1"],
  [/CLUSTERDOWN/, "its cluster is down"],
  [/READONLY/, "it is a read-only replica"],
  [/NOPERM/, "the user may not do what is needed: streams, hashes, lists, scripts, INFO"],
  [/DENIED/, "it is in protected mode, and takes connections from its own machine only"],
  [/WRONGTYPE/, "a key of the room has something else in it"],
  [/LOADING/, "it is still loading what it had"],
  [/DB index is out of range/, "it has no such database"],
  [/unknown command .?HELLO/i, "it is too old: Redis 6.2 or later is needed"],
];

/** A room in a Redis. */
export interface RedisRoom {
  /** `redis://user:password@host:port/database`, or `rediss://` for TLS. */
  readonly url: URL;
  /** Servers with the same one are one room. */
  readonly room: string;
}

/**
 * Looks whether a Redis will do, and takes part in a room there.
 *
 * @param options the longest line, whether members have names, how much is kept for those who come
 *   later, and the size of the log
 * @param onChange told what an operator should know
 * @throws {UserError} in one line, why it will not
 */
export async function shareOverRedis(
  { url, room }: RedisRoom,
  options: Pick<RoomOptions, "lineBytesMax" | "names" | "history" | "logBytes">,
  onChange: (what: string) => void,
): Promise<StreamOrder> {
  const { names = false, history } = options;
  const said = options.lineBytesMax ?? DEFAULTS.lineBytesMax;
  const lineBytesMax = said + (names ? PREFIX_BYTES_MAX : 0);
  const name = `redis at ${url.host}`;
  const common = {
    "--names": names,
    "--history": history?.lines ?? history?.bytes ?? 0,
    "--max-line": said,
    "--buffer": options.logBytes ?? DEFAULTS.logBytes,
  };
  try {
    await knock(url);
    const { info, state } = await inquire(url.href, room);
    for (const warning of weaknesses(info)) onChange(`${name} may forget: ${warning}`);
    const others = otherOptions(state, common);
    if (others.length > 0)
      onChange(
        `the server that joined the room last was started with another ${others.join(", ")}`,
      );
  } catch (error) {
    const hint = /CLOSED|TIMEOUT/.test(codeOf(error)) ? HINTS[url.protocol] : "";
    throw new UserError(`cannot use ${name}: ${why(error)}${hint}`, { cause: error });
  }
  return new StreamOrder({
    open: streamInRedis({
      ...{ url: url.href, room, lineBytesMax },
      ...{ historyBytes: history?.bytes ?? 0, options: JSON.stringify(common) },
    }),
    lineBytesMax,
    names,
    newName,
    onChange,
  });
}

/** A name that no server has had; none looks like an option. */
function newName(): string {
  const random = crypto.getRandomValues(new Uint8Array(9));
  return Buffer.from(random).toString("base64url").replaceAll("-", "_");
}

/** Connects and goes again: Bun's client would only say that the connection was closed. */
async function knock({ hostname, port }: URL): Promise<void> {
  const where = { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || 6379 };
  const knocking = Bun.connect({ ...where, socket: { data() {} } }).then((door) =>
    door.terminate(),
  );
  await within(CONNECT_MS, knocking, (time) => `no answer ${time}`);
}

/** What it tells of itself, by the names that INFO has for that; and the state of the room. */
async function inquire(url: string, room: string) {
  const client = openClient(url);
  try {
    const reply: string = await client.send("INFO", []);
    const info = new Map(
      reply.split("\r\n").map((line) => [line.replace(/:.*/, ""), line.replace(/^.*?:/, "")]),
    );
    const version = info.get("redis_version") ?? "0";
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]))
      throw new UserError(
        `it is too old, ${version}: Redis ${VERSION_MIN.join(".")} or later is needed`,
      );
    if (info.get("role") === "slave" && info.get("slave_read_only") !== "0")
      throw new UserError("it is a read-only replica");
    // In a cluster, this says whether the room is on this node.
    await client.send("XREAD", ["STREAMS", keysOf(room)[0], "$"]);
    const state: Record<string, string> = await client.send("HGETALL", [keysOf(room)[1]]);
    return { info, state };
  } finally {
    client.close();
  }
}

/** What would make it lose what was said, and what that means. */
function weaknesses(info: ReadonlyMap<string, string>): string[] {
  const policy = info.get("maxmemory_policy") ?? "";
  return [
    ...(info.get("aof_enabled") === "0"
      ? ["appendonly is no, so all members are sent away when it is restarted"]
      : []),
    ...(policy.startsWith("allkeys")
      ? [`maxmemory-policy is ${policy}, so all members are sent away when it evicts the room`]
      : []),
  ];
}

/** Which options are not those of the server that joined last, if there are others. */
function otherOptions(
  state: Readonly<Record<string, string>>,
  options: Readonly<Record<string, unknown>>,
): string[] {
  const isAlone = readingsOf(Object.entries(state).flat()).size === 0;
  if (isAlone || state["options"] === undefined) return [];
  const others: Record<string, unknown> = JSON.parse(state["options"]);
  return Object.keys(options).filter((name) => others[name] !== options[name]);
}

function why(error: unknown): string {
  if (error instanceof UserError) return error.message;
  const message = error instanceof Error ? error.message : String(error);
  for (const [pattern, words] of REPLIES) {
    const found = pattern.exec(message);
    if (found) return words.replace("$1", found[1] ?? "");
  }
  return BUN_CODES[codeOf(error)] ?? explain(error);
}
