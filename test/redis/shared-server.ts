/** Servers of this process that share a room, with what they report. */

import { listen, type ListenOptions, type Server } from "../../lib/linechat.ts";
import { atEnd, Peer, type PeerOptions } from "../harness.ts";
import { figuresAt } from "../harness/figures.ts";
import { Watched } from "../harness/watched.ts";

/** What the log of `server.ts` has, as far as a test needs it. */
export class SharedServer {
  stderr = "";
  readonly #changes = new Watched();
  #server: Server | undefined;

  /** @param at a Redis, or what stands before one */
  static async open(at: { url: string }, options: Partial<ListenOptions> = {}) {
    const shared = new SharedServer();
    const add = (event: string) => {
      shared.stderr += `${event}\n`;
      shared.#changes.changed();
    };
    const server = await listen({
      onJoin: ({ label }) => add(`joined ${label}`),
      onLeave: ({ label }, reason) => add(`left ${label}: ${reason}`),
      onWarning: add,
      redis: { url: new URL(at.url), room: "linechat" },
      ...options,
      ...{ host: "127.0.0.1", port: 0 },
    });
    shared.#server = server;
    for (const note of server.notes) add(note);
    atEnd(() => server.stop(0));
    return shared;
  }

  static openTwo(at: { url: string }, options: Partial<ListenOptions> = {}) {
    return Promise.all([SharedServer.open(at, options), SharedServer.open(at, options)]);
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  stop(): Promise<void> | undefined {
    return this.#server?.stop();
  }

  /** Waits for text, or a pattern, in the log. */
  logged(what: string | RegExp): Promise<true> {
    return this.until(`${what}`, () => this.stderr.search(what) >= 0);
  }

  until(what: string, check: () => boolean): Promise<true> {
    return this.#changes.until(`${what} in ${this.stderr.slice(-500)}`, () => check() || undefined);
  }

  count(event: RegExp): number {
    return this.stderr.split("\n").filter((line) => event.test(line)).length;
  }

  /** A peer that has joined. */
  async join(options?: PeerOptions): Promise<Peer> {
    const peer = await Peer.connect(this.port, options);
    await this.logged(`joined ${peer.name}\n`);
    return peer;
  }

  /** A peer that has sent its name, and has it. */
  async joinNamed(name: string): Promise<Peer> {
    const peer = await Peer.connect(this.port, { says: `${name}\n` });
    await this.logged(`joined ${name} ${peer.name}\n`);
    return peer;
  }

  /** What `--metrics` answers. */
  get figures(): ReturnType<typeof figuresAt> {
    return figuresAt(this.#server?.urls["metrics"] ?? "");
  }
}
