/**
 * The PROXY header, in which a load balancer says whose connection it passes on:
 * https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, versions 1 and 2.
 */

import { isIP } from "node:net";

import { MALFORMED_PROXY_HEADER, NO_PROXY_HEADER } from "../program/server-messages.ts";
import { LF } from "../room/line-buffer.ts";

const CRLF = "\r\n";
/** The longest header of version 1, its line end included. */
const TEXT_BYTES_MAX = 107;
const PORT = "(0|[1-9]\\d{0,4})";
const TEXT = new RegExp(`^PROXY TCP([46]) (\\S+) (\\S+) ${PORT} ${PORT}$`);

const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");
/** Signature, version and command, family, and the length of what follows. */
const FIXED_BYTES = 16;
/** The longest header of version 2 that is taken; what follows the addresses is not looked at. */
const BINARY_BYTES_MAX = 4096;

/** Whose connection it is, by a numeric address. */
export interface Client {
  readonly address: string;
  readonly port: number;
}

/** What a header has, and where it ends. */
export interface ProxyHeader {
  readonly bytes: number;
  /** The client; undefined for a connection of the load balancer's own, or one of unknown origin. */
  readonly client: Client | undefined;
  /** Whether the load balancer connects for itself, as it does to see whether the server is there. */
  readonly isLocal: boolean;
}

/**
 * Reads the header at the start of what was received so far.
 *
 * @returns the header, or undefined while it is not whole; nothing but the header
 *   is more than 4 KiB
 * @throws {Error} `no PROXY header` or `malformed PROXY header`
 */
export function readProxyHeader(received: Uint8Array): ProxyHeader | undefined {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.length);
  if (startsAlike(bytes, SIGNATURE)) return readBinary(bytes);
  if (startsAlike(bytes, Buffer.from("PROXY "))) return readText(bytes);
  throw new Error(NO_PROXY_HEADER);
}

/** Version 1: a line. */
function readText(bytes: Buffer): ProxyHeader | undefined {
  const end = bytes.subarray(0, TEXT_BYTES_MAX).indexOf(LF) + 1;
  if (end === 0 && bytes.length < TEXT_BYTES_MAX) return undefined;
  const line = bytes.toString("latin1", 0, end);
  if (!line.endsWith(CRLF)) throw malformed();
  if (/^PROXY UNKNOWN[ \r]/.test(line)) return { bytes: end, client: undefined, isLocal: false };
  const [, version, address = "", to = "", port, toPort] = TEXT.exec(line.slice(0, -2)) ?? [];
  const isRight = [address, to].every((one) => isIP(one) === Number(version) && !/%/.test(one));
  if (!isRight || Number(port) > 65_535 || Number(toPort) > 65_535) throw malformed();
  const client = { address: asSocketsHaveIt(address), port: Number(port) };
  return { bytes: end, client, isLocal: false };
}

/** Version 2: a fixed part, addresses, and TLVs (type, length, value). */
function readBinary(bytes: Buffer): ProxyHeader | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const end = FIXED_BYTES + bytes.readUInt16BE(14);
  const [version, command] = nibbles(bytes.readUInt8(12));
  if (version !== 2 || command > 1 || end > BINARY_BYTES_MAX) throw malformed();
  if (bytes.length < end) return undefined;
  const isLocal = command === 0;
  const [family, transport] = nibbles(bytes.readUInt8(13));
  if (!isLocal && (family > 3 || transport > 2)) throw malformed();
  const isTcp = !isLocal && transport === 1 && (family === 1 || family === 2);
  const client = isTcp ? clientOf(bytes.subarray(FIXED_BYTES, end), family) : undefined;
  return { bytes: end, client, isLocal };
}

/** Addresses of 4 or 16 bytes, source and destination, then their ports. */
function clientOf(addresses: Buffer, family: number): Client {
  const addressBytes = family === 1 ? 4 : 16;
  if (addresses.length < 2 * addressBytes + 4) throw malformed();
  const port = addresses.readUInt16BE(2 * addressBytes);
  if (family === 1) return { address: addresses.subarray(0, 4).join("."), port };
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => addresses.readUInt16BE(at).toString(16));
  return { address: asSocketsHaveIt(groups.join(":")), port };
}

/** An address in the one way in which sockets have it, so that rules and counts know it again. */
function asSocketsHaveIt(address: string): string {
  if (isIP(address) === 4) return address;
  const { hostname } = new URL(`http://[${address}]`);
  const [, high, low] = /^\[::ffff:(\w+):(\w+)\]$/.exec(hostname) ?? [];
  if (high === undefined || low === undefined) return hostname.slice(1, -1);
  return Buffer.from(high.padStart(4, "0") + low.padStart(4, "0"), "hex").join(".");
}

/** Whether bytes begin as a start does, as far as both go. */
function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function nibbles(byte: number): [high: number, low: number] {
  return [byte >> 4, byte & 15];
}

function malformed(): Error {
  return new Error(MALFORMED_PROXY_HEADER);
}
