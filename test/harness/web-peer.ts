/** A WebSocket client that a test drives frame by frame (RFC 6455), over plain TCP or TLS. */

import { Peer, type PeerOptions, ServerProgram } from "../harness.ts";
import { Watched } from "./watched.ts";

export const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10] as const;

export interface WebPeerOptions extends Omit<PeerOptions, "onBytes" | "says" | "countOnly"> {
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

/** Takes what a server sends apart. */
export class Frames {
  /** Its answer to the request; empty as long as not all of it is there. */
  answer = "";
  #bytes: Buffer = Buffer.alloc(0);

  /** Returns the frames that are whole by now. */
  take(received: Buffer): { opcode: number; payload: Buffer }[] {
    this.#bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, received]) : received;
    const bytes = this.#bytes;
    let at = this.answer === "" ? bytes.indexOf("\r\n\r\n") + 4 : 0;
    if (this.answer === "" && at < 4) return [];
    this.answer ||= bytes.toString("latin1", 0, at);
    const frames = [];
    for (let next = frameAt(bytes, at); next !== undefined; next = frameAt(bytes, at)) {
      const end = at + next.head + next.body;
      if (end > bytes.length) break;
      frames.push({ opcode: next.opcode, payload: bytes.subarray(at + next.head, end) });
      at = end;
    }
    this.#bytes = bytes.subarray(at);
    return frames;
  }
}

/**
 * The frame that begins at a place, as the server sends it, not masked: how many bytes are its head
 * and its payload. Undefined if not all of its head is there.
 */
function frameAt(bytes: Buffer, at: number) {
  if (bytes.length < at + 2) return undefined;
  const short = (bytes[at + 1] ?? 0) & 127;
  const head = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < at + head) return undefined;
  const body =
    short === 127 ? bytes.readUInt32BE(at + 6) : short === 126 ? bytes.readUInt16BE(at + 2) : short;
  return { opcode: (bytes[at] ?? 0) & 15, head, body };
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

export class WebPeer {
  peer!: Peer; // There from `connect` on, which is the only way to one.
  readonly #changes = new Watched();
  readonly #isMute: boolean;
  readonly #frames = new Frames();
  /** The messages that have come, and how many bytes they are. */
  readonly messages: Buffer[] = [];
  heardBytes = 0;
  /** How often its own pings were answered. */
  pongs = 0;
  /** Why the server has closed, if it has said so. */
  closeCode: number | undefined;

  /** Connects to the page at a URL; resolves when the server has answered. */
  static async connect(url: string, options: WebPeerOptions = {}): Promise<WebPeer> {
    const { host, port } = new URL(url);
    const web = new WebPeer(options);
    web.peer = await Peer.connect(Number(port), {
      ...options,
      stopped: false,
      onBytes: (bytes) => web.#take(bytes),
      says: upgradeRequest(host, options.headers),
    });
    void web.peer.closed(Infinity).then(
      () => web.#changes.end("its connection is closed"),
      () => {},
    );
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
    return Buffer.concat(this.messages).toString("latin1");
  }

  /** Says something in one message. */
  say(what: string | Uint8Array): void {
    this.peer.say(frame(typeof what === "string" ? TEXT : BINARY, what));
  }

  /** Closes in order, with code 1000. */
  close(): void {
    this.peer.say(frame(CLOSE, Uint8Array.of(1000 >> 8, 1000 & 255)));
  }

  until<Value>(what: string, check: () => Value | undefined | false) {
    return this.#changes.until(what, check);
  }

  async hears(text: string): Promise<void> {
    await this.until(JSON.stringify(text), () => this.text.includes(text));
  }

  async hearsBytes(count: number): Promise<void> {
    await this.until(`${count} bytes`, () => this.heardBytes >= count);
  }

  /** Waits until the server has closed; returns its code, 1006 if it has given none. */
  closed(): Promise<number> {
    return this.until("the end of a WebSocket", () => this.closeCode).catch((error) => {
      if (String(error).includes("its connection is closed")) return 1006;
      throw error;
    });
  }

  /** Waits until the server has closed; returns its code, and all that came before. */
  async hearsAll(): Promise<[code: number, text: string]> {
    return [await this.closed(), this.text];
  }

  #take(bytes: Buffer): void {
    for (const { opcode, payload } of this.#frames.take(bytes)) this.#frame(opcode, payload);
    this.#changes.changed();
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === CLOSE) this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    if (opcode === PONG) this.pongs++;
    if (opcode === PING && !this.#isMute) this.peer.say(frame(PONG, payload));
    if (opcode !== TEXT && opcode !== BINARY) return;
    this.heardBytes += payload.length;
    this.messages.push(payload);
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
