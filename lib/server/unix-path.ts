/** Listening on a path: for one server at a time, and never in the place of anything but a stale socket. */

import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, lstatSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";

import { codeOf, explain, UserError } from "../program/system-errors.ts";
import type { Listener } from "./listen.ts";

/** What `sockaddr_un` takes, less its NUL; on the BSDs it is a little less. */
const PATH_BYTES_MAX = process.platform === "linux" ? 107 : 103;
const TAKEN = "a server listens there already";

/**
 * Listens on a path. The socket is made under another name, which Bun removes
 * when it stops, and linked to the path once it has its mode.
 *
 * @param mode the permissions of the file, such as 0o600
 * @param listen makes the socket under a name
 * @throws {UserError} when the path is taken by a live server or by another file
 */
export async function listenOnPath(
  path: string,
  mode: number,
  listen: (name: string) => { stop(): void },
): Promise<Listener> {
  const name = join(dirname(path), `.${randomBytes(3).toString("hex")}`);
  const opened: { stop(): void }[] = [];
  const stop = () => opened.splice(0).forEach((one) => one.stop());
  try {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw new UserError("the path is too long");
    await removeStaleSocket(path);
    const umask = process.umask(0o777);
    try {
      opened.push(listen(name));
    } finally {
      process.umask(umask);
    }
    chmodSync(name, mode);
    opened.push(lockInode(name));
    linkSync(name, path);
    unlinkSync(name);
    const inode = inodeOf(path);
    opened.unshift({ stop: () => removeOwnSocket(path, inode) });
    return { address: path, port: 0, stop };
  } catch (error) {
    stop();
    const isTaken = ["EADDRINUSE", "EEXIST"].includes(codeOf(error));
    const words = { ENOENT: "no such directory", EINVAL: "the path is too long" };
    const why = error instanceof UserError ? error.message : explain(error, words);
    throw new UserError(`cannot listen on ${path}: ${isTaken ? TAKEN : why}`);
  }
}

/** Removes a socket that a server has left behind, which is one that refuses a connection; nothing else. */
async function removeStaleSocket(path: string): Promise<void> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return;
  if (!file.isSocket()) throw new UserError("it exists and is no socket");
  const lock = lockInode(path);
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
    throw new UserError(TAKEN);
  } catch (error) {
    if (codeOf(error) !== "ECONNREFUSED") throw error;
    unlinkSync(path);
  } finally {
    lock.stop();
  }
}

/**
 * Locks a socket in the file system, for as long as this server lives: by an
 * abstract socket, which goes with its process (Linux, see unix(7)). A refused
 * connection alone does not tell that nobody is there: a server that is too busy
 * refuses it too.
 *
 * @throws EADDRINUSE when a server that lives has it
 */
function lockInode(path: string): { stop(): void } {
  const { dev, ino } = lstatSync(path);
  if (process.platform !== "linux") return { stop() {} };
  const unix = `\0linechat-${dev}-${ino}`;
  return Bun.listen({ unix, socket: { open: (socket) => socket.terminate(), data() {} } });
}

/** Removes the socket of a server that stops; whatever else is there by then stays. */
function removeOwnSocket(path: string, inode: number | undefined): void {
  try {
    if (inodeOf(path) === inode) unlinkSync(path);
  } catch {
    // The folder is not to be written to any more; the next server finds a stale socket.
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}
