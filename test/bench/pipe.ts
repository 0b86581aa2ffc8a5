#!/usr/bin/env bun
/**
 * How fast the client is in a pipe, next to `nc`: the same bytes through each in turn, from the
 * start of the pipeline to its end, over loopback. This process is the server at the other end.
 *
 *   bun run bench:pipe --help
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { release } from "../../lib/client/pipe.ts";
import { runCommand } from "../../lib/program/command-line.ts";
import { count, size } from "../../lib/program/option-values.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { formatSize } from "../../lib/program/units.ts";

const CLIENT = join(import.meta.dir, "../../client.ts");
const BLOCK = Buffer.from(`${"x".repeat(63)}\n`.repeat(1 << 13));
/** What `cat` reads over and over: it stays in memory. */
const FILE_BYTES = 64 << 20;
/** A pipeline that has not ended by then never will. */
const RUN_MS = 60_000;

const command = {
  name: "bench:pipe",
  summary: "Measures the client in a pipe next to nc, both over loopback.",
  operands: [],
  options: {
    rounds: count("how often they take their turns", 5),
    size: size("what goes through each time, in lines of 64 bytes", 1 << 30),
  },
  examples: [["bun run bench:pipe", "a gigabyte, medians of five"]],
} as const;

interface Pipeline {
  title: string;
  /** Commands for bash, for a port; `$input` lists the files to read. */
  client: (port: number) => string;
  nc: (port: number) => string;
}

const LINECHAT = `"$bun" "${CLIENT}"`;
const PIPELINES: readonly Pipeline[] = [
  {
    title: "sending, cat | X",
    client: (port) => `cat $input | ${LINECHAT} --send-only 127.0.0.1 ${port}`,
    nc: (port) => `cat $input | nc -N 127.0.0.1 ${port}`,
  },
  {
    title: "receiving, X | cat",
    client: (port) => `${LINECHAT} --recv-only 127.0.0.1 ${port} | cat > /dev/null`,
    nc: (port) => `nc -d 127.0.0.1 ${port} | cat > /dev/null`,
  },
  {
    title: "receiving, X > /dev/null",
    client: (port) => `${LINECHAT} --recv-only 127.0.0.1 ${port} > /dev/null`,
    nc: (port) => `nc -d 127.0.0.1 ${port} > /dev/null`,
  },
];

await runCommand(command, async ({ rounds, size: bytes }) => {
  const folder = mkdtempSync(join(tmpdir(), "bench-pipe-"));
  try {
    const file = join(folder, "lines");
    const fileBytes = Math.min(FILE_BYTES, bytes);
    writeFileSync(file, Buffer.alloc(fileBytes, BLOCK));
    const input = Array(Math.ceil(bytes / fileBytes)).fill(file);
    const hasNc = Bun.which("nc") !== null;
    if (!hasNc) console.error("nc is not installed: there is nothing to compare with");
    const total = input.length * fileBytes;
    console.log(`${formatSize(total)} in lines of 64 bytes, medians of ${rounds}; ${ncVersion()}`);
    for (const { title, client, nc } of PIPELINES) {
      const times = { client: [] as number[], nc: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        if (hasNc) times.nc.push(await measure(nc, title, total, input.join(" ")));
        times.client.push(await measure(client, title, total, input.join(" ")));
      }
      console.log(report(title, times));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  process.exit(0);
});

/** Runs one pipeline against a server of its own; returns how long it took, in ms. */
async function measure(
  pipeline: (port: number) => string,
  title: string,
  bytes: number,
  input: string,
): Promise<number> {
  const isSource = title.startsWith("receiving");
  let heard = 0;
  let left = isSource ? bytes : 0;
  const writeOn = (socket: Bun.Socket) => {
    for (let taken = 1; left > 0 && taken > 0; left -= taken)
      taken = Math.max(0, socket.write(BLOCK, 0, Math.min(left, BLOCK.length)));
    if (left === 0) socket.shutdown();
  };
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open: (socket) => void (isSource && writeOn(socket)),
      drain: (socket) => void (isSource && writeOn(socket)),
      data(_, chunk) {
        heard += chunk.length;
        release(chunk); // The less this end costs, the more the others have of the processors.
      },
      end: (socket) => void (isSource || socket.shutdown()),
      error() {},
    },
  });
  const startMs = performance.now();
  const shell = Bun.spawn(["bash", "-o", "pipefail", "-c", pipeline(server.port)], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    timeout: RUN_MS,
    env: { ...process.env, bun: process.execPath, input },
  });
  const code = await shell.exited;
  const ms = performance.now() - startMs;
  server.stop(true);
  if (code !== 0 || left > 0 || (!isSource && heard !== bytes))
    throw new UserError(`${title}: exit code ${code}, ${left} not sent, ${heard} received`);
  return ms;
}

function report(title: string, { client, nc }: { client: number[]; nc: number[] }): string {
  const median = (times: number[]) => times.toSorted((a, b) => a - b)[times.length >> 1] ?? NaN;
  const named = (name: string, times: number[]) =>
    `${name} ${median(times).toFixed(0).padStart(5)} ms (${times.map((ms) => ms.toFixed(0)).join(" ")})`;
  const ratio = nc.length > 0 ? `${(median(nc) / median(client)).toFixed(2)} times as fast; ` : "";
  const both = nc.length > 0 ? [named("nc", nc), named("linechat", client)] : [named("", client)];
  return `${title.padEnd(25)} ${ratio}${both.join(", ")}`;
}

function ncVersion(): string {
  if (!Bun.which("nc")) return "no nc";
  const { stdout, stderr } = Bun.spawnSync(["nc", "-h"]);
  return `${stdout}${stderr}`.split("\n")[0] ?? "nc";
}
