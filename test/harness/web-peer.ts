/** A WebSocket client that a test drives frame by frame (RFC 6455), over plain TCP or TLS. */

import type { Socket } from "node:net";

import { type Codec, openSocket, Peer, type PeerOptions, ServerProgram } from "../harness.ts";

export const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10] as const;

export interface WebPeerOptions extends Pick<PeerOptions, "tls" | "stopped"> {
  /** Headers of its request, in place of or beside its own. */
  headers?: Record<string, string>;
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

  /** Returns the messages that are whole by now; answers pings, and passes on what a close holds. */
  messages(
    received: Buffer,
    send: (bytes: Uint8Array) => void,
    onClose: (payload: Buffer) => void,
  ): Buffer[] {
    return this.#take(received).flatMap(({ opcode, payload }) => {
      if (opcode === PING) send(frame(PONG, payload));
      else if (opcode === CLOSE) onClose(payload);
      else return payload;
      return [];
    });
  }

  /** Returns the frames that are whole by now. */
  #take(received: Buffer): { opcode: number; payload: Buffer }[] {
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

/** A client of a page: what messages hold is what it hears. */
export class WebPeer extends Peer {
  readonly #frames: Frames;
  /** The messages that have come. */
  readonly messages: readonly Buffer[];
  readonly #codes: readonly number[];

  /** Asks the server of a page for a WebSocket; resolves when that has answered. */
  static async open(url: string, options: WebPeerOptions = {}): Promise<WebPeer> {
    const { host, hostname, port } = new URL(url);
    const at = { host: hostname, port: Number(port) };
    const web = new WebPeer(await openSocket(at, options.tls));
    web.write(upgradeRequest(host, options.headers));
    await web.until("an answer", () => web.answer !== "");
    if (options.stopped) web.pause();
    return web;
  }

  private constructor(socket: Socket) {
    const frames = new Frames();
    const messages: Buffer[] = [];
    const codes: number[] = [];
    const closed = (payload: Buffer) => void codes.push(payload.readUInt16BE(0));
    const codec = (send: (bytes: Uint8Array) => void): Codec => ({
      encode: (bytes) => frame(BINARY, bytes),
      decode(bytes) {
        const come = frames.messages(bytes, send, closed);
        messages.push(...come);
        return Buffer.concat(come);
      },
      ending: CLOSING,
    });
    super(socket, { codec });
    this.#frames = frames;
    this.messages = messages;
    this.#codes = codes;
  }

  /** What the server has answered to its request. */
  get answer(): string {
    return this.#frames.answer;
  }

  /** One message: a string as text. */
  override encode(what: string | Uint8Array): Uint8Array {
    return typeof what === "string" ? frame(TEXT, what) : super.encode(what);
  }

  /** Waits until the server has closed; returns its code, and all that came before. */
  async hearsClose(): Promise<[code: number, text: string]> {
    const code = await this.until("the end of a WebSocket", () => this.#codes[0]);
    return [code, this.text];
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
  const join = async (): Promise<WebPeer> => {
    const web = await WebPeer.open(url);
    await server.logged(`joined web:${web.name} (`);
    return web;
  };
  return { server, url, join };
}
