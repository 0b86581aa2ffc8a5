/** A WebSocket client that a test drives frame by frame (RFC 6455), over plain TCP or TLS. */

import { Peer, type PeerOptions, ServerProgram } from "../harness.ts";
import type { Found } from "./watched.ts";

export const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10] as const;

export interface WebPeerOptions extends Omit<PeerOptions, "onBytes" | "says" | "codec"> {
  /** Headers of its request, in place of or beside its own. */
  headers?: Record<string, string>;
  /** Answers no ping, as if it had vanished. */
  isMute?: boolean;
}

/** One frame as a client sends it, masked by zeros. */
export function frame(opcode: number, payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  const head = [0x80 | opcode];
  if (bytes.length < 126) head.push(0x80 | bytes.length);
  else if (bytes.length < 1 << 16) head.push(0xfe, bytes.length >> 8, bytes.length & 255);
  else head.push(0xff, 0, 0, 0, 0, ...Buffer.from(Uint32Array.of(bytes.length).buffer).reverse());
  return Buffer.concat([Uint8Array.from([...head, 0, 0, 0, 0]), bytes]);
}

/** What closes in order, with code 1000. */
export const CLOSING = frame(CLOSE, Uint8Array.of(1000 >> 8, 1000 & 255));

/** Takes what a server sends apart. */
export class Frames {
  /** Its answer to the request; empty as long as not all of it is there. */
  answer = "";
  #bytes: Buffer = Buffer.alloc(0);

  /** Returns the frames that are whole by now. */
  take(received: Buffer): { opcode: number; payload: Buffer }[] {
    this.#bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, received]) : received;
    if (this.answer === "") {
      const end = this.#bytes.indexOf("\r\n\r\n") + 4;
      if (end < 4) return [];
      this.answer = this.#bytes.toString("latin1", 0, end);
      this.#bytes = this.#bytes.subarray(end);
    }
    const frames = [];
    for (let next; (next = firstFrame(this.#bytes)); this.#bytes = next.rest) frames.push(next);
    return frames;
  }
}

/** The frame that some bytes begin with, as the server sends it, not masked; if all of it is there. */
function firstFrame(bytes: Buffer) {
  const short = (bytes[1] ?? 0) & 127;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < head) return undefined;
  const body =
    short === 127 ? bytes.readUInt32BE(6) : short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < head + body) return undefined;
  const payload = bytes.subarray(head, head + body);
  return { opcode: (bytes[0] ?? 0) & 15, payload, rest: bytes.subarray(head + body) };
}

/** What is asked of a server to become a WebSocket. */
export function upgradeRequest(
  host: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const all = {
    Host: host,
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET / HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** A client of a page; `peer` is its connection, which hears what messages hold and sends frames. */
export class WebPeer {
  peer!: Peer; // There from `connect` on, which is the only way to one.
  readonly #isMute: boolean;
  readonly #frames = new Frames();
  /** The messages that have come. */
  readonly messages: Buffer[] = [];
  /** How often its own pings were answered. */
  pongs = 0;
  /** Why the server has closed, if it has said so. */
  #closeCode: number | undefined;

  /** Connects to the page at a URL; resolves when the server has answered. */
  static async connect(url: string, options: WebPeerOptions = {}): Promise<WebPeer> {
    const { host, port } = new URL(url);
    const web = new WebPeer(options);
    const decode = (bytes: Buffer) => web.#take(bytes);
    web.peer = await Peer.connect(Number(port), {
      ...options,
      stopped: false,
      codec: () => ({ encode: (bytes) => bytes, decode, ending: CLOSING }),
      says: upgradeRequest(host, options.headers),
    });
    await web.until("an answer", () => web.answer !== "");
    if (options.stopped) web.peer.pause();
    return web;
  }

  private constructor({ isMute = false }: WebPeerOptions) {
    this.#isMute = isMute;
  }

  /** What the server has answered to its request. */
  get answer(): string {
    return this.#frames.answer;
  }

  get text(): string {
    return this.peer.text;
  }

  /** Says something in one message. */
  say(what: string | Uint8Array): void {
    this.peer.say(frame(typeof what === "string" ? TEXT : BINARY, what));
  }

  /** Closes in order. */
  close(): void {
    this.peer.endInput();
  }

  until<Value>(what: string, check: () => Found<Value>): Promise<Value> {
    return this.peer.until(what, check);
  }

  hears(text: string): Promise<true> {
    return this.peer.hears(text);
  }

  hearsBytes(count: number): Promise<true> {
    return this.peer.hearsBytes(count);
  }

  /** Waits until the server has closed; returns its code, 1006 if it has given none. */
  closed(): Promise<number> {
    return this.until("the end of a WebSocket", () => this.#closeCode).catch((error) => {
      if (String(error).includes("its connection is closed")) return 1006;
      throw error;
    });
  }

  /** Waits until the server has closed; returns its code, and all that came before. */
  async hearsAll(): Promise<[code: number, text: string]> {
    return [await this.closed(), this.text];
  }

  /** Returns what the messages hold that are whole by now. */
  #take(bytes: Buffer): Buffer {
    const before = this.messages.length;
    for (const { opcode, payload } of this.#frames.take(bytes)) {
      if (opcode === CLOSE) this.#closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      if (opcode === PONG) this.pongs++;
      if (opcode === PING && !this.#isMute) this.peer.say(frame(PONG, payload));
      if (opcode === TEXT || opcode === BINARY) this.messages.push(payload);
    }
    return Buffer.concat(this.messages.slice(before));
  }
}

/** Where the page of a server is. */
export async function webUrl(server: ServerProgram): Promise<string> {
  const [, url = ""] = await server.logged(/web at (\S+)\n/);
  return url;
}

/** A server with a page, where that is, and WebSockets that have joined. */
export async function startWeb(...options: string[]) {
  const server = await ServerProgram.start("--web", "0", ...options);
  const url = await webUrl(server);
  const join = async (how?: WebPeerOptions): Promise<WebPeer> => {
    const web = await WebPeer.connect(url, how);
    await server.logged(`joined web:${web.peer.name} (`);
    return web;
  };
  return { server, url, join };
}
