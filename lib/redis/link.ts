/** A connection to the stream of a room in Redis, by two clients of Bun: one says, one waits for what is said. */

import type { Claim } from "./claims.ts";
import {
  type Entry,
  Forgotten,
  GONE,
  type OpenStream,
  type Readings,
  type Saying,
  START,
  type StreamEvents,
  type StreamLink,
} from "./stream.ts";

/** How long a connection may take, in ms. */
export const CONNECT_MS = 5_000;
/** How long a reading waits for something. */
const BLOCK_MS = 1_000;
/** About as much is read at a time, in bytes; but no more than so many entries. */
const READ_BYTES = 4 << 20;
const READ_MAX = 32;
const FORGOTTEN = "FORGOTTEN";

/*
 * The stream has an entry for each batch: `after`, `by`, `number`, `read`, `lines`.
 * A hash beside it has in `last` the id of the last entry, in `history` the length of
 * that, and for each server, under its name, the number of its last batch and how far
 * it had read then. A list has history, the lines of a batch in each element. Another
 * hash has, for each name of a member, the server that has given it, and the number
 * under which it was asked; and after a line end, the last number of each server.
 */

/** Adds a first entry for a server; takes leave for the one it was before, and forgets those not heard of for a day. */
const JOIN = `
local name, instead, keep = unpack(ARGV)
local state = redis.call('HGETALL', KEYS[2])
local last = redis.call('HGET', KEYS[2], 'last') or '${START}'
if redis.call('HDEL', KEYS[2], instead) == 1 then
  last = redis.call('XADD', KEYS[1], '*', 'after', last, 'by', instead, 'number', '0', 'read', '${GONE}', 'lines', '')
end
local id = redis.call('XADD', KEYS[1], '*', 'after', last, 'by', name, 'number', '1', 'read', '${START}', 'lines', '')
local yesterday = tonumber(string.match(id, '^%d+')) - 86400000
for i = 1, #state, 2 do
  local read = tonumber(string.match(state[i + 1], ' (%d+)-') or '')
  if read and read < yesterday then redis.call('HDEL', KEYS[2], state[i]) end
end
redis.call('HSET', KEYS[2], name, '1 ' .. id, 'last', id)
local names = redis.call('HGETALL', KEYS[4])
for i = 1, #names, 2 do
  local server = string.match(names[i], '^\\n(.*)') or string.match(names[i + 1], '^%S+')
  if redis.call('HEXISTS', KEYS[2], server) == 0 then redis.call('HDEL', KEYS[4], names[i]) end
end
local history = keep == '0' and {} or redis.call('LRANGE', KEYS[3], '0', '-1')
return {id, redis.call('HGETALL', KEYS[2]), history}`;

/** Adds a batch, unless its number shows that it was added before, or that one before it is missing. */
const SAY = `
local name, number, read, tail, lines, keep, claimed = unpack(ARGV)
local state = redis.call('HMGET', KEYS[2], name, 'last')
local before = tonumber(string.match(state[1] or '0', '^%d+'))
local last = state[2] or '${START}'
if tonumber(number) <= before then return last end
if tonumber(number) > before + 1 then return redis.error_reply('${FORGOTTEN} number ' .. number .. ' comes after ' .. before) end
if claimed ~= '0' and tonumber(claimed) > tonumber(redis.call('HGET', KEYS[4], '\\n' .. name) or '0') then
  return redis.error_reply('${FORGOTTEN} redis has forgotten a name')
end
local isKept = keep ~= '0' and lines ~= ''
-- Before anything is done: it fails if the key has something else.
local kept = isKept and redis.call('LLEN', KEYS[3])
local id = redis.call('XADD', KEYS[1], 'MINID', '~', tail, '*', 'after', last, 'by', name, 'number', number, 'read', read, 'lines', lines)
redis.call('HSET', KEYS[2], name, number .. ' ' .. read, 'last', id)
if read == '${GONE}' then redis.call('HDEL', KEYS[2], name) end
if isKept then
  local function bytes(text) return #text - select(2, string.gsub(text, '[\\128-\\191]', '')) end
  if kept == 0 then redis.call('HDEL', KEYS[2], 'history') end
  local length = redis.call('HINCRBY', KEYS[2], 'history', bytes(lines))
  redis.call('RPUSH', KEYS[3], lines)
  local oldest = redis.call('LINDEX', KEYS[3], '0')
  while oldest and length - bytes(oldest) >= tonumber(keep) do
    redis.call('LPOP', KEYS[3])
    length = redis.call('HINCRBY', KEYS[2], 'history', -bytes(oldest))
    oldest = redis.call('LINDEX', KEYS[3], '0')
  end
end
return id`;

/**
 * Gives a name to a server, unless a living one has it; or takes it back. A number that was seen
 * before changes nothing any more, and none comes before its turn. No name has a line end in it.
 */
const CLAIM = `
local what, key, server, number = unpack(ARGV)
local mine, counter = server .. ' ' .. number, '\\n' .. server
local owner = redis.call('HGET', KEYS[4], key)
local has = owner and string.match(owner, '^%S+')
local before = tonumber(redis.call('HGET', KEYS[4], counter) or '0')
if tonumber(number) <= before then return owner == mine and 1 or 0 end
if tonumber(number) > before + 1 then return redis.error_reply('${FORGOTTEN} redis has forgotten a name') end
redis.call('HSET', KEYS[4], counter, number)
if what == 'release' then
  if has == server then redis.call('HDEL', KEYS[4], key) end
  return 0
end
if has and has ~= server and redis.call('HEXISTS', KEYS[2], has) == 1 then return 0 end
redis.call('HSET', KEYS[4], key, mine)
return 1`;

