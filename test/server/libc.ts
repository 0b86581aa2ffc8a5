/** What Bun has no function for and the tests need: the C library's own, where it is found. */

import { dlopen, FFIType } from "bun:ffi";

const { i32, i64, u32, u64 } = FFIType;
const FUNCTIONS = {
  socket: { args: [i32, i32, i32], returns: i32 },
  setsockopt: { args: [i32, i32, i32, FFIType.ptr, u32], returns: i32 },
  getsockopt: { args: [i32, i32, i32, FFIType.ptr, FFIType.ptr], returns: i32 },
  connect: { args: [i32, FFIType.ptr, u32], returns: i32 },
  send: { args: [i32, FFIType.ptr, u64, i32], returns: i64 },
  recv: { args: [i32, FFIType.ptr, u64, i32], returns: i64 },
  shutdown: { args: [i32, i32], returns: i32 },
  close: { args: [i32], returns: i32 },
} as const;

/** Undefined where there is none, and tests that need it are skipped. */
export const libc = openLibrary();

function openLibrary() {
  for (const name of ["libc.so.6", "libc.so"])
    try {
      return dlopen(name, FUNCTIONS).symbols;
    } catch {
      // The next one.
    }
  console.warn("Tests that need the C library are skipped: neither libc.so.6 nor libc.so opens.");
  return undefined;
}
