/** The terminal in a room for people: names, notices and history, over one connection and the next. */

import { afterEach, expect } from "bun:test";
import { connect, createServer, type Socket } from "node:net";

import { endAfterEach, Peer, ServerProgram } from "../harness.ts";
import { openTerminal } from "./terminal-room.ts";
import { endTerminals, terminalTest } from "./tmux.ts";

endAfterEach();
afterEach(endTerminals);

/** Of SGR. */
const DIM = 2;

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

terminalTest("who is cut off comes back under its name, and sees what it has missed", async () => {
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
  await alice.shows("1 line waits to be sent");
  await way.open();
  await bob.hears("alice: typed meanwhile\n");
  bob.say("now\n");
  await alice.shows("bob: now");

  const place = `127.0.0.1:${way.port}`;
  const greeting = "* say your name first (here: bob)";
  const first = ["* bob joined (1 here)", "bob: before"];
  const mark = "* until here what was said before";
  const screen = await alice.screen();
  // Where that stands depends on how what is heard was cut.
  const said = screen.splice(screen.indexOf("said your name: alice"), 1);
  expect(said).toEqual(["said your name: alice"]);
  expect(screen.map((row) => row.replace(/after \d+ s/, "soon"))).toEqual([
    `connected to ${place}; /quit leaves, /help helps`,
    ...[greeting, ...first, mark, "alice: hello", "bob: hi"],
    `${place} has closed the connection`,
    `connected to ${place} again, soon`,
    ...["alice: typed meanwhile", greeting, "what was said before, perhaps shown already:"],
    ...[...first, "* alice joined (2 here)", "alice: hello", "bob: hi"],
    ...["* alice left: end of input (1 here)", "bob: missed", mark, "bob: now", "alice:"],
  ]);
  expect(await alice.hasStyle("bob: missed", DIM)).toBe(true);
  expect(await alice.hasStyle(" now", DIM)).toBe(false);
  expect(bob.text.match(/^alice: .*/gm)).toEqual(["alice: hello", "alice: typed meanwhile"]);
});
