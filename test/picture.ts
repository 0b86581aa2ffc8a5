/**
 * Makes the pictures in the README from real conversations: servers and terminals in tmux, and a
 * page in a browser. Run with `bun run picture`; it writes test/picture.svg, test/people.svg,
 * test/page-light.png and test/page-dark.png.
 */

import { join } from "node:path";

import { runCommand } from "../lib/program/command-line.ts";
import { endingAll, ROOT, ServerProgram } from "./harness.ts";
import { draw, type Size } from "./picture-svg.ts";
import { Tmux } from "./terminal/tmux.ts";
import { takePagePictures } from "./web/page-picture.ts";

/** What a port looks like that nobody has to ask for. */
const PORT_SHOWN = "8080";

const write = (file: string, picture: string | Uint8Array) =>
  Bun.write(join(ROOT, "test", file), picture);

const command = {
  name: "picture",
  summary: "Makes the pictures in the README, with tmux and chromium.",
  operands: [],
  options: {},
  examples: [["bun run picture", "all of them, test/*.svg and test/*.png"]],
} as const;
await runCommand(command, () =>
  endingAll(async () => {
    await write("picture.svg", await converse());
    await write("people.svg", await meet());
    for (const [scheme, png] of Object.entries(await takePagePictures()))
      await write(`page-${scheme}.png`, png);
  }),
);
process.exit();

/** Two clients in a room as it is; returns the picture of them. */
async function converse(): Promise<string> {
  const size = { columns: 60, rows: 9 };
  const server = await ServerProgram.start();
  const [alice, bob] = [await openShell(size), await openShell(size)];
  await enter(alice, server, "alice");
  await server.members(1);
  await enter(bob, server, "bob");
  await server.members(2);
  const mallory = await server.join();

  await alice.enter("hello, is anybody here?");
  await bob.shows("anybody here?");
  await bob.enter("yes: on the train, with a slow line");
  await alice.shows("slow line");
  await bob.type("and I can go on typ");
  await alice.enter("then I talk and you type :-)");
  await bob.shows("you type");
  mallory.say("backup: done, 3.1 GB in 42 s\n");
  mallory.say("mallory: \x1b[2J\x1b]0;owned\x07 did that hurt?\n");
  await alice.shows("did that hurt?");
  await bob.shows(/did that hurt\?\nbob: and I can go on typ$/);
  await alice.type("not at a");
  await alice.shows(/alice: not at a$/);
  return draw("Two terminals in conversation", size, { alice, bob }, at(server));
}

/** A client and `nc` come into a room for people; returns the picture of them. */
async function meet(): Promise<string> {
  const size = { columns: 60, rows: 15 };
  const server = await ServerProgram.start("--names", "--announce", "--history", "100");
  const alice = await server.connectNamed("alice");
  const bob = await server.connectNamed("bob");
  await alice.hears("* bob joined");
  alice.say("who has the tickets?\n");
  await bob.hears("tickets?\n");
  bob.say("I have: two for Friday, two for Saturday\n");
  await alice.hears("Saturday\n");
  const [carol, dave] = [await openShell(size), await openShell(size)];
  await enter(carol, server, "carol");
  await carol.shows("end of history");
  await carol.enter("hi! Saturday for me, please");
  await alice.hears("carol: hi!");
  await dave.enter(`nc 127.0.0.1 ${server.port}`);
  await dave.shows("say your name first");
  await dave.enter("dave");
  await carol.shows("dave joined");
  await dave.shows("end of history");
  await dave.enter("alice: dave may have mine as well");
  await carol.shows("mine as well");
  alice.say("nice try, dave\n");
  await carol.shows("nice try");
  await dave.shows("nice try");
  bob.endInput();
  await carol.shows("bob left");
  await dave.shows("bob left");
  await carol.type("alice: then Saturday it");
  await carol.shows(/Saturday it$/);
  return draw("A client and nc in a room for people", size, { carol, dave }, at(server));
}

/** A row as if the server were at a port that nobody has to ask for. */
function at({ port }: ServerProgram): (row: string) => string {
  return (row) => row.replaceAll(String(port), PORT_SHOWN);
}

/** A shell that has a `bun`, however this one was started. */
async function openShell(size: Size): Promise<Tmux> {
  const terminal = await Tmux.start({
    command: "PS1='$ ' exec bash --norc --noprofile -i",
    ...size,
  });
  await terminal.shows("$");
  await terminal.enter(`bun() { "${process.execPath}" "$@"; }; clear`);
  await terminal.becomes("$");
  return terminal;
}

async function enter(terminal: Tmux, server: ServerProgram, name: string): Promise<void> {
  await terminal.enter(`bun client.ts --name ${name} 127.0.0.1 ${server.port}`);
  await terminal.shows(new RegExp(`^${name}:$`, "m"));
}
