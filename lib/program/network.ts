/** What both ends know of the network: addresses, sockets, and whether a peer is there. */

import type { FFIFunction } from "bun:ffi";

/** What errors mean that an address may cause. */
export const ADDRESS_ERRORS = {
  DNS_ENOTFOUND: "unknown host",
  EINVAL: "invalid argument; a link-local address needs its interface, like fe80::1%eth0",
};
/** The time from the last byte of a silent peer to the first probe whether it is still there. */
const KEEP_ALIVE_MS = 60_000;

/**
 * Where a connection comes from or goes to, as `getnameinfo` has it: `203.0.113.9:51234`, `[2001:db8::1]:51234`.
 *
 * @param address a numeric address, of which `unmapAddress` is shown; or a host name
 */
export function formatAddress(address: string, port: number): string {
  const plain = unmapAddress(address);
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** `203.0.113.9` for `::ffff:203.0.113.9`, as sockets for both families have it; others unchanged. */
export function unmapAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/**
 * What `formatAddress` has put together: `localhost:8080`, `[::1]:8080`. Without a port: `[::1]`,
 * or what cannot be split, such as an IPv6 address that is not in brackets.
 */
export function splitAddress(address: string): { host: string; port: string | undefined } {
  const [, six, host = six, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(address) ?? [];
  return { host: host ?? address, port };
}

/** Has a socket send at once what is written, and notice that a silent peer is gone. */
export function tune(socket: Pick<Bun.Socket, "setNoDelay" | "setKeepAlive">): void {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
}

/** How long a peer may be silent, as with keep-alive; and how often to look for that. */
export const VANISHED = { silentMs: 70_000, lookMs: 5_000 };

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** The start of `struct tcp_info`, see linux/tcp.h: some bytes, then numbers of 32 bits. */
const info = new Uint32Array(15);
const firstBytes = new Uint8Array(info.buffer);
const size = Uint32Array.of(info.byteLength);
const GETSOCKOPT = { args: ["i32", "i32", "i32", "buffer", "buffer"], returns: "i32" } as const;
type Getsockopt = (...args: [number, number, number, Uint32Array, Uint32Array]) => number;
/** Opened when it is needed, as that takes 2 ms. */
let getsockopt: Getsockopt | undefined;

/**
 * Finds a peer that has vanished while something is on its way to it, when the system sends no
 * keep-alive. TCP_USER_TIMEOUT would also end connections to peers that just read nothing for so long.
 *
 * @returns whether nothing has come from the peer of a socket for 70 s, and what was sent to it again
 *   and again is not acknowledged; only Linux tells, elsewhere no peer counts as vanished
 */
export function hasVanished(socket: object): boolean {
  if (process.platform !== "linux" || !("fd" in socket)) return false;
  getsockopt ??= openCLibrary({ getsockopt: GETSOCKOPT })?.getsockopt ?? (() => -1);
  if (getsockopt(Number(socket.fd), IPPROTO_TCP, TCP_INFO, info, size) !== 0) return false;
  const { 2: retransmits = 0, 3: probes = 0 } = firstBytes;
  const { 13: lastDataMs = 0, 14: lastAckMs = 0 } = info;
  return Math.max(retransmits, probes) > 1 && Math.min(lastDataMs, lastAckMs) >= VANISHED.silentMs;
}

/** Functions of the C library, that of musl too, which takes this name for itself; undefined where it is none. */
export function openCLibrary<Functions extends Record<string, FFIFunction>>(functions: Functions) {
  // Bun has it, and its types leave it out.
  const { dlopen } = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  try {
    return dlopen("libc.so.6", functions).symbols;
  } catch {
    return undefined;
  }
}
