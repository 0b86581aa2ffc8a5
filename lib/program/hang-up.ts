/** Noticing that whoever is at the other end of a descriptor has gone, without writing to it. */

const LOOK_MS = 250;
/** poll(2): the same numbers on Linux and macOS. */
const [POLLOUT, POLLERR, POLLHUP] = [4, 8, 16];
/** Where poll(2) is to be found. */
const LIBRARIES: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"],
  darwin: ["libSystem.B.dylib"],
};

/**
 * Waits until a pipe has no reader any more, or a socket or terminal is hung up; for ever where the
 * system cannot be asked. It asks four times a second, by poll(2), which changes nothing about the
 * descriptor: Bun tells such a thing only to those who write.
 */
export async function hangUp(descriptor: number): Promise<void> {
  const look = await openPoll(descriptor);
  while (look && !look()) await Bun.sleep(LOOK_MS);
  if (!look) await new Promise<never>(() => {});
}

/** Makes a function that looks whether it is hung up; undefined where there is none. */
async function openPoll(descriptor: number): Promise<(() => boolean) | undefined> {
  for (const library of LIBRARIES[process.platform] ?? [])
    try {
      // Not every Bun has it.
      const { dlopen } = await import("bun:ffi");
      const poll = { args: ["ptr", "u64", "i32"], returns: "i32" } as const;
      const { symbols } = dlopen(library, { poll });
      // struct pollfd: an int, then what is asked for, then what is answered, two shorts.
      const pollfd = new Int16Array(4);
      new Int32Array(pollfd.buffer)[0] = descriptor;
      pollfd[2] = POLLOUT;
      return () =>
        symbols.poll(pollfd, 1n, 0) > 0 && ((pollfd[3] ?? 0) & (POLLERR | POLLHUP)) !== 0;
    } catch {
      // The next one, then; or the end is noticed when there is something to write.
    }
  return undefined;
}
