/** The terminal in a room for people: names, notices and history, over one connection and the next. */

import { afterEach, expect } from "bun:test";
import { connect, createServer, type Socket } from "node:net";

import { endAfterEach, Peer, ServerProgram } from "../harness.ts";
import { openTerminal } from "./terminal-room.ts";
import { endTerminals, terminalTest } from "./tmux.ts";

endAfterEach();
afterEach(endTerminals);

/** A way to a server that can be broken: whoever comes by it is cut off, and nobody gets through. */
class Way {
  readonly #sockets = new Set<Socket>();
  readonly #to: number;
  readonly #entrance = createServer((here) => {
    const there = connect(this.#to, "127.0.0.1");
    for (const [one, other] of [
      [here, there],
      [there, here],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => {});
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  port = 0;

  constructor(to: number) {
    this.#to = to;
    this.#entrance.unref();
  }

  /** @returns itself, once it is open: at the same port as before, if it was */
  open(): Promise<this> {
    return new Promise((resolve) => {
      this.#entrance.listen(this.port, "127.0.0.1", () => {
        const address = this.#entrance.address();
        this.port = typeof address === "object" && address ? address.port : 0;
        resolve(this);
      });
    });
  }

  /** Breaks it until it is opened again. */
  break(): void {
    this.#entrance.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }
}

terminalTest(
  "a client that is cut off comes back under its name, and sees what it has missed",
  async () => {
    const server = await ServerProgram.start("--names", "--announce", "--history", "100");
    const way = await new Way(server.port).open();
    const bob = await Peer.connect(server.port, { says: "bob: before\n" });
    await server.logged(" joined bob ");
    const size = { columns: 70, rows: 30 };
    const client = "--reconnect --name alice";
    const alice = await openTerminal(way.port, { client, ...size });
    await bob.hears("* alice joined (2 here)\n");
    await alice.type("hello");
    await alice.press("Enter");
    await bob.hears("alice: hello\n");
    bob.say("hi\n");
    await alice.shows("bob: hi");

    way.break();
    await bob.hears("* alice left: ");
    await alice.shows("has closed the connection");
    bob.say("missed\n");
    await alice.type("typed meanwhile");
    await alice.press("Enter");
    await alice.shows("1 line waiting to be sent");
    await way.open();
    await bob.hears("alice: typed meanwhile\n");
    bob.say("now\n");
    await alice.shows("bob: now");

    const mark = "* end of history";
    const isLine = (row: string) => /^(connected|alice: |bob: )/.test(row) || row === mark;
    const rows = (await alice.screen()).filter(isLine).map((row) => row.replace(/ to .*/, ""));
    // Where its own line stands depends on when it was in the room again.
    const own = rows.splice(rows.indexOf("alice: typed meanwhile"), 1);
    expect(own).toEqual(["alice: typed meanwhile"]);
    expect(rows).toEqual([
      ...["connected", "bob: before", mark, "alice: hello", "bob: hi"],
      ...["connected", "bob: before", "alice: hello", "bob: hi", "bob: missed", mark, "bob: now"],
    ]);
    expect(bob.text.match(/^alice: .*/gm)).toEqual(["alice: hello", "alice: typed meanwhile"]);
  },
);
