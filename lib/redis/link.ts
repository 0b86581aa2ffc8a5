/** A connection to the stream of a room in Redis, by two clients of Bun: one says, one waits for what is said. */

import type { Claim } from "./claims.ts";
import { CLAIM, FORGOTTEN, JOIN, SAY } from "./scripts.ts";
import {
  type Entry,
  Forgotten,
  type OpenStream,
  type Readings,
  type Saying,
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
  /** What all servers of the room are to have in common, for those who come later to compare. */
  readonly options: string;
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
  readonly #options: string;
  readonly #events: StreamEvents;
  #scripts = { join: "", say: "", claim: "" };
  #isClosed = false;

  constructor(stream: RedisStream, events: StreamEvents) {
    const { url, room, lineBytesMax, historyBytes, options } = stream;
    const keys = keysOf(room);
    this.#sayer = openClient(url);
    this.#reader = openClient(url);
    this.#stream = keys[0];
    this.#keys = [`${keys.length}`, ...keys];
    this.#keep = `${historyBytes}`;
    this.#count = `${Math.min(READ_MAX, Math.floor(READ_BYTES / (2 * lineBytesMax)) || 1)}`;
    this.#options = options;
    this.#events = events;
    void this.#open();
  }

  join(by: string, instead: string): void {
    const args = [this.#scripts.join, ...this.#keys, by, instead, this.#keep, this.#options];
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

/** How far each server has read; from the fields of the hash and their values, in turn. */
export function readingsOf(state: readonly string[]): Readings {
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
    .replace(/( script: [\da-f]{40}, on |\. ).*/s, "");
}
