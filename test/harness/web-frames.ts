/** Frames of a WebSocket (RFC 6455), as the server sends them: not masked. */

/** The opcode of one, and how many bytes are its head and its payload. */
export interface Frame {
  readonly opcode: number;
  readonly head: number;
  readonly body: number;
}

/** The frame that begins at a place; undefined if not all of its head is there. */
export function frameAt(bytes: Buffer, at = 0): Frame | undefined {
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
