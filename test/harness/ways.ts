/** The ways into a room, over each of which it has to keep its promises. */

import { join } from "node:path";

import {
  atEnd,
  type Codec,
  newFolder,
  Peer,
  type PeerOptions,
  serverCommand,
  ServerProgram,
  startShared,
} from "../harness.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { embedRoom } from "./embedded.ts";
import { TLS, tlsOptions } from "./tools.ts";
import { BINARY, CLOSE, CLOSING, frame, Frames, upgradeRequest } from "./web-peer.ts";

/** What a test chooses of a room, as `--buffer`, `--max-line`, `--patience` and `--max-clients` do. */
export interface Choices {
  logBytes?: number;
  patienceMs?: number;
  clientsMax?: number;
}

/** What runs a room: its log, and its end. */
type Host = Pick<ServerProgram, "stderr" | "until" | "port" | "stop"> & {
  memoryBytes?: () => number;
};

export interface Way {
  readonly name: string;
  /** The programs that a machine needs for it. */
  readonly needs: readonly string[];
  /** Bytes that no line can have there, as they mean something else. */
  readonly reserved?: readonly number[];
  /** Why a client that ends its input receives nothing more, a reset is no reset, nobody counts clients. */
  readonly noHalfClose?: string;
  readonly noReset?: string;
  readonly noSeats?: string;
  /** A line of several servers may still be on its way to one of them when a test is over. */
  readonly isUsedOnce?: true;
  /** Starts what runs the room; members are with each of these in turn. */
  start(choices: Choices): Promise<Host[]>;
  /** How the next client of a host connects, and what the log calls it: by default, its address. */
  enter?(host: Host, number: number): Promise<PeerOptions & { port?: number; name?: string }>;
}

export const WAYS: readonly Way[] = [
  { name: "TCP", needs: [], start: (choices) => program(choices) },
  {
    name: "a Unix socket",
    needs: [],
    noReset: "the system takes a process that ends for the end of its input",
    async start(choices) {
      const path = join(newFolder(), "room");
      return [await ServerProgram.run(serverCommand("--unix", path, ...options(choices)))];
    },
    enter: async (host, number) => ({
      unix: await said(host, /listening on (\S+)\n/),
      name: `unix:${number}`,
    }),
  },
  {
    name: "TLS",
    needs: [],
    start: (choices) => program(choices, ...tlsOptions()),
    enter: async () => TLS,
  },
  {
    name: "WebSocket",
    needs: [],
    noHalfClose: "a WebSocket that is closed takes nothing more",
    start: (choices) => program(choices, "--web", "0"),
    async enter(host) {
      const { port, host: name } = new URL(await said(host, /web at (\S+)\n/));
      return { port: Number(port), says: upgradeRequest(name), codec: webSocket, name: "web:" };
    },
  },
  {
    name: "telnet",
    needs: [],
    reserved: [0x0d, 0xff],
    start: (choices) => program(choices, "--telnet"),
  },
  {
    name: "a PROXY header",
    needs: [],
    start: (choices) => program(choices, "--proxy-protocol", "127.0.0.1"),
    enter: async (_, number) => ({
      says: `PROXY TCP4 10.0.0.1 10.0.0.2 ${number} 8080\r\n`,
      name: `10.0.0.1:${number}`,
    }),
  },
  {
    name: "two servers over Redis",
    needs: ["redis-server"],
    isUsedOnce: true,
    async start(choices) {
      const redis = await RedisServer.start();
      atEnd(() => redis.end());
      const start = () => program(choices, "--redis", redis.url);
      return (await Promise.all([start(), start()])).flat();
    },
  },
  {
    name: "a room embedded, on sockets of node:net",
    needs: [],
    noSeats: "that is up to the program",
    start: async (choices) => [await embedRoom(choices)],
  },
];

/** Rooms that nobody is in, by their ways and choices. */
const empty = new Map<string, (readonly Host[])[]>();
/** How many clients have connected to a host. */
const connected = new WeakMap<Host, number>();

/** A room that is open: its members, and what its log says of them. */
export class WayIn {
  readonly #way: Way;
  readonly hosts: readonly Host[];
  readonly #key: string;
  #isStopped = false;
  /** `since` is how much was in the log before it came. */
  readonly #members = new Map<Peer, { host: Host; name: string; since: number }>();

