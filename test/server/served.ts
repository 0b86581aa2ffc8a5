/** The server as a user starts it: what its command line means, and the process as it is from outside. */

import { parseCommandLine } from "../../lib/program/command-line.ts";
import { SERVER, settingsOf } from "../../lib/server/options.ts";
import { openFiles } from "../bench/usage.ts";
import { atEnd, commandAfter, Peer, serverCommand, ServerProgram } from "../harness.ts";

/** What a command line asks `listen` for; throws the `UserError` that says what is wrong with it. */
export async function settingsFor(...words: string[]) {
  const parsed = parseCommandLine(SERVER, words);
  if ("print" in parsed) throw new Error("no command line");
  return settingsOf(parsed.options, parsed.operands[0]);
}

/** A server on a free port of 127.0.0.1, the shell having done something before it. */
export function startAfter(before: string, ...options: string[]): Promise<ServerProgram> {
  const command = serverCommand("--host", "127.0.0.1", ...options, "0");
  return ServerProgram.run(commandAfter(before, command));
}

/** Connects so many at once; whoever was ended before it could look at that is not among them. */
export async function callAll(server: ServerProgram, count: number, options: object = {}) {
  const calls = Array.from({ length: count }, () => Peer.connect(server.port, options));
  const results = await Promise.allSettled(calls);
  return results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
}

/** Keeps note of the most files that a process has open. */
export function watchFiles(pid: number): { readonly most: number } {
  const watched = { most: 0 };
  const look = () => {
    try {
      watched.most = Math.max(watched.most, openFiles(pid));
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 1);
  atEnd(() => clearInterval(timer));
  return watched;
}
