/** A connection to the stream of a room in Redis; or two: one adds, one waits for entries. */

import { RedisConnection, type Reply, type Word } from "./connection.ts";
import { ADD, BEAT, DROP, JOIN } from "./scripts.ts";
import type { Entry, OpenStream, States, Trouble } from "./stream.ts";

/** A reading waits for so long, if there is nothing. */
const BLOCK_MS = 1_000;
/** About as much is read at a time, in bytes; but no more than so many entries. */
const READ_BYTES = 4 << 20;
const READ_MAX = 16;
/** What an entry has in a reply. */
const ENTRY_VALUES = 5;

/**
 * How to connect to the stream of a room.
 *
 * @param lineBytesMax the longest line, in bytes: less is read at a time where lines may be long
 * @param options what all servers of the room have in common, as on a command line
 */
export function opener(url: URL, room: string, lineBytesMax: number, options: string): OpenStream {
  // The braces have a cluster keep all keys of a room on one node.
  const key = `linechat:{${room}}`;
  const apart = `${key}:lines`;
  const keys = ["4", key, apart, `${key}:servers`, `${key}:names`];
  const count = Math.min(READ_MAX, Math.ceil(READ_BYTES / (2 * lineBytesMax)));
  return (onLost) => {
    const lost = ({ message }: Error) => {
      close();
      onLost(...inWords(message));
    };
    const [adder, reader] = [new RedisConnection(url, lost), new RedisConnection(url, lost)];
    const close = () => {
      adder.close();
      reader.close();
    };
    const load = (script: string) => {
      adder.ask(["SCRIPT", "LOAD", script]);
      const sha1 = new Bun.CryptoHasher("sha1").update(script).digest("hex");
      return (words: readonly Word[], onReply?: (reply: Reply) => void) =>
        adder.ask(["EVALSHA", sha1, ...keys, ...words], onReply);
    };
    const [join, beat, drop, add] = [load(JOIN), load(BEAT), load(DROP), load(ADD)];
    /** Without its lines, an entry is of no use to anybody, nor as history; nor is what was before it. */
    const forget = (id: string) => {
      const next = id.replace(/\d+$/, (sequence) => `${Number(sequence) + 1}`);
      const why = new Error(`out of sync: redis has forgotten the lines of ${id}`);
      reader.ask(["XTRIM", key, "MINID", next], () => lost(why));
    };
    return {
      join({ by, instead, number, read, keys: names }, done) {
        const words = [by, `${number}`, read, instead, options, ...names];
        join(words, ([place, before, ...servers]) => {
          const [id, last] = [String(place), String(before)];
          const why = `the other servers run with ${last}, this one with ${options}`;
          done(id, id === "" ? why : last, statesOf(servers));
        });
      },
      add({ by, number, read, tail, runs, isPassing, requests }) {
        const kind = isPassing ? "passing" : "lines";
        add([by, `${number}`, read, tail, kind, runs, ...requests]);
      },
      beat({ by, number, read }, done) {
        beat([by, `${number}`, read], ([last, ...servers]) =>
          done(String(last), statesOf(servers)),
        );
      },
      drop(name, state, done) {
        drop([name, state], ([wasDropped, ...names]) => done(wasDropped && names.map(String)));
      },
      read(after, by, done) {
        const words = ["XREAD", "COUNT", `${count}`, "BLOCK", `${BLOCK_MS}`, "STREAMS", key, after];
        reader.ask(words, ([, ...values]) => {
          const entries: Entry[] = [];
          let missing = 1;
          const found = () => --missing > 0 || done(entries);
          for (let at = 0; at < values.length; at += ENTRY_VALUES) {
            const entry = entryOf(values.slice(at, at + ENTRY_VALUES));
            const index = entries.push(entry) - 1;
            if (entry.by === by || String(values[at + 3]) !== "apart") continue;
            missing++;
            reader.ask(["XRANGE", apart, entry.id, entry.id], ([, , lines]) => {
              if (!lines) return forget(entry.id);
              entries[index] = { ...entry, lines };
              found();
            });
          }
          found();
        });
      },
      close,
    };
  };
}

function statesOf(words: Reply): States {
  const states = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) states.set(String(words[at]), String(words[at + 1]));
  for (const other of ["last", "options"]) states.delete(other);
  return states;
}

/** Its id, and the names and values of its fields. */
function entryOf([id, , about, , lines = Buffer.alloc(0)]: Reply): Entry {
  const [after = "", by = "", number, read = "", kind, granted = ""] = String(about).split(" ");
  const place = { id: String(id), after, by, number: Number(number), read };
  return { ...place, lines, isPassing: kind === "passing", isJoining: kind === "join", granted };
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
