/** Listening on a path: the socket appears there whole, and replaces another only when nobody is behind that one. */

import { chmodSync, linkSync, lstatSync, renameSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";

import { codeOf, explain, UserError } from "../program/system-errors.ts";

const RETRY_MS = 20;
const RETRIES = 50;

/** What listens on a path. */
interface Listener {
  stop(): void;
}

/** A path that belongs to this server. */
export class UnixPath {
  readonly #path: string;
  readonly #mode: number;
  #inode = 0;
  #sockets = 0;

  /** @param mode the permissions of the file, such as 0o600 */
  constructor(path: string, mode: number) {
    this.#path = path;
    this.#mode = mode;
  }

  /**
   * Listens on the path; the first time only if no other server does.
   *
   * A socket is made under a name of its own, gets its mode, and is then linked
   * to the path, which fails if anything is there. So it cannot be reached before
   * it is ready, and of two servers that start at once exactly one has the path.
   *
   * @param listen makes the socket under a name
   * @throws {UserError} when the path is taken by a live server or by another file
   */
  async open<Made extends Listener>(listen: (name: string) => Made): Promise<Made> {
    const name = join(dirname(this.#path), `.${process.pid}-${++this.#sockets}`);
    const umask = process.umask(0o777);
    let listener: Made | undefined;
    try {
      listener = listen(name);
      chmodSync(name, this.#mode);
      const { ino } = lstatSync(name);
      if (this.#isOurs()) renameSync(name, this.#path);
      else await this.#publish(name);
      this.#inode = ino;
      return listener;
    } catch (error) {
      listener?.stop();
      if (error instanceof UserError) throw error;
      throw this.#failure(
        explain(error, { ENOENT: "no such directory", EINVAL: "the path is too long" }),
      );
    } finally {
      process.umask(umask);
    }
  }

  /** Takes the file away, before the listener stops: nobody else replaces a socket that is alive. */
  remove(): void {
    if (this.#isOurs()) unlinkSync(this.#path);
  }

  #isOurs(): boolean {
    return this.#inode !== 0 && inodeOf(this.#path) === this.#inode;
  }

  async #publish(name: string): Promise<void> {
    for (let tries = 0; tries < RETRIES; tries++) {
      try {
        linkSync(name, this.#path);
        return unlinkSync(name);
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
      const stale = await this.#staleInode();
      if (stale !== undefined && this.#replace(stale, name)) return;
      await Bun.sleep(RETRY_MS);
    }
    throw this.#failure(`another server seems to be starting there (${this.#path}.stale-*)`);
  }

  /**
   * The socket that a server has left behind, which is one that refuses a
   * connection; undefined when there is nothing any more.
   */
  async #staleInode(): Promise<number | undefined> {
    const file = lstatSync(this.#path, { throwIfNoEntry: false });
    if (file === undefined) return undefined;
    if (!file.isSocket()) throw this.#failure("it exists and is no socket");
    try {
      const socket = await Bun.connect({ unix: this.#path, socket: { data() {} } });
      socket.terminate();
    } catch (error) {
      if (codeOf(error) === "ECONNREFUSED") return file.ino;
      if (codeOf(error) === "ENOENT") return undefined;
      if (codeOf(error) !== "EAGAIN") throw error;
    }
    throw this.#failure("a server listens there already");
  }

  /**
   * Replaces a stale socket. Whoever makes the link that is named after it may do
   * so, and nobody else; so a live socket that has replaced it meanwhile stays.
   */
  #replace(stale: number, name: string): boolean {
    const claim = `${this.#path}.stale-${stale}`;
    try {
      linkSync(this.#path, claim);
    } catch (error) {
      if (["EEXIST", "ENOENT"].includes(codeOf(error))) return false;
      throw error;
    }
    const isStale = inodeOf(claim) === stale;
    if (isStale) renameSync(name, this.#path);
    unlinkSync(claim);
    return isStale;
  }

  #failure(why: string): UserError {
    return new UserError(`cannot listen on ${this.#path}: ${why}`);
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}