  private constructor(way: Way, hosts: readonly Host[], key: string) {
    this.#way = way;
    this.hosts = hosts;
    this.#key = key;
  }

  /** It may be a room that another test has left. */
  static async open(way: Way, choices: Choices = {}): Promise<WayIn> {
    const key = `${way.name} ${JSON.stringify(choices)}`;
    const start = () => way.start(choices);
    const hosts = empty.get(key)?.pop() ?? (await (way.isUsedOnce ? start() : startShared(start)));
    return new WayIn(way, hosts, key);
  }

  /** Has everybody leave, so that another test can have the room. */
  async leave(): Promise<void> {
    if (this.#way.isUsedOnce || this.#isStopped) return;
    for (const peer of this.#members.keys()) await peer.end();
    for (const peer of this.#members.keys()) await this.logged(peer, "left NAME: ");
    empty.getOrInsert(this.#key, []).push(this.hosts);
  }

  /** Connects somebody, at the next of the hosts. */
  async connect(options: PeerOptions = {}): Promise<Peer> {
    const before = this.#members.size;
    const host = this.hosts[before % this.hosts.length];
    if (host === undefined) throw new Error("nobody runs the room");
    const number = (connected.get(host) ?? 0) + 1;
    connected.set(host, number);
    const since = host.stderr.length;
    const { port = host.port, name = "", ...how } = (await this.#way.enter?.(host, number)) ?? {};
    const peer = await Peer.connect(port, { ...options, ...how });
    const isWhole = /\d$/.test(name);
    this.#members.set(peer, { host, since, name: isWhole ? name : name + peer.name });
    return peer;
  }

  /** Connects somebody, and waits until that is a member. */
  async join(options?: PeerOptions): Promise<Peer> {
    const peer = await this.connect(options);
    await this.logged(peer, "joined NAME (");
    return peer;
  }

  /** Waits for an event of somebody in the log, be it there already or not. */
  async logged(peer: Peer, event: string): Promise<void> {
    const { host, name, since } = this.#members.get(peer) ?? {};
    const text = ` ${event.replace("NAME", name ?? "")}`;
    await host?.until(`"${text}" in the log`, () => host.stderr.includes(text, since));
  }

  /** The most memory that one of its processes has, in bytes. */
  get memoryBytes(): number {
    return Math.max(...this.hosts.map((host) => host.memoryBytes?.() ?? 0));
  }

  /** Stops it; returns the exit codes. */
  stop(): Promise<number[]> {
    this.#isStopped = true;
    return Promise.all(this.hosts.map((host) => host.stop()));
  }
}

async function program(choices: Choices, ...words: string[]): Promise<Host[]> {
  return [await ServerProgram.start(...words, ...options(choices))];
}

function options({
  logBytes = 8 << 20,
  patienceMs = 10_000,
  clientsMax = 1000,
}: Choices): string[] {
  const sizes = ["--buffer", `${logBytes}`, "--patience", `${patienceMs}ms`];
  return [...sizes, "--max-clients", `${clientsMax}`];
}

async function said(host: Host, pattern: RegExp): Promise<string> {
  return (await host.until(`${pattern}`, () => pattern.exec(host.stderr) ?? undefined))[1] ?? "";
}

/** Lines in the messages of a WebSocket. */
function webSocket(send: (bytes: Uint8Array) => void): Codec {
  const MESSAGE_BYTES = 64 << 10;
  const frames = new Frames();
  const closed = (payload: Buffer) => send(frame(CLOSE, payload));
  return {
    ending: CLOSING,
    encode(lines) {
      const sent: Buffer[] = [];
      for (let at = 0; at < lines.length;) {
        const last = lines.lastIndexOf(10, at + MESSAGE_BYTES - 1);
        const next = last < at ? lines.indexOf(10, at) : last;
        const end = next < 0 ? lines.length : next + 1;
        sent.push(frame(BINARY, lines.subarray(at, end)));
        at = end;
      }
      return Buffer.concat(sent);
    },
    decode: (received) => Buffer.concat(frames.messages(received, send, closed)),
  };
}
