/** Datagrams to a Unix socket, which Bun cannot send by itself: by the functions of the C library. */

import { dlopen, FFIType, ptr } from "bun:ffi";

import { UserError } from "../program/system-errors.ts";

const { i32, u32, i64, u64, ptr: pointer } = FFIType;
const FUNCTIONS = {
  socket: { args: [i32, i32, i32], returns: i32 },
  sendto: { args: [i32, pointer, u64, i32, pointer, u32], returns: i64 },
  clock_gettime: { args: [i32, pointer], returns: i32 },
} as const;
/** Of glibc, then of musl. */
const LIBRARIES = ["libc.so.6", "libc.so"];

/** As Linux has them. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
const PATH_BYTES_MAX = 107;

/**
 * A socket for datagrams to one address, as long as the process lives.
 *
 * @param address a path, or a name in the abstract namespace with `@` before it
 * @returns `send`, which tells whether the other end has taken the datagram, without waiting; and
 *   the clock that systemd compares with
 * @throws {UserError} if that cannot be on this system
 */
export function openDatagrams(address: string) {
  const { socket, sendto, clock_gettime } = openLibrary();
  const name = Buffer.from(address.replace(/^@/, "\0"));
  if (!/^[@/]/.test(address) || name.length > PATH_BYTES_MAX)
    throw new UserError(`NOTIFY_SOCKET is neither a path nor @ and a name: ${address}`);
  const sockaddr = Buffer.concat([new Uint8Array(Uint16Array.of(AF_UNIX).buffer), name]);
  const file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const send = (text: string): boolean => {
    const bytes = Buffer.from(text);
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const sent = sendto(file, ptr(bytes), bytes.length, flags, ptr(sockaddr), sockaddr.length);
    return Number(sent) === bytes.length;
  };
  const monotonicUs = (): bigint => {
    const time = new BigInt64Array(2);
    clock_gettime(CLOCK_MONOTONIC, ptr(time));
    const [seconds = 0n, nanoseconds = 0n] = time;
    return seconds * 1_000_000n + nanoseconds / 1000n;
  };
  return { send, monotonicUs };
}

function openLibrary() {
  for (const library of LIBRARIES)
    try {
      return dlopen(library, FUNCTIONS).symbols;
    } catch {
      // The next one.
    }
  throw new UserError("NOTIFY_SOCKET is set, but there is no C library to send to it");
}
