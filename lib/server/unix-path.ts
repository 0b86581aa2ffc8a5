/** Sockets in the file system: made with the right mode, and replaced only when nobody is behind them. */

import { chmodSync, lstatSync, unlinkSync } from "node:fs";

import { codeOf, UserError } from "./program/system-errors.ts";

/**
 * Listens on a path. The file cannot be reached by anybody before it has its mode.
 *
 * @param listen makes the socket; throws EADDRINUSE when there is a file
 * @param mode the permissions of the file, such as 0o600
 * @throws {UserError} when the path is taken by a live server or by another file
 */
export async function listenOnPath<Listener>(
  path: string,
  mode: number,
  listen: () => Listener,
): Promise<Listener> {
  await removeStaleSocket(path);
  const umask = process.umask(0o777);
  try {
    const listener = listen();
    chmodSync(path, mode);
    return listener;
  } catch (error) {
    throw new UserError(`cannot listen on ${path}: ${explain(codeOf(error))}`);
  } finally {
    process.umask(umask);
  }
}

/** Removes a socket that a server has left behind, which is one that refuses a connection; nothing else. */
async function removeStaleSocket(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isSocket()) throw new UserError(`cannot listen on ${path}: it exists and is no socket`);
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
  } catch (error) {
    if (codeOf(error) === "ECONNREFUSED") return unlinkSync(path);
  }
  throw new UserError(`cannot listen on ${path}: a server listens there already`);
}

function explain(code: string): string {
  const words: Record<string, string> = {
    EADDRINUSE: "it exists",
    ENOENT: "no such directory",
    EACCES: "permission denied",
    EINVAL: "the path is too long",
    ENAMETOOLONG: "the path is too long",
  };
  return words[code] ?? code;
}
