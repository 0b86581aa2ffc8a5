/** A connection to the stream of a room in Redis, by two clients of Bun: one adds, one waits for entries. */

import { ADD, FORGOTTEN, JOIN } from "./scripts.ts";
import { type Entry, Forgotten, type Joined, type NewEntry, Refused } from "./stream.ts";

/** How long a connection may take, in ms. */
export const CONNECT_MS = 5_000;
/** How long a reading waits for something. */
const BLOCK_MS = 1_000;
/** About as much is read at a time, in bytes; but no more than so many entries. */
const READ_BYTES = 4 << 20;
const READ_MAX = 32;

/** A client that does not connect again by itself: what it then sends again, and when, could not be told. */
export function openClient(url: string): Bun.RedisClient {
  return new Bun.RedisClient(url, { autoReconnect: false, connectionTimeout: CONNECT_MS });
}

/** Options that all servers of a room have in common: their values as on a command line; "" for a flag. */
export type CommonOptions = Readonly<Record<string, string>>;

/** Where a stream is, and what is wanted of it. */
export interface RedisStream {
  readonly url: string;
  readonly room: string;
  /** The longest line, in bytes: less is read at a time where lines may be long. */
  readonly lineBytesMax: number;
  /** How much is kept for servers that join later, in bytes. */
  readonly historyBytes: number;
  readonly options: CommonOptions;
}

export class RedisLink {
  readonly #at: RedisStream;
  /** The key of the stream; the braces have a cluster keep it and its other keys on one node. */
  readonly #stream: string;
  readonly #onLost: (error: Error) => void;
  readonly #adder: Bun.RedisClient;
  readonly #reader: Bun.RedisClient;
  #scripts = { join: "", add: "" };
  #isClosed = false;

  constructor(at: RedisStream, onOpen: () => void, onLost: (error: Error) => void) {
    this.#at = at;
    this.#stream = `linechat:{${at.room}}`;
    this.#onLost = onLost;
    this.#adder = openClient(at.url);
    this.#reader = openClient(at.url);
    void this.#open(onOpen);
  }

  join(by: string, instead: string, done: (joined: Joined) => void): void {
    const { historyBytes, options } = this.#at;
    const onReply = ([id, readings, history, common]: [string, string[], string[], string]) => {
      if (id === "") this.#fail(new Refused(differences(JSON.parse(common), options)));
      else done({ id, others: pairsOf(readings), history });
    };
    const args = [by, instead, `${historyBytes}`, JSON.stringify(options)];
    this.#run(this.#scripts.join, args, onReply);
  }

  add(entry: NewEntry, done: (id: string) => void): void {
    const { by, number, read, tail, lines, isPassing, requests } = entry;
    const fields = [by, `${number}`, read, tail, lines, isPassing ? "1" : "0"];
    this.#run(this.#scripts.add, [...fields, `${this.#at.historyBytes}`, ...requests], done);
  }

  read(after: string, done: (entries: readonly Entry[]) => void): void {
    const stream = this.#stream;
    const count = Math.min(READ_MAX, Math.ceil(READ_BYTES / (2 * this.#at.lineBytesMax)));
    const how = ["COUNT", `${count}`, "BLOCK", `${BLOCK_MS}`, "STREAMS", stream, after];
    this.#ask(this.#reader, "XREAD", how, (reply: Record<string, [string, string[]][]> | null) =>
      done((reply?.[stream] ?? []).map(entryOf)),
    );
  }

  close(): void {
    this.#isClosed = true;
    this.#adder.close();
    this.#reader.close();
  }

  async #open(onOpen: () => void): Promise<void> {
    try {
      const load = (script: string) => this.#adder.send("SCRIPT", ["LOAD", script]);
      const [join, add] = await Promise.all([load(JOIN), load(ADD)]);
      this.#scripts = { join, add };
      if (!this.#isClosed) onOpen();
    } catch (error) {
      this.#fail(error);
    }
  }

  #run<Reply>(script: string, args: readonly string[], onReply: (reply: Reply) => void): void {
    const keys = ["3", this.#stream, `${this.#stream}:state`, `${this.#stream}:history`];
    this.#ask(this.#adder, "EVALSHA", [script, ...keys, ...args], onReply);
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
    if (error instanceof Refused) return this.#onLost(error);
    const message = error instanceof Error ? error.message : String(error);
    const [, how] = message.split(`${FORGOTTEN} `);
    this.#onLost(how === undefined ? new Error(inWords(message)) : new Forgotten(how));
  }
}

/** Which options the other servers have instead. */
function differences(theirs: CommonOptions, own: CommonOptions): string {
  const names = Object.keys({ ...theirs, ...own }).filter((name) => theirs[name] !== own[name]);
  const differing = names.map((name) => {
    const others = theirs[name] === undefined ? `without ${name}` : `with ${name} ${theirs[name]}`;
    const here = own[name] === undefined ? "without" : `with ${own[name]}`;
    return `${others.trim()}, this one ${here.trim()}`;
  });
  return `the other servers run ${differing.join("; ")}`;
}

/** Keys and values, in turn. */
function pairsOf(list: readonly string[]): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (let at = 0; at < list.length; at += 2) pairs.set(list[at] ?? "", list[at + 1] ?? "");
  return pairs;
}

function entryOf([id, fields]: readonly [string, readonly string[]]): Entry {
  const pairs = pairsOf(fields);
  const field = (name: string) => pairs.get(name) ?? "";
  const [number, isPassing] = [Number(field("number")), field("passing") === "1"];
  const [after, by, read, lines] = [field("after"), field("by"), field("read"), field("lines")];
  return { id, after, by, number, read, lines, isPassing, granted: field("granted") };
}

/** An error of Redis or Bun, as far as a log needs it. */
function inWords(message: string): string {
  return message
    .replace(/^Connection closed$/, "the connection was lost")
    .replace(/( script: [\da-f]{40}, on |\. ).*/s, "");
}
