/** A connection to the stream of a room in Redis; or two: one adds, one waits for entries. */

import { RedisConnection, type Reply } from "./connection.ts";
import { ADD, BEAT, DROP, JOIN } from "./scripts.ts";
import type { Entry, OpenStream, States, Trouble } from "./stream.ts";

/** A reading waits for so long, if there is nothing. */
const BLOCK_MS = 1_000;
/** About as much is read at a time, in bytes; but no more than so many entries. */
const READ_BYTES = 4 << 20;
const READ_MAX = 32;

/** Where a stream is, and what is wanted of it. */
export interface RedisStream {
  readonly url: URL;
  readonly room: string;
  /** The longest line, in bytes: less is read at a time where lines may be long. */
  readonly lineBytesMax: number;
  /** What all servers of the room have in common, as on a command line. */
  readonly options: string;
}

/** How to connect to a stream. */
export function opener({ url, room, lineBytesMax, options }: RedisStream): OpenStream {
  // The braces have a cluster keep all keys of a room on one node.
  const key = `linechat:{${room}}`;
  const keys = ["3", key, `${key}:servers`, `${key}:names`];
  const count = Math.min(READ_MAX, Math.ceil(READ_BYTES / (2 * lineBytesMax)));
  return (onOpen, onLost) => {
    const close = () => {
      adder.close();
      reader.close();
    };
    const lost = ({ message }: Error) => {
      close();
      onLost(...inWords(message));
    };
    const adder = new RedisConnection(url, lost);
    const reader = new RedisConnection(url, lost);
    /** What Redis calls the scripts. */
    const [join, beat, drop, add] = [JOIN, BEAT, DROP, ADD].map((script) => {
      const sha1 = new Bun.CryptoHasher("sha1").update(script).digest("hex");
      adder.ask(["SCRIPT", "LOAD", script], script === ADD ? onOpen : () => {});
      return ["EVALSHA", sha1, ...keys];
    }) as [string[], string[], string[], string[]]; // as many as there are scripts
    return {
      join({ by, instead, number, read, keys: names }, done) {
        adder.ask([...join, by, `${number}`, read, instead, options, ...names], (reply) => {
          const [id, after, servers] = listOf(reply);
          const isIn = id !== undefined && id !== null;
          done({
            id: isIn ? textOf(id) : undefined,
            after: textOf(after),
            servers: statesOf(servers),
          });
        });
      },
      add({ by, number, read, tail, lines, isPassing, requests }, done) {
        const about = [by, `${number}`, read, tail, isPassing ? "passing" : "lines"];
        adder.ask([...add, ...about, lines, ...requests], done);
      },
      beat({ by, number, read, count }, done) {
        adder.ask([...beat, by, `${number}`, read, `${count}`], (reply) => {
          const [last, servers] = listOf(reply);
          done(textOf(last), statesOf(servers));
        });
      },
      drop(name, state, done) {
        adder.ask([...drop, name, state], (reply) =>
          done(reply === null ? undefined : listOf(reply).map(textOf)),
        );
      },
      read(after, done) {
        const words = ["XREAD", "COUNT", `${count}`, "BLOCK", `${BLOCK_MS}`, "STREAMS", key, after];
        reader.ask(words, (reply) => {
          const [stream] = listOf(reply);
          const [, entries] = listOf(stream);
          done(listOf(entries).map(entryOf));
        });
      },
      close,
    };
  };
}

function listOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? reply : [];
}

function textOf(reply: Reply | undefined): string {
  return String(reply ?? "");
}

function statesOf(reply: Reply | undefined): States {
  const words = listOf(reply).map(textOf);
  const states = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) states.set(words[at] ?? "", words[at + 1] ?? "");
  for (const other of ["last", "options"]) states.delete(other);
  return states;
}

function entryOf(reply: Reply): Entry {
  const [id, fields] = listOf(reply);
  const [, about, , lines] = listOf(fields);
  const [after = "", by = "", number, read = "", kind, granted = ""] = textOf(about).split(" ");
  const run = lines instanceof Uint8Array ? lines : new Uint8Array(0);
  const isPassing = kind === "passing";
  return {
    id: textOf(id),
    after,
    by,
    number: Number(number),
    read,
    lines: run,
    isPassing,
    granted,
  };
}

const TOO_LONG = "redis takes no line that is so long (proto-max-bulk-len)";

/** An error of a script, or of Redis, as far as a log needs it. */
function inWords(message: string): [Trouble, why: string] {
  for (const trouble of ["out of sync", "redis is away"] as const) {
    const [, why] = message.split(`${trouble}: `);
    if (why !== undefined) return [trouble, why];
  }
  // It would be the same each time.
  if (message.includes("invalid bulk length")) return ["out of sync", TOO_LONG];
  const why = message
    .replace(/^MOVED \d+ (\S+)/, "it is a cluster that has the room on another node, $1")
    .replace(/( script: [\da-f]{40}, on |\. ).*/s, "");
  return ["redis is away", why];
}
