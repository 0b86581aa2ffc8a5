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

/** For bash: `$input` lists the files to read, and X is a program with its address. */
const PIPELINES = ["cat $input | X", "X | cat > /dev/null", "X > /dev/null"];
const CLIENT = `"${process.execPath}" "${join(import.meta.dir, "../../client.ts")}"`;
const PROGRAMS = [
  { name: "linechat", sending: `${CLIENT} --send-only`, receiving: `${CLIENT} --recv-only` },
  { name: "nc", sending: "nc -N", receiving: "nc -d" },
];

await runCommand(command, async ({ rounds, size: bytes }) => {
  const folder = mkdtempSync(join(tmpdir(), "bench-pipe-"));
  process.on("exit", () => rmSync(folder, { recursive: true }));
  const file = join(folder, "lines");
  const fileBytes = Math.min(FILE_BYTES, bytes);
  writeFileSync(file, Buffer.alloc(fileBytes, BLOCK));
  const input = Array<string>(Math.ceil(bytes / fileBytes)).fill(file);
  const total = input.length * fileBytes;
  const programs = PROGRAMS.filter(({ name }) => name !== "nc" || Bun.which(name));
  console.log(`${formatSize(total)} in lines of 64 bytes, medians of ${rounds}`);
  for (const pipeline of PIPELINES) {
    const all = programs.map((program) => ({ ...program, times: [] as number[] }));
    for (let round = 0; round < rounds; round++)
      for (const { sending, receiving, times } of all) {
        const isSource = pipeline.startsWith("X");
        const shell = pipeline.replace("X", `${isSource ? receiving : sending} $at`);
        times.push(await measure(shell, isSource ? total : 0, isSource ? 0 : total, input));
      }
    const medians = all.map(({ name, times }) => {
      const median = times.sort((one, other) => one - other)[rounds >> 1] ?? 0;
      return `${name} ${median.toFixed(0)} ms`;
    });
    console.log(`${pipeline.padEnd(22)}${medians.join(", ")}`);
  }
  process.exit();
});

/**
 * Runs one pipeline against a server of its own; returns how long it took, in ms.
 *
 * @param toSend bytes that the server sends before it half-closes
 * @param toReceive bytes that have to come
 */
async function measure(
  pipeline: string,
  toSend: number,
  toReceive: number,
  input: readonly string[],
): Promise<number> {
  let [left, received] = [toSend, 0];
  const writeOn = (socket: Bun.Socket) => {
    if (toSend === 0) return;
    for (let taken = 1; left > 0 && taken > 0; left -= taken)
      taken = Math.max(0, socket.write(BLOCK, 0, Math.min(left, BLOCK.length)));
    if (left === 0) socket.shutdown();
  };
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open: writeOn,
      drain: writeOn,
      data(_, chunk) {
        received += chunk.length;
        release(chunk); // The less this end costs, the more the others have of the processors.
      },
      end: (socket) => socket.shutdown(),
      error() {},
    },
  });
  const at = `127.0.0.1 ${server.port}`;
  const startMs = performance.now();
  const shell = Bun.spawn(["bash", "-o", "pipefail", "-c", pipeline], {
    stdio: ["ignore", "inherit", "inherit"],
    timeout: RUN_MS,
    env: { ...process.env, input: input.join(" "), at },
  });
  const code = await shell.exited;
  const ms = performance.now() - startMs;
  if (code !== 0 || left > 0 || received !== toReceive)
    throw new UserError(`exit code ${code}, ${left} bytes not sent, ${received} received`);
  return ms;
}
