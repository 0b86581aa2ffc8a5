/** What the tests of the terminal have in common: the client in a terminal, in a room with a peer. */

import { listen } from "../../lib/linechat.ts";
import { atEnd, Peer } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { besideWith } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { Tmux, type TmuxOptions } from "./tmux.ts";

/** A test that needs tmux, beside others. */
export const inTerminal = besideWith("tmux");

/** How the client starts, and in what window. */
export interface Options extends Partial<TmuxOptions> {
  /** Its options; it has no name by default. */
  client?: string;
  /** The command, with the client in it; by default, `reported`. */
  around?: (client: string) => string;
}

/** A command, then how it has ended, and whether the terminal is as it was. */
export const reported = (command: string) =>
  `${command}; printf 'exit %s %s\\n' $? "$(stty -a | grep -ow -e '-\\?icanon')"; exec sleep 1000`;

/** The client, for a shell. */
export const clientAt = (port: number, options = "--quiet --name ''") =>
  `"${process.execPath}" client.ts ${options} 127.0.0.1 ${port}`;

/** The client in a terminal, at some port, when its prompt is there. */
export async function openTerminal(port: number, options: Options = {}): Promise<Tmux> {
  const { client = "--quiet", around = reported, ...screen } = options;
  const command = around(clientAt(port, `--name '' ${client}`));
  const terminal = await Tmux.start({ command, ...screen });
  await terminal.shows(/^(>|\w+:|connected to .*)$/m);
  return terminal;
}

/** A room in this process, and somebody else in it. */
export async function openServer() {
  const server = await listen({ host: "127.0.0.1", port: 0 });
  atEnd(() => server.stop(0));
  const { port } = server;
  const members = (count: number) => eventually(`${count} members`, () => server.size === count);
  const bob = await Peer.connect(port);
  await members(1);
  return { port, members, bob };
}

/** The client in a terminal and somebody else in one room. */
export async function openRoom(options: Options = {}) {
  const server = await openServer();
  const terminal = await openTerminal(server.port, options);
  await server.members(2);
  return { server, bob: server.bob, terminal };
}

/** The client in a terminal, and the server, which the test plays. */
export async function openHosted(options: Options) {
  const host = await Host.open();
  const terminal = await openTerminal(host.port, options);
  return { host, at: `127.0.0.1:${host.port}`, guest: await host.guest(), terminal };
}
