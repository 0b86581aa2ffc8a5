/**
 * Keeps connections to ports of HTTP from using up all files: `Bun.serve` has no limit of them, and
 * one that has sent half a request stays open for 12 s. When files run short, all are closed that
 * nothing counts. Bun does not tell of them, but the system does, on Linux.
 */

import { openCLibrary } from "../program/network.ts";
import { countOpenFiles, fileLimit } from "../program/process.ts";

const LOOK_MS = 50;
/** How long no more of it is logged. */
const QUIET_MS = 10_000;

/** As Linux has them, IPv4 and IPv6. */
const FAMILIES: readonly (number | undefined)[] = [2, 10];
const BOTH_WAYS = 2;
const SOCKET = { args: ["i32", "ptr", "ptr"], returns: "i32" } as const;
const FUNCTIONS = {
  getsockname: SOCKET,
  getpeername: SOCKET,
  shutdown: { args: ["i32", "i32"], returns: "i32" },
} as const;
type Library = NonNullable<ReturnType<typeof openCLibrary<typeof FUNCTIONS>>>;

/** A port of HTTP. */
export interface WatchedPort {
  readonly address: string;
  readonly port: number;
  /** The ports of those peers whose connections are counted elsewhere. */
  readonly counted?: () => ReadonlySet<number>;
  readonly onWarning: (what: string) => void;
}

/** All of this process, whose files they share. */
const watched = new Set<WatchedPort>();
let timer: NodeJS.Timeout | undefined;

/** How many files are kept for such connections, of all ports together. */
export function spareFiles(): number {
  const { filesMax, filesOpen } = fileLimit();
  return Math.min(Math.max((filesMax - filesOpen) >> 3, 16), 1024);
}

/** Watches over a port until the function that this returns is called. */
export function watchFiles(port: WatchedPort): () => void {
  watched.add(port);
  timer ??= setInterval(newWatch(), LOOK_MS).unref();
  return () => {
    watched.delete(port);
    if (watched.size === 0) timer = void clearInterval(timer);
  };
}

/** Makes what looks whether files run short, and ends such connections if they do. */
function newWatch(): () => void {
  const enough = spareFiles() >> 1;
  const { filesMax } = fileLimit();
  const library = openCLibrary(FUNCTIONS);
  let quietUntilMs = 0;
  return () => {
    if (library === undefined || filesMax - countOpenFiles() >= enough) return;
    const isQuiet = performance.now() < quietUntilMs;
    for (const port of watched) {
      const count = closeUncounted(library, port, filesMax);
      if (count === 0 || isQuiet) continue;
      const what = `${count} connections to ${port.address} that sent no request were closed`;
      port.onWarning(`${what}: files ran short, ulimit -n is ${filesMax}`);
      quietUntilMs = performance.now() + QUIET_MS;
    }
  };
}

/**
 * Ends connections to a port, which Bun then closes. A peer is known by its port only: another one
 * that happens to have the same is spared, but none is taken for another.
 */
function closeUncounted(library: Library, port: WatchedPort, filesMax: number): number {
  const counted = port.counted?.();
  let count = 0;
  // Nearly all of them are open, and to list those would take one more file.
  for (let file = 0; file < filesMax; file++) {
    if (portOf(library.getsockname, file) !== port.port) continue;
    const peer = portOf(library.getpeername, file); // The one that listens has none.
    if (peer === undefined || counted?.has(peer)) continue;
    if (library.shutdown(file, BOTH_WAYS) === 0) count++;
  }
  return count;
}

/** The port at one end of a socket; undefined of any other file. */
function portOf(nameOf: Library["getsockname"], file: number): number | undefined {
  const address = new Uint16Array(64);
  const length = Uint32Array.of(address.byteLength);
  if (nameOf(file, address, length) !== 0) return undefined;
  const [family] = address;
  return FAMILIES.includes(family) ? new DataView(address.buffer).getUint16(2) : undefined;
}
