/**
 * Finds peers that have vanished while something is on its way to them, when the system sends no
 * keep-alive. TCP_USER_TIMEOUT would also end connections to peers that just read nothing for so long.
 */

/** How long a peer may be silent, as with keep-alive; and how often to look for that. */
export const VANISHED = { silentMs: 70_000, lookMs: 5_000 };

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** The start of `struct tcp_info`, see linux/tcp.h: some bytes, then numbers of 32 bits. */
const info = new Uint32Array(15);
const firstBytes = new Uint8Array(info.buffer);
const size = Uint32Array.of(info.byteLength);
let getsockopt: ReturnType<typeof openLibrary> | undefined;

/**
 * Whether nothing has come from the peer of a socket for 70 s, and what was sent to it again and
 * again is not acknowledged. Only Linux tells; elsewhere, no peer counts as vanished.
 */
export function hasVanished(socket: object): boolean {
  if (process.platform !== "linux" || !("fd" in socket)) return false;
  getsockopt ??= openLibrary();
  if (getsockopt(Number(socket.fd), IPPROTO_TCP, TCP_INFO, info, size) !== 0) return false;
  const { 2: retransmits = 0, 3: probes = 0 } = firstBytes;
  const { 13: lastDataMs = 0, 14: lastAckMs = 0 } = info;
  return Math.max(retransmits, probes) > 1 && Math.min(lastDataMs, lastAckMs) >= VANISHED.silentMs;
}

/** Only when it is needed, as it takes 2 ms; musl takes this name for itself. */
function openLibrary() {
  // Bun has it, and its types leave it out.
  const { dlopen } = process.getBuiltinModule("bun:ffi") as typeof import("bun:ffi");
  const args = ["i32", "i32", "i32", "buffer", "buffer"] as const;
  try {
    return dlopen("libc.so.6", { getsockopt: { args, returns: "i32" } }).symbols.getsockopt;
  } catch {
    return () => -1;
  }
}
