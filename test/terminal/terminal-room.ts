/** What the tests of the terminal have in common: the client in a terminal, in a room with a peer. */

import { createServer, type Socket } from "node:net";

import { type Peer, ServerProgram } from "../harness.ts";
import { Tmux, type TmuxOptions } from "./tmux.ts";

/** How the client starts, and in what window. */
export interface Options extends Partial<TmuxOptions> {
  /** Its options; it has no name by default. */
  client?: string;
  /** What stands before it in the shell. */
  environment?: string;
}

/** What follows the client in a terminal: how it has ended, and whether the terminal is as it was. */
export const REPORT = `printf 'exit %s %s\\n' $? "$(stty -a | grep -ow -e '-\\?icanon')"; exec sleep 1000`;

/** The client in a terminal, at some port, when its prompt is there. */
export async function openTerminal(port: number, options: Options = {}): Promise<Tmux> {
  const { client = "--quiet", environment = "", ...screen } = options;
  const command = `${environment} "${process.execPath}" client.ts --name '' ${client} 127.0.0.1 ${port}; ${REPORT}`;
  const terminal = await Tmux.start({ command, ...screen });
  await terminal.shows(/^(>|alice:|connected to .*)$/m);
  return terminal;
}

/** The client in a terminal and somebody else in one room. */
export async function openRoom(
  options: Options = {},
): Promise<{ server: ServerProgram; bob: Peer; terminal: Tmux }> {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const terminal = await openTerminal(server.port, options);
  await server.members(2);
  return { server, bob, terminal };
}

/** A server that does what a test wants. */
export async function openServer(onClient: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    onClient(socket);
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address ? address.port : 0);
    });
  });
}
