/** A connection to the stream of a room in Redis, by two clients of Bun: one adds, one waits for entries. */

import { ADD, BEAT, DROP, JOIN } from "./scripts.ts";
import type { Entry, OpenStream, States, Trouble } from "./stream.ts";

/** How long a connection may take, in ms. */
export const CONNECT_MS = 5_000;
/** An answer that is so late is given up; a reading waits for so long, if there is nothing. */
const LATE_MS = 5_000;
const BLOCK_MS = 1_000;
/** About as much is read at a time, in bytes; but no more than so many entries. */
const READ_BYTES = 4 << 20;
const READ_MAX = 32;

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
  /** What all servers of the room have in common, as on a command line. */
  readonly options: string;
}

/** How to connect to a stream. */
export function opener(stream: RedisStream): OpenStream {
  const { url, room, lineBytesMax, options } = stream;
  // The braces have a cluster keep all keys of a room on one node.
  const key = `linechat:{${room}}`;
  const keys = ["3", key, `${key}:servers`, `${key}:names`];
  const count = Math.min(READ_MAX, Math.ceil(READ_BYTES / (2 * lineBytesMax)));
  return (onOpen, onLost) => {
    const adder = openClient(url);
    const reader = openClient(url);
    let isClosed = false;
    /** What Redis calls the scripts. */
    const sha1 = { join: "", add: "", beat: "", drop: "" };
    const close = () => {
      isClosed = true;
      adder.close();
      reader.close();
    };
    const fail = ({ message }: Error) => {
      if (isClosed) return;
      close();
      onLost(...inWords(message));
    };
    const ask = <Reply>(
      client: Bun.RedisClient,
      [command = "", ...words]: readonly string[],
      onReply: (reply: Reply) => void,
    ) => {
      const late = setTimeout(fail, LATE_MS, new Error(`no answer for ${LATE_MS / 1000} s`));
      const reply: Promise<Reply> = client.send(command, words);
      const inTime = reply.finally(() => clearTimeout(late));
      inTime.then((answer) => isClosed || onReply(answer), fail);
    };
    const load = (script: keyof typeof sha1, text: string, done = () => {}) =>
      ask(adder, ["SCRIPT", "LOAD", text], (loaded: string) => {
        sha1[script] = loaded;
        done();
      });
    load("join", JOIN);
    load("beat", BEAT);
    load("drop", DROP);
    load("add", ADD, onOpen);
    return {
      join({ by, instead, number, read, keys: names }, done) {
        type Reply = [id: string | null, after: string, servers: string[]];
        const words = ["EVALSHA", sha1.join, ...keys, by, `${number}`, read, instead, options];
        ask(adder, [...words, ...names], ([id, after, servers]: Reply) =>
          done({ id: id ?? undefined, after, servers: statesOf(servers) }),
        );
      },
      add({ by, number, read, tail, lines, isPassing, requests }, done) {
        const text = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString("latin1");
        const fields = [by, `${number}`, read, tail, isPassing ? "passing" : "lines", text];
        ask(adder, ["EVALSHA", sha1.add, ...keys, ...fields, ...requests], done);
      },
      beat({ by, number, read, count }, done) {
        const words = ["EVALSHA", sha1.beat, ...keys, by, `${number}`, read, `${count}`];
        type Reply = [last: string, servers: string[]];
        ask(adder, words, ([last, servers]: Reply) => done(last, statesOf(servers)));
      },
      drop(name, state, done) {
        const words = ["EVALSHA", sha1.drop, ...keys, name, state];
        ask(adder, words, (names: string[] | null) => done(names ?? undefined));
      },
      read(after, done) {
        type Reply = Record<string, [string, string[]][]> | null;
        const words = ["XREAD", "COUNT", `${count}`, "BLOCK", `${BLOCK_MS}`, "STREAMS", key, after];
        ask(reader, words, (reply: Reply) => done((reply?.[key] ?? []).map(entryOf)));
      },
      close,
    };
  };
}

function statesOf(servers: readonly string[]): States {
  const states = new Map<string, string>();
  for (let at = 0; at < servers.length; at += 2)
    states.set(servers[at] ?? "", servers[at + 1] ?? "");
  for (const other of ["last", "options"]) states.delete(other);
  return states;
}

function entryOf([id, fields]: readonly [string, readonly string[]]): Entry {
  const [, about = "", , text = ""] = fields;
  const [after = "", by = "", number, read = "", kind, granted = ""] = about.split(" ");
  const lines = Buffer.from(text, "latin1");
  return {
    id,
    after,
    by,
    number: Number(number),
    read,
    lines,
    isPassing: kind === "passing",
    granted,
  };
}

/** An error of a script, of Redis or of Bun, as far as a log needs it. */
function inWords(message: string): [Trouble, why: string] {
  for (const trouble of ["out of sync", "redis is away"] as const) {
    const [, why] = message.split(`${trouble}: `);
    if (why !== undefined) return [trouble, why];
  }
  const why = message
    .replace(/^Connection closed$/, "the connection was lost")
    .replace(/^MOVED \d+ (\S+)/, "it is a cluster that has the room on another node, $1")
    .replace(/( script: [\da-f]{40}, on |\. ).*/s, "");
  return ["redis is away", why];
}
