/** Listening on a path: the socket appears there whole, and replaces another only when nobody is behind that one. */

import { chmodSync, linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";

import { codeOf, explain, UserError } from "../program/system-errors.ts";
import type { Listener } from "./listeners.ts";

const RETRY_MS = 20;
const RETRIES = 50;

/**
 * Listens on a path.
 *
 * The socket is made under a name of its own, gets its mode, and is then linked
 * to the path, which fails if anything is there. So it cannot be reached before
 * it is ready, and of two servers that start at once exactly one has the path.
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
  const name = join(dirname(path), `.${process.pid}`);
  let listener: { stop(): void } | undefined;
  const umask = process.umask(0o777);
  try {
    listener = listen(name);
    chmodSync(name, mode);
    const inode = inodeOf(name);
    await publish(name, path);
    const made = listener;
    const stop = () => {
      // Nobody replaces a socket that is alive.
      if (inodeOf(path) === inode) unlinkSync(path);
      made.stop();
    };
    return { address: path, port: 0, stop };
  } catch (error) {
    listener?.stop();
    const words = { ENOENT: "no such directory", EINVAL: "the path is too long" };
    const why = error instanceof UserError ? error.message : explain(error, words);
    throw new UserError(`cannot listen on ${path}: ${why}`);
  } finally {
    process.umask(umask);
  }
}

async function publish(name: string, path: string): Promise<void> {
  for (let tries = 0; tries < RETRIES; tries++) {
    try {
      linkSync(name, path);
      return unlinkSync(name);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    const stale = await staleInode(path);
    if (stale !== undefined && replace(stale, name, path)) return;
    await Bun.sleep(RETRY_MS);
  }
  throw new UserError(`another server seems to be starting there; if not, remove ${path}.stale-*`);
}

/** The socket that a server has left behind, which is one that refuses a connection; undefined when it has gone. */
async function staleInode(path: string): Promise<number | undefined> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return undefined;
  if (!file.isSocket()) throw new UserError("it exists and is no socket");
  try {
    const socket = await Bun.connect({ unix: path, socket: { data() {} } });
    socket.terminate();
  } catch (error) {
    if (codeOf(error) === "ECONNREFUSED") return file.ino;
    if (codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) !== "EAGAIN") throw error;
  }
  throw new UserError("a server listens there already");
}

/**
 * Replaces a stale socket. Whoever makes the link that is named after it may do
 * so, and nobody else; so a live socket that has replaced it meanwhile stays.
 */
function replace(stale: number, name: string, path: string): boolean {
  const claim = `${path}.stale-${stale}`;
  try {
    linkSync(path, claim);
  } catch (error) {
    if (["EEXIST", "ENOENT"].includes(codeOf(error))) return false;
    throw error;
  }
  const isStale = inodeOf(claim) === stale;
  if (isStale) renameSync(name, path);
  unlinkSync(claim);
  return isStale;
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}
