/** What the room is measured against: how each is started, and how to get it. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { key, pem } from "../certificates.ts";
import { Program, serverCommand } from "../harness.ts";
import { freePort } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import type { DialectName } from "./dialects.ts";

/** A server to measure. */
export interface Peer {
  readonly name: string;
  readonly dialect: DialectName;
  /** The program it needs besides Bun, and how to get that. */
  readonly needs?: { program: string; from: string };
  /** The most clients it is tried with, and why. */
  readonly clientsMax?: { count: number; reason: string };
  /** What it is called with. */
  command(port: string): string[];
  /** What is added for TLS, with two files in PEM. */
  tls?(cert: string, key: string, port: string): string[];
}

/** The first is the one this is about. */
export const PEERS: readonly Peer[] = [
  {
    name: "linechat",
    dialect: "plain",
    command: (port) => serverCommand("--quiet", "--host", "127.0.0.1", port),
    tls: (cert, key) => ["--tls-cert", cert, "--tls-key", key],
  },
  {
    name: "ncat --broker",
    dialect: "plain",
    needs: { program: "ncat", from: "package ncat or nmap" },
    clientsMax: { count: 1_001, reason: "ncat waits with select(), for 1,024 files at most" },
    command: (port) => ["ncat", "--broker", "-l", "--max-conns", "2000", "127.0.0.1", port],
    tls: (cert, key) => ["--ssl", "--ssl-cert", cert, "--ssl-key", key],
  },
  {
    name: "nats-server",
    dialect: "nats",
    needs: { program: "nats-server", from: "package nats-server" },
    command: (port) => ["nats-server", "-a", "127.0.0.1", "-p", port],
  },
  {
    name: "redis-server",
    dialect: "redis",
    needs: { program: "redis-server", from: "package redis-server" },
    command: (port) => [
      ...["redis-server", "--bind", "127.0.0.1", "--save", "", "--maxclients", "12000"],
      ...["--port", port],
    ],
    tls: (cert, key, port) => [
      ...["--port", "0", "--tls-port", port, "--tls-auth-clients", "no"],
      ...["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert],
    ],
  },
  {
    name: "Bun.listen relay",
    dialect: "plain",
    command: (port) => [process.execPath, join(import.meta.dir, "relay.ts"), port],
    tls: (cert, key) => [cert, key],
  },
];

/**
 * Starts a peer on a free port.
 *
 * @param tls whether it is to speak TLS only
 * @param cpu the processor it is to stay on, where the system allows
 * @throws {Error} with what it said, when it does not listen
 */
export async function startPeer(peer: Peer, tls = false, cpu?: number) {
  const port = freePort();
  const command = peer.command(`${port}`);
  if (tls) command.push(...(peer.tls?.(pem("server"), key("server"), `${port}`) ?? []));
  const server = new Program(pinned(command, cpu));
  const listens = () =>
    Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } }).then(
      (socket) => (socket.terminate(), true),
      () => false,
    );
  const ended = server.exited.then(() => {
    throw new Error(`${peer.name} has ended: ${server.stdout}${server.stderr}`);
  });
  await Promise.race([ended, eventually(`${peer.name} to listen`, listens)]);
  return { port, pid: server.pid, stop: () => server.end() };
}

/** Whether a peer can be started here; if not, a line that says how that is mended. */
export function whyMissing(peer: Peer): string | undefined {
  if (peer.needs === undefined || Bun.which(peer.needs.program)) return undefined;
  return `${peer.name}: skipped, as there is no ${peer.needs.program} here (${peer.needs.from})`;
}

/** Puts a processor in front of a command, on systems with `taskset`. */
export function pinned(command: readonly string[], cpu: number | undefined): string[] {
  return cpu === undefined ? [...command] : ["taskset", "-c", String(cpu), ...command];
}

/**
 * Two processors for this process to use, as far from each other as they are
 * numbered; undefined when it may not choose.
 */
export function twoCpus(): { server: number; load: number } | undefined {
  if (process.platform !== "linux" || !Bun.which("taskset")) return undefined;
  const status = readFileSync("/proc/self/status", "utf8");
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "";
  const numbers = list.split(/[,-]/).map(Number);
  const [server, load] = [numbers[0], numbers.at(-1)];
  if (server === undefined || load === undefined || server === load) return undefined;
  return { server, load };
}
