/** Listening on a path: one server at a time, and never in the place of anything but a stale socket. */

import { linkSync, lstatSync, type Stats, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";

import { codeOf, failed, UserError } from "../program/system-errors.ts";

/** What `sockaddr_un` takes, without its NUL; on the BSDs it is a little less. */
const PATH_BYTES_MAX = process.platform === "linux" ? 107 : 103;
const TOO_LONG = "the path is too long";
const TAKEN = "a server listens there already";
const WORDS = { EADDRINUSE: TAKEN, EEXIST: TAKEN, EINVAL: TOO_LONG };

/**
 * Listens on a path. The socket is made under a name of its own, which Bun removes when it stops,
 * and linked to the path once this server has its lock.
 *
 * @param mode the permissions of the file, such as 0o600
 * @param listen makes the socket under a name
 * @throws {UserError} when the path is taken by a live server or by another file
 */
export async function listenOnPath(
  path: string,
  mode: number,
  listen: (name: string) => { stop(): void },
) {
  // Not by the process's id: in every container there is a process 1.
  const name = join(dirname(path), `.${crypto.randomUUID().slice(0, 6)}`);
  using opened = new DisposableStack();
  try {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw new UserError(TOO_LONG);
    const umask = process.umask(0o777 & ~mode);
    try {
      opened.adopt(listen(name), (listener) => listener.stop());
    } finally {
      process.umask(umask);
    }
    const own = lstatSync(name);
    lockInode(own, opened);
    await removeStaleSocket(path);
    linkSync(name, path);
    unlinkSync(name);
    opened.defer(() => {
      try {
        removeSocket(path, own);
      } catch {
        // The folder is not to be written to any more; the next server finds a stale socket.
      }
    });
    const listening = opened.move();
    return { address: path, port: 0, stop: () => listening.dispose() };
  } catch (error) {
    throw failed(`cannot listen on ${path}`, error, WORDS);
  }
}

/**
 * Locks a socket in the file system, for as long as this server lives, or throws EADDRINUSE: by an
 * abstract socket, which goes with its process (Linux, see unix(7)). Only the server that has the
 * lock removes it: one that is too busy refuses a connection too.
 */
function lockInode({ dev, ino }: Stats, opened: DisposableStack): void {
  if (process.platform !== "linux") return;
  const unix = `\0linechat-${dev}-${ino}`;
  const lock = Bun.listen({ unix, socket: { open: (socket) => socket.terminate(), data() {} } });
  opened.defer(() => lock.stop());
}

/** Removes a socket that a server has left behind: one that refuses a connection, and nothing else. */
async function removeStaleSocket(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isSocket()) throw new UserError("it exists and is no socket");
  using opened = new DisposableStack();
  lockInode(file, opened);
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    throw new UserError(TAKEN);
  } catch (error) {
    // By now another server may have removed it, or be there in its place.
    if (!["ECONNREFUSED", "ENOENT"].includes(codeOf(error))) throw error;
    removeSocket(path, file);
  }
}

/** Removes a file, if it is still there and still the same. */
function removeSocket(path: string, { dev, ino }: Stats): void {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file?.dev === dev && file.ino === ino) unlinkSync(path);
}
