/** Listening on a path: for one server at a time, and never in the place of anything but a stale socket. */

import { chmodSync, lstatSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";

import { codeOf, explain, UserError } from "../program/system-errors.ts";
import type { Listener } from "./listeners.ts";

const TAKEN = "a server listens there already";

/**
 * Listens on a path. The file cannot be reached by anybody before it has its mode.
 *
 * @param mode the permissions of the file, such as 0o600
 * @param listen makes the socket
 * @throws {UserError} when the path is taken by a live server or by another file
 */
export async function listenOnPath(
  path: string,
  mode: number,
  listen: () => { stop(): void },
): Promise<Listener> {
  const umask = process.umask(0o777);
  try {
    const lock = lockPath(path);
    await removeStaleSocket(path);
    const listener = listen();
    chmodSync(path, mode);
    const stop = () => {
      listener.stop();
      lock?.stop();
    };
    return { address: path, port: 0, stop };
  } catch (error) {
    const words = {
      ENOENT: "no such directory",
      EINVAL: "the path is too long",
      EADDRINUSE: TAKEN,
    };
    const why = error instanceof UserError ? error.message : explain(error, words);
    throw new UserError(`cannot listen on ${path}: ${why}`);
  } finally {
    process.umask(umask);
  }
}

/**
 * Keeps other servers off a path for as long as this one lives, however it ends:
 * by an abstract socket (Linux, see unix(7)), named after the directory and the
 * file. A connection alone does not tell that a server is alive: one that is too
 * busy refuses it as a dead one does.
 *
 * @throws EADDRINUSE when another server has it
 */
function lockPath(path: string): { stop(): void } | undefined {
  const { dev, ino } = statSync(dirname(path));
  if (process.platform !== "linux") return undefined;
  const name = Bun.hash(`${dev}:${ino}/${basename(path)}`).toString(36);
  const unix = `\0linechat-${name}`;
  return Bun.listen({ unix, socket: { open: (socket) => socket.terminate(), data() {} } });
}

/** Removes a socket that a server has left behind, which is one that refuses a connection; nothing else. */
async function removeStaleSocket(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isSocket()) throw new UserError("it exists and is no socket");
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
  } catch (error) {
    if (codeOf(error) === "ECONNREFUSED") return unlinkSync(path);
    throw error;
  }
  throw new UserError(TAKEN);
}