/** The keys of a room; the braces have a cluster keep all on one node. */
export function keysOf(room: string): [stream: string, state: string, ...others: string[]] {
  const stream = `linechat:{${room}}`;
  return [stream, `${stream}:state`, `${stream}:history`, `${stream}:names`];
}

/** A client that does not connect again by itself: what it then sends again, and when, could not be told. */
export function openClient(url: string): Bun.RedisClient {
  return new Bun.RedisClient(url, { autoReconnect: false, connectionTimeout: CONNECT_MS });
}

/** Where a stream is, and what is wanted of it. */
export interface RedisStream {
  readonly url: string;
  readonly room: string;
  /** The longest line, in bytes: less is read at a time where lines may be long. */
  readonly lineBytesMax: number;
  /** How much is kept for those who come later, in bytes. */
  readonly historyBytes: number;
}

/** How to connect to the stream of a room. */
export function streamInRedis(stream: RedisStream): OpenStream {
  return (events) => new RedisLink(stream, events);
}

class RedisLink implements StreamLink {
  readonly #sayer: Bun.RedisClient;
  readonly #reader: Bun.RedisClient;
  readonly #stream: string;
  /** What each script begins with: how many keys there are, and these. */
  readonly #keys: readonly string[];
  readonly #keep: string;
  readonly #count: string;
  readonly #events: StreamEvents;
  #scripts = { join: "", say: "", claim: "" };
  #isClosed = false;

  constructor({ url, room, lineBytesMax, historyBytes }: RedisStream, events: StreamEvents) {
    const keys = keysOf(room);
    this.#sayer = openClient(url);
    this.#reader = openClient(url);
    this.#stream = keys[0];
    this.#keys = [`${keys.length}`, ...keys];
    this.#keep = `${historyBytes}`;
    this.#count = `${Math.min(READ_MAX, Math.floor(READ_BYTES / (2 * lineBytesMax)) || 1)}`;
    this.#events = events;
    void this.#open();
  }

  join(by: string, instead: string): void {
    const args = [this.#scripts.join, ...this.#keys, by, instead, this.#keep];
    const onReply = ([id, state, history]: [string, string[], string[]]) =>
      this.#events.onJoined(id, readingsOf(state), history);
    this.#ask(this.#sayer, "EVALSHA", args, onReply);
  }

  say({ by, number, read, tail, claimed, lines }: Saying): void {
    const said = [by, `${number}`, read, tail, lines, this.#keep, `${claimed}`];
    const args = [this.#scripts.say, ...this.#keys, ...said];
    this.#ask(this.#sayer, "EVALSHA", args, (id: string) => this.#events.onSaid(id));
  }

  claim({ number, what, key }: Claim, by: string): void {
    const args = [this.#scripts.claim, ...this.#keys, what, key, by, `${number}`];
    const onReply = (granted: number) => this.#events.onClaimed(number, granted === 1);
    this.#ask(this.#sayer, "EVALSHA", args, onReply);
  }

  drop(server: string): void {
    this.#ask(this.#sayer, "HDEL", [`${this.#stream}:state`, server], () => {});
  }

  read(after: string): void {
    const stream = this.#stream;
    const how = ["COUNT", this.#count, "BLOCK", `${BLOCK_MS}`, "STREAMS", stream, after];
    this.#ask(this.#reader, "XREAD", how, (reply: Record<string, [string, string[]][]> | null) =>
      this.#events.onEntries((reply?.[stream] ?? []).map(entryOf)),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#sayer.close();
    this.#reader.close();
  }

  async #open(): Promise<void> {
    try {
      const load = (script: string) => this.#sayer.send("SCRIPT", ["LOAD", script]);
      const [join, say, claim] = await Promise.all([load(JOIN), load(SAY), load(CLAIM)]);
      this.#scripts = { join, say, claim };
      if (!this.#isClosed) this.#events.onOpen();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The reply is of the type that the command has. */
  #ask<Reply>(
    client: Bun.RedisClient,
    command: string,
    args: string[],
    onReply: (reply: Reply) => void,
  ): void {
    client.send(command, args).then(
      (reply) => {
        if (!this.#isClosed) onReply(reply);
      },
      (error) => this.#fail(error),
    );
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.close();
    const message = error instanceof Error ? error.message : String(error);
    const [, how] = message.split(`${FORGOTTEN} `);
    this.#events.onLost(how === undefined ? new Error(inWords(message)) : new Forgotten(how));
  }
}

/** From names and values in turn. */
function readingsOf(state: readonly string[]): Readings {
  const readings = new Map<string, string>();
  for (let at = 0; at < state.length; at += 2) {
    const [, read] = state[at + 1]?.split(" ") ?? [];
    if (read !== undefined) readings.set(state[at] ?? "", read);
  }
  return readings;
}

function entryOf([id, fields]: readonly [string, readonly string[]]): Entry {
  const [, after = "", , by = "", , number, , read = "", , lines = ""] = fields;
  return { id, after, by, number: Number(number), read, lines };
}

/** What Redis or Bun says, as far as a log needs it. */
function inWords(message: string): string {
  return message
    .replace(/^Connection closed$/, "the connection was lost")
    .replace(/\. .*| script: .*/s, "");
}
