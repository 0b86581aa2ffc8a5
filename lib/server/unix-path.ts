/** Listening on a path: one server at a time, and never in the place of anything but a stale socket. */

import { lstatSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";

import { codeOf, failed, UserError } from "../program/system-errors.ts";

/** What `sockaddr_un` takes, without its NUL; on the BSDs it is a little less. */
const PATH_BYTES_MAX = process.platform === "linux" ? 107 : 103;
const TAKEN = "a server listens there already";

/**
 * Listens on a path, from which Bun removes the socket when it stops.
 *
 * @param mode the permissions of the file, such as 0o600
 * @param how it listens: what `Bun.listen` takes besides
 * @throws {UserError} when the path is taken by a live server or by another file
 */
export async function listenOnPath<Data>(
  path: string,
  mode: number,
  how: { allowHalfOpen: boolean; socket: Bun.SocketHandler<Data> },
) {
  using opened = new DisposableStack();
  try {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw new UserError("the path is too long");
    lock(path, opened);
    await removeStaleSocket(path);
    const umask = process.umask(0o777 & ~mode);
    try {
      opened.adopt(Bun.listen({ unix: path, ...how }), (listener) => listener.stop());
    } finally {
      process.umask(umask);
    }
    const listening = opened.move();
    return { address: path, port: 0, stop: () => listening.dispose() };
  } catch (error) {
    throw failed(`cannot listen on ${path}`, error, { EADDRINUSE: TAKEN });
  }
}

/**
 * Locks a path for as long as this server listens, or throws EADDRINUSE: by an abstract socket, which
 * goes with its process (Linux, see unix(7)). Without it, of two servers that find a stale socket one
 * would remove the other's; and a server that is too busy refuses a connection, as a stale socket does.
 */
function lock(path: string, opened: DisposableStack): void {
  if (process.platform !== "linux") return;
  const { dev, ino } = statSync(dirname(path));
  const unix = `\0linechat-${Bun.hash(`${dev} ${ino} ${basename(path)}`)}`;
  const lock = Bun.listen({ unix, socket: { open: (socket) => socket.terminate(), data() {} } });
  opened.defer(() => lock.stop());
}

/** Removes a socket that a server has left behind: one that refuses a connection, and nothing else. */
async function removeStaleSocket(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isSocket()) throw new UserError("it exists and is no socket");
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
  } catch (error) {
    if (codeOf(error) !== "ECONNREFUSED") throw error;
    return unlinkSync(path);
  }
  throw new UserError(TAKEN);
}
