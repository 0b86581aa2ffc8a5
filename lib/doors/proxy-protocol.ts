/**
 * `--proxy-protocol`: a connection that a load balancer passes on begins with a PROXY header, which
 * says whose it is; what follows comes from that client. See versions 1 and 2 in
 * https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt.
 */

import { isIP } from "node:net";

import type { Context, Part } from "../extras/part.ts";
import { LASTING } from "../program/server-messages.ts";
import { formatTime } from "../program/units.ts";
import { LF } from "../room/line-buffer.ts";
import { addressList, canonicalAddress } from "./address-list.ts";
import type { Arrival } from "./door.ts";

/**
 * @param rules addresses or ranges of load balancers; connections from elsewhere have no header
 * @throws {UserError} that names what is neither an address nor a range
 */
export function proxyProtocol(rules: readonly string[], { arrivalMs }: Context): Part {
  const isProxy = addressList("--proxy-protocol", rules);
  const meet = (arrival: Arrival) =>
    isProxy(arrival.address) ? awaitHeader(arrival, arrivalMs) : arrival.pass();
  return { door: { isTransport: true, meet } };
}

function awaitHeader(arrival: Arrival, withinMs: number): void {
  let header: ProxyHeader | undefined;
  arrival.hold({
    withinMs,
    read(received, isAll) {
      const found = readProxyHeader(received) ?? (isAll ? LASTING.noProxyHeader : undefined);
      if (found === undefined) return;
      if (typeof found === "string") return arrival.refuse(found);
      header = found;
      Object.assign(arrival, header.client);
      // A load balancer that connects for itself mostly only looks, and leaves again.
      if (header.client || received.length > header.bytes) arrival.pass(header.bytes);
      else if (isAll) arrival.dismiss();
    },
    late() {
      if (header) arrival.pass(header.bytes);
      else arrival.refuse(LASTING.noProxyHeaderWithin(formatTime(withinMs)));
    },
  });
}

/** Where a header ends, and whose connection it is: the load balancer's own, if it has no address. */
export interface ProxyHeader {
  readonly bytes: number;
  /** By a numeric address. */
  readonly client?: { readonly address: string; readonly port: number };
}

/** The longest header of version 1, its line end included. */
const TEXT_BYTES_MAX = 107;
const TEXT = /^PROXY (?:UNKNOWN(?: .*)?|TCP([46]) (\S+) \S+ (0|[1-9]\d{0,4}) \d+)\r\n$/;

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
/** Signature, version and command, family, and the length of what follows. */
const FIXED_BYTES = 16;
/** The longest header of version 2 that is taken; what follows the addresses is not looked at. */
const BINARY_BYTES_MAX = 4096;

/** Reads what was received so far; undefined while the header is not whole, or why it is none. */
export function readProxyHeader(bytes: Buffer): ProxyHeader | string | undefined {
  const begins = (as: string) => as.startsWith(bytes.toString("latin1", 0, as.length));
  if (begins(SIGNATURE)) return readBinary(bytes);
  return begins("PROXY ") ? readText(bytes) : LASTING.noProxyHeader;
}

/** Version 1: a line. */
function readText(received: Buffer): ProxyHeader | string | undefined {
  const bytes = received.subarray(0, TEXT_BYTES_MAX).indexOf(LF) + 1;
  if (bytes === 0 && received.length < TEXT_BYTES_MAX) return undefined;
  const line = received.toString("latin1", 0, bytes);
  const [found, version, address = "", port] = TEXT.exec(line) ?? [];
  if (found && version === undefined) return { bytes };
  const isRight = isIP(address) === Number(version) && !address.includes("%");
  if (!isRight || Number(port) > 65_535) return LASTING.malformedProxyHeader;
  return { bytes, client: { address: canonicalAddress(address), port: Number(port) } };
}

/** Version 2: a fixed part, addresses of 4 or 16 bytes and ports, and TLVs (type, length, value). */
function readBinary(received: Buffer): ProxyHeader | string | undefined {
  if (received.length < FIXED_BYTES) return undefined;
  const bytes = FIXED_BYTES + received.readUInt16BE(14);
  const [command, protocol] = [received.readUInt8(12), received.readUInt8(13)];
  if (command >> 1 !== 0x10 || bytes > BINARY_BYTES_MAX) return LASTING.malformedProxyHeader;
  if (received.length < bytes) return undefined;
  if (command === 0x20) return { bytes };
  if (protocol >> 4 > 3 || (protocol & 15) > 2) return LASTING.malformedProxyHeader;
  const addressBytes = { 0x11: 4, 0x21: 16 }[protocol];
  if (addressBytes === undefined) return { bytes };
  if (bytes < FIXED_BYTES + 2 * addressBytes + 4) return LASTING.malformedProxyHeader;
  const source = received.subarray(FIXED_BYTES, FIXED_BYTES + addressBytes);
  const port = received.readUInt16BE(FIXED_BYTES + 2 * addressBytes);
  const groups = source.toString("hex").match(/..../g) ?? [];
  const address = canonicalAddress(addressBytes === 4 ? source.join(".") : groups.join(":"));
  return { bytes, client: { address, port } };
}
