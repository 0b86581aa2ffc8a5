/** A connection to the stream of a room in Redis, by two clients of Bun: one says, one waits for what is said. */

import {
  type Entry,
  Forgotten,
  type OpenStream,
  type Readings,
  type Saying,
  START,
  type StreamEvents,
  type StreamLink,
} from "./stream.ts";

const CONNECT_MS = 5_000;
/** How long a reading waits for something. */
const BLOCK_MS = 1_000;
/** About as much is read at a time, in bytes; but no more than so many entries. */
const READ_BYTES = 4 << 20;
const READ_MAX = 32;
const FORGOTTEN = "FORGOTTEN";

/*
 * The stream has an entry for each batch: `after`, `by`, `number`, `read`, `lines`.
 * A hash beside it has in `last` the id of the last entry, and for each server, under
 * its name, the number of its last batch and how far it had read then.
 */

/** Adds a first entry for a server; forgets the one it was before, and those not heard of for a day. */
const JOIN = `
local state = redis.call('HGETALL', KEYS[2])
local last = redis.call('HGET', KEYS[2], 'last') or '${START}'
local id = redis.call('XADD', KEYS[1], '*', 'after', last, 'by', ARGV[1], 'number', '1', 'read', '${START}', 'lines', '')
local yesterday = tonumber(string.match(id, '^%d+')) - 86400000
for i = 1, #state, 2 do
  local read = tonumber(string.match(state[i + 1], ' (%d+)-') or '')
  if state[i] == ARGV[2] or (read and read < yesterday) then redis.call('HDEL', KEYS[2], state[i]) end
end
redis.call('HSET', KEYS[2], ARGV[1], '1 ' .. id, 'last', id)
return {id, redis.call('HGETALL', KEYS[2])}`;

/** Adds a batch, unless its number shows that it was added before, or that one before it is missing. */
const SAY = `
local name, number, read, tail, lines = unpack(ARGV)
local state = redis.call('HMGET', KEYS[2], name, 'last')
local before = tonumber(string.match(state[1] or '0', '^%d+'))
local last = state[2] or '${START}'
if tonumber(number) <= before then return last end
if tonumber(number) > before + 1 then return redis.error_reply('${FORGOTTEN} number ' .. number .. ' comes after ' .. before) end
local id = redis.call('XADD', KEYS[1], 'MINID', '~', tail, '*', 'after', last, 'by', name, 'number', number, 'read', read, 'lines', lines)
redis.call('HSET', KEYS[2], name, number .. ' ' .. read, 'last', id)
if read == 'gone' then redis.call('HDEL', KEYS[2], name) end
return id`;

/** The keys of a room; the braces have a cluster keep both on one node. */
export function keysOf(room: string): [stream: string, state: string] {
  return [`linechat:{${room}}`, `linechat:{${room}}:state`];
}

/** A client that does not connect again by itself: what it then sends again, and when, could not be told. */
export function openClient(url: string): Bun.RedisClient {
  return new Bun.RedisClient(url, { autoReconnect: false, connectionTimeout: CONNECT_MS });
}

/**
 * How to connect to the stream of a room.
 *
 * @param lineBytesMax the longest line, in bytes: less is read at a time where lines may be long
 */
export function streamInRedis(url: string, room: string, lineBytesMax: number): OpenStream {
  const countMax = Math.floor(READ_BYTES / (2 * lineBytesMax)) || 1;
  return (events) => new RedisLink(url, keysOf(room), Math.min(READ_MAX, countMax), events);
}

class RedisLink implements StreamLink {
  readonly #sayer: Bun.RedisClient;
  readonly #reader: Bun.RedisClient;
  readonly #keys: readonly [stream: string, state: string];
  readonly #count: number;
  readonly #events: StreamEvents;
  #scripts = { join: "", say: "" };
  #isClosed = false;

  constructor(
    url: string,
    keys: readonly [stream: string, state: string],
    count: number,
    events: StreamEvents,
  ) {
    this.#sayer = openClient(url);
    this.#reader = openClient(url);
    this.#keys = keys;
    this.#count = count;
    this.#events = events;
    void this.#open();
  }

  join(by: string, instead: string): void {
    const args = [this.#scripts.join, "2", ...this.#keys, by, instead];
    this.#ask(this.#sayer, "EVALSHA", args, ([id, state]: [string, string[]]) => {
      this.#events.onJoined(id, readingsOf(state));
    });
  }

  say({ by, number, read, tail, lines }: Saying): void {
    const args = [this.#scripts.say, "2", ...this.#keys, by, `${number}`, read, tail, lines];
    this.#ask(this.#sayer, "EVALSHA", args, (id: string) => this.#events.onSaid(id));
  }

  read(after: string): void {
    const [stream] = this.#keys;
    const how = ["COUNT", `${this.#count}`, "BLOCK", `${BLOCK_MS}`, "STREAMS", stream, after];
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
      const [join, say] = await Promise.all([load(JOIN), load(SAY)]);
      this.#scripts = { join, say };
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
  return message.replace(/^Connection closed$/, "the connection was lost").replace(/\. .*/s, "");
}
