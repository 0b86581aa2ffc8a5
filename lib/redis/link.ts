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
/** What Redis calls the scripts. */
const JOIN_SHA1 = sha1Of(JOIN);
const ADD_SHA1 = sha1Of(ADD);

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
  /** How much is kept for servers that join later, in bytes. */
  readonly historyBytes: number;
  /** What all servers of the room have in common, as on a command line. */
  readonly options: string;
}

export class RedisLink {
  readonly #at: RedisStream;
  /** The key of the stream; the braces have a cluster keep it and its other keys on one node. */
  readonly #stream: string;
  readonly #onLost: (error: Error) => void;
  readonly #adder: Bun.RedisClient;
  readonly #reader: Bun.RedisClient;
  #isClosed = false;

  constructor(at: RedisStream, onOpen: () => void, onLost: (error: Error) => void) {
    this.#at = at;
    this.#stream = `linechat:{${at.room}}`;
    this.#onLost = onLost;
    this.#adder = openClient(at.url);
    this.#reader = openClient(at.url);
    this.#expect(this.#adder.send("SCRIPT", ["LOAD", JOIN]), () => {});
    this.#expect(this.#adder.send("SCRIPT", ["LOAD", ADD]), onOpen);
  }

  join(by: string, instead: string, done: (joined: Joined) => void): void {
    const { options } = this.#at;
    type Reply = [id: string, others: [string, string][], history: string[], theirs: string];
    this.#run(JOIN_SHA1, [by, instead, options], (reply: Reply) => {
      const [id, others, history, theirs] = reply;
      const lines = history.map((element) => element.slice(element.indexOf(" ") + 1));
      if (theirs === options) done({ id, others: new Map(others), history: lines });
      else
        this.#fail(new Refused(`the other servers run with ${theirs}, this one with ${options}`));
    });
  }

  add(entry: NewEntry, done: () => void): void {
    const { by, number, read, tail, lines, isPassing, requests } = entry;
    const { historyBytes } = this.#at;
    const fields = [by, `${number}`, read, tail, lines, isPassing ? "1" : "0"];
    const kept = isPassing || historyBytes === 0 ? 0 : lines.length;
    this.#run(ADD_SHA1, [...fields, `${kept}`, `${historyBytes}`, ...requests], done);
  }

  read(after: string, done: (entries: readonly Entry[]) => void): void {
    const stream = this.#stream;
    const count = Math.min(READ_MAX, Math.ceil(READ_BYTES / (2 * this.#at.lineBytesMax)));
    const how = ["COUNT", `${count}`, "BLOCK", `${BLOCK_MS}`, "STREAMS", stream, after];
    type Reply = Record<string, [string, string[]][]> | null;
    this.#expect(this.#reader.send("XREAD", how), (reply: Reply) => {
      done((reply?.[stream] ?? []).map(entryOf));
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#adder.close();
    this.#reader.close();
  }

  #run<Reply>(script: string, args: readonly string[], onReply: (reply: Reply) => void): void {
    const keys = ["3", this.#stream, `${this.#stream}:state`, `${this.#stream}:history`];
    this.#expect(this.#adder.send("EVALSHA", [script, ...keys, ...args]), onReply);
  }

  #expect<Reply>(replied: Promise<Reply>, onReply: (reply: Reply) => void): void {
    replied.then(
      (reply) => {
        if (!this.#isClosed) onReply(reply);
      },
      (error: Error) => this.#fail(error),
    );
  }

  #fail(error: Error): void {
    if (this.#isClosed) return;
    this.close();
    const [, how] = error.message.split(`${FORGOTTEN} `);
    if (how !== undefined) this.#onLost(new Forgotten(how));
    else this.#onLost(error instanceof Refused ? error : new Error(inWords(error.message)));
  }
}

function sha1Of(script: string): string {
  return new Bun.CryptoHasher("sha1").update(script).digest("hex");
}

/** Made of fields in the order in which the scripts write them; that of joining has only the first. */
function entryOf([id, fields]: readonly [string, readonly string[]]): Entry {
  const values = fields.filter((_, at) => at % 2 === 1);
  const [after = "", by = "", number, read = "", lines = "", passing, granted = ""] = values;
  const isPassing = passing === "1";
  return { id, after, by, number: Number(number), read, lines, isPassing, granted };
}

/** An error of Redis or Bun, as far as a log needs it. */
function inWords(message: string): string {
  return message
    .replace(/^Connection closed$/, "the connection was lost")
    .replace(/( script: [\da-f]{40}, on |\. ).*/s, "");
}
