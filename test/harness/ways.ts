/** The ways into a room, over each of which it has to keep its promises. */

import { createServer, type Socket } from "node:net";
import { join } from "node:path";

import { openRoom } from "../../lib/linechat.ts";
import { GONE, type Life, type RoomSocket } from "../../lib/room/socket.ts";
import {
  atEnd,
  type Codec,
  newFile,
  newFolder,
  Peer,
  type PeerOptions,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { CERTIFICATE } from "../simulation/certificate.ts";
import { Watched } from "./watched.ts";
import { BINARY, CLOSE, frame, frameAt, PING, PONG, upgradeRequest } from "./web-peer.ts";

/** What a test chooses of a room. */
export interface Choices {
  logBytes?: number;
  lineBytesMax?: number;
  patienceMs?: number;
  clientsMax?: number;
}

/** What a room is run by: its log, and its end. */
type Host = Pick<ServerProgram, "stderr" | "until" | "port" | "stop"> & {
  memoryBytes?: () => number;
};

export interface Way {
  readonly name: string;
  /** What a machine needs for it. */
  readonly needs?: string;
  /** Bytes that no line can have there, as they mean something else. */
  readonly reserved?: readonly number[];
  /** Says why a client that ends its input receives nothing more. */
  readonly noHalfClose?: string;
  /** Says why the end of a client that vanishes looks like any other. */
  readonly noReset?: string;
  /** Says why nobody counts clients there. */
  readonly noSeats?: string;
  /** Starts what runs the room, members of which are with each of them in turn. */
  start(choices: Choices): Promise<Host[]>;
  /** How a client connects to that, and how it is called there: by its address, unless there is a name. */
  enter?(host: Host, number: number): Promise<PeerOptions & { name?: string; prefix?: string }>;
}

export const WAYS: readonly Way[] = [
  { name: "TCP", start: (choices) => program(choices) },
  {
    name: "a Unix socket",
    noReset: "the system tells the end of a process as the end of its input",
    async start(choices) {
      const path = join(newFolder(), "room");
      return [await ServerProgram.run(serverCommand("--unix", path, ...options(choices)))];
    },
    async enter({ stderr }, number) {
      const [, unix = ""] = /listening on (\S+)\n/.exec(stderr) ?? [];
      return { unix, name: `unix:${number}` };
    },
  },
  {
    name: "TLS",
    start(choices) {
      const file = (name: "cert" | "key") => newFile(name, CERTIFICATE[name]);
      return program(choices, "--tls-cert", file("cert"), "--tls-key", file("key"));
    },
    enter: async () => ({ tls: { rejectUnauthorized: false } }),
  },
  {
    name: "WebSocket",
    noHalfClose: "a WebSocket that is closed takes nothing more",
    start: (choices) => program(choices, "--web", "0"),
    async enter(host) {
      const find = () => /web at (\S+)\n/.exec(host.stderr) ?? undefined;
      const { port, host: name } = new URL((await host.until("a page", find))[1] ?? "");
      const how = { port: Number(port), says: upgradeRequest(name), prefix: "web:" };
      return { ...how, codec: webSocket };
    },
  },
  {
    name: "telnet",
    reserved: [0x0d, 0xff],
    start: (choices) => program(choices, "--telnet"),
  },
  {
    name: "a PROXY header",
    start: (choices) => program(choices, "--proxy-protocol", "127.0.0.1"),
    enter: async (_, number) => ({
      says: `PROXY TCP4 10.0.0.1 10.0.0.2 ${number} 8080\r\n`,
      name: `10.0.0.1:${number}`,
    }),
  },
  {
    name: "two servers over Redis",
    needs: "redis-server",
    async start(choices) {
      const redis = await RedisServer.start();
      atEnd(() => redis.end());
      const start = () => program(choices, "--redis", redis.url);
      return (await Promise.all([start(), start()])).flat();
    },
  },
  {
    name: "a room embedded, on sockets of node:net",
    noSeats: "that is up to the program",
    start: async (choices) => [await Embedded.open(choices)],
  },
];

/** A room that is open: who joins, and what its log says. */
export class WayIn {
  readonly #way: Way;
  readonly hosts: readonly Host[];
  readonly #names = new Map<Peer, string>();

  private constructor(way: Way, hosts: readonly Host[]) {
    this.#way = way;
    this.hosts = hosts;
  }

  static async open(way: Way, choices: Choices = {}): Promise<WayIn> {
    return new WayIn(way, await way.start(choices));
  }

  /** Connects somebody, at the next of the hosts. */
  async connect(options: PeerOptions = {}): Promise<Peer> {
    const number = this.#names.size;
    const host = this.#hostOf(number);
    const {
      port,
      name,
      prefix = "",
      ...how
    } = {
      port: host.port,
      ...(await this.#way.enter?.(host, Math.floor(number / this.hosts.length) + 1)),
    };
    const peer = await Peer.connect(port, { ...options, ...how });
    this.#names.set(peer, name ?? `${prefix}${peer.name}`);
    return peer;
  }

  /** Connects somebody, and waits until that is a member. */
  async join(options?: PeerOptions): Promise<Peer> {
    const peer = await this.connect(options);
    await this.logged(peer, "joined NAME (");
    return peer;
  }

  /** Waits for a word on somebody in the log, be it there already or not. */
  async logged(peer: Peer, event: string): Promise<void> {
    const host = this.#hostOf([...this.#names.keys()].indexOf(peer));
    const text = ` ${event.replace("NAME", this.#names.get(peer) ?? "")}`;
    await host.until(`"${text}" in the log`, () => host.stderr.includes(text));
  }

  /** Whether somebody has left. */
  hasLeft(peer: Peer): boolean {
    return this.hosts.some(({ stderr }) => stderr.includes(` left ${this.#names.get(peer)}:`));
  }

  /** The most memory that one of its processes has, in bytes. */
  get memoryBytes(): number {
    return Math.max(...this.hosts.map((host) => host.memoryBytes?.() ?? 0));
  }

  /** Stops it; returns the exit codes. */
  stop(): Promise<number[]> {
    return Promise.all(this.hosts.map((host) => host.stop()));
  }

  #hostOf(number: number): Host {
    const host = this.hosts[number % this.hosts.length];
    if (host === undefined) throw new Error("nobody runs the room");
    return host;
  }
}

async function program(choices: Choices, ...words: string[]): Promise<Host[]> {
  return [await ServerProgram.start(...words, ...options(choices))];
}

function options({ logBytes, lineBytesMax, patienceMs, clientsMax }: Choices): string[] {
  return [
    ...(logBytes === undefined ? [] : ["--buffer", `${logBytes}`]),
    ...(lineBytesMax === undefined ? [] : ["--max-line", `${lineBytesMax}`]),
    ...(patienceMs === undefined ? [] : ["--patience", `${patienceMs}ms`]),
    ...(clientsMax === undefined ? [] : ["--max-clients", `${clientsMax}`]),
  ];
}

/** Lines in the messages of a WebSocket. */
function webSocket(send: (bytes: Uint8Array) => void): Codec {
  const MESSAGE_BYTES = 64 << 10;
  let bytes = Buffer.alloc(0);
  let isOpen = false;
  return {
    ending: frame(CLOSE, Uint8Array.of(1000 >> 8, 1000 & 255)),
    encode(lines) {
      const frames: Buffer[] = [];
      for (let at = 0; at < lines.length;) {
        const last = lines.lastIndexOf(10, at + MESSAGE_BYTES - 1);
        const next = last < at ? lines.indexOf(10, at) : last;
        const end = next < 0 ? lines.length : next + 1;
        frames.push(frame(BINARY, lines.subarray(at, end)));
        at = end;
      }
      return Buffer.concat(frames);
    },
    decode(received) {
      bytes = Buffer.concat([bytes, received]);
      const answerBytes = isOpen ? 0 : bytes.indexOf("\r\n\r\n") + 4;
      if (!isOpen && answerBytes < 4) return Buffer.alloc(0);
      isOpen = true;
      const messages: Buffer[] = [];
      let at = answerBytes;
      for (let next = frameAt(bytes, at); next !== undefined; next = frameAt(bytes, at)) {
        const end = at + next.head + next.body;
        if (end > bytes.length) break;
        const payload = bytes.subarray(at + next.head, end);
        if (next.opcode === PING) send(frame(PONG, payload));
        else if (next.opcode === CLOSE) send(frame(CLOSE, payload));
        else messages.push(payload);
        at = end;
      }
      bytes = bytes.subarray(at);
      return Buffer.concat(messages);
    },
  };
}

/** `openRoom` in this process, with a clock and an alarm, on sockets that Bun's own are not. */
class Embedded {
  readonly #changes = new Watched();
  readonly #sockets = new Set<NodeSocket>();
  readonly #room;
  stderr = "";
  port = 0;

  static async open(choices: Choices): Promise<Embedded> {
    const embedded = new Embedded(choices);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      embedded.#accept(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    embedded.port = typeof address === "object" && address ? address.port : 0;
    atEnd(() => {
      server.close();
      for (const socket of embedded.#sockets) socket.terminate();
    });
    return embedded;
  }

  private constructor(choices: Choices) {
    let alarm: Timer | undefined;
    let alarmAtMs = Infinity;
    const now = () => performance.now();
    this.#room = openRoom({
      ...choices,
      now,
      wake: (delayMs) => {
        if (now() + delayMs >= alarmAtMs) return;
        clearTimeout(alarm);
        alarmAtMs = now() + delayMs;
        alarm = setTimeout(() => {
          alarmAtMs = Infinity;
          this.#room.flush();
        }, delayMs);
      },
      onJoin: ({ name }) => this.#log(`joined ${name} (`),
      onLeave: ({ name }, reason) => this.#log(`left ${name}: ${reason}`),
    });
  }

  until<Value>(what: string, check: () => Value | undefined | false): Promise<Value> {
    return this.#changes.until(what, check);
  }

  /** Returns 0 once everybody has gone. */
  async stop(): Promise<number> {
    this.#room.stop();
    await this.until("all to go", () => this.#sockets.size === 0);
    return 0;
  }

  #accept(socket: Socket): void {
    const closed = () => {
      this.#sockets.delete(accepted);
      this.#changes.changed();
    };
    const accepted = new NodeSocket(socket, closed);
    this.#sockets.add(accepted);
    this.#room.join(accepted, `${socket.remoteAddress}:${socket.remotePort}`);
  }

  #log(event: string): void {
    this.stderr += ` ${event}\n`;
    this.#changes.changed();
  }
}

/** A socket of node:net as one of the room, which offers it more once it has drained. */
class NodeSocket implements RoomSocket {
  data: Life = GONE;
  readonly #socket: Socket;

  constructor(socket: Socket, closed: () => void) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.data.received(bytes));
    socket.on("drain", () => this.data.drained());
    socket.on("end", () => this.data.ended());
    socket.on("error", () => {}); // It is closed then.
    socket.on("close", () => {
      this.data.closed();
      closed();
    });
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (this.#socket.destroyed) return -1;
    let taken = 0;
    while (taken < length && !this.#socket.writableNeedDrain) {
      const piece = Math.min(length - taken, this.#socket.writableHighWaterMark);
      // A copy, as the room writes over what counts as taken.
      this.#socket.write(Buffer.from(bytes.subarray(offset + taken, offset + taken + piece)));
      taken += piece;
    }
    return taken;
  }

  shutdown = () => void this.#socket.end();
  end = () => void this.#socket.end();
  pause = () => void this.#socket.pause();
  resume = () => void this.#socket.resume();

  terminate(): void {
    this.#socket.resetAndDestroy();
    this.data.closed();
    this.data = GONE;
  }
}
