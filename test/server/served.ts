/** The server as a process that is looked at from outside: its open files, its time, its stderr. */

import { openFiles } from "../bench/usage.ts";
import { atEnd, commandAfter, ROOT, serverCommand, ServerProgram } from "../harness.ts";
import { eventually } from "../harness/watched.ts";

/** A server on a free port of 127.0.0.1, the shell having done something before it. */
export function startAfter(before: string, ...options: string[]): Promise<ServerProgram> {
  const command = serverCommand("--host", "127.0.0.1", ...options, "0");
  return ServerProgram.run(commandAfter(before, command));
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

export interface ServeOptions {
  /** Its descriptor 2; what it prints is dropped by default. */
  stderr?: number;
  /** With what redirections the shell becomes the server. */
  redirect?: string;
}

/** A server whose output goes where a test says. */
export function serve(words: readonly string[], options: ServeOptions = {}): Served {
  const { stderr = "ignore", redirect = "" } = options;
  const script = `exec "$0" server.ts "$@" ${redirect}`;
  const server = Bun.spawn(["bash", "-c", script, process.execPath, ...words], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", stderr],
  });
  atEnd(async () => {
    server.kill("SIGKILL");
    await server.exited;
  });
  return server;
}

export type Served = Bun.Subprocess<"ignore", "ignore", number | "ignore">;

/** Waits for a process to end; returns its exit code, or the signal. */
export function exitOf(server: Served): Promise<number | string> {
  return eventually("the server to end", () => server.exitCode ?? server.signalCode ?? undefined);
}
