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
import { median } from "./report.ts";

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

const SENDING = "sending, cat | X";
/** Commands for bash, by what is measured; `$input` lists the files to read. */
const PIPELINES: Record<string, (program: string) => string> = {
  [SENDING]: (program) => `cat $input | ${program}`,
  "receiving, X | cat": (program) => `${program} | cat > /dev/null`,
  "receiving, X > /dev/null": (program) => `${program} > /dev/null`,
};
const PROGRAMS = {
  nc: { sending: "nc -N", receiving: "nc -d" },
  linechat: {
    sending: `"$bun" "${CLIENT}" --send-only`,
    receiving: `"$bun" "${CLIENT}" --recv-only`,
  },
};

await runCommand(command, async ({ rounds, size: bytes }) => {
  const folder = mkdtempSync(join(tmpdir(), "bench-pipe-"));
  try {
    const file = join(folder, "lines");
    const fileBytes = Math.min(FILE_BYTES, bytes);
    writeFileSync(file, Buffer.alloc(fileBytes, BLOCK));
    const input = Array(Math.ceil(bytes / fileBytes)).fill(file);
    const total = input.length * fileBytes;
    const hasNc = Bun.which("nc") !== null;
    if (!hasNc) console.error("nc is not installed: there is nothing to compare with");
    console.log(`${formatSize(total)} in lines of 64 bytes, medians of ${rounds}`);
    for (const [title, pipeline] of Object.entries(PIPELINES)) {
      const isSource = title !== SENDING;
      const run = async ({ sending, receiving }: typeof PROGRAMS.nc) =>
        measure(pipeline(`${isSource ? receiving : sending} $at`), isSource, total, input);
      const times = { nc: [] as number[], linechat: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        if (hasNc) times.nc.push(await run(PROGRAMS.nc));
        times.linechat.push(await run(PROGRAMS.linechat));
      }
      const [nc, own] = [median(times.nc), median(times.linechat)];
      const [ncMs, ownMs] = [nc, own].map((ms) => `${ms.toFixed(0).padStart(5)} ms`);
      const ratio = hasNc ? `, nc ${ncMs}: ${(nc / own).toFixed(2)} times as fast` : "";
      console.log(`${title.padEnd(25)} linechat ${ownMs}${ratio}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  process.exit(0);
});

/** Runs one pipeline against a server of its own; returns how long it took, in ms. */
async function measure(
  pipeline: string,
  isSource: boolean,
  bytes: number,
  input: readonly string[],
): Promise<number> {
  let received = 0;
  let left = isSource ? bytes : 0;
  const writeOn = (socket: Bun.Socket) => {
    if (!isSource) return;
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
      end: (socket) => void (isSource || socket.shutdown()),
      error() {},
    },
  });
  const at = `127.0.0.1 ${server.port}`;
  const startMs = performance.now();
  const shell = Bun.spawn(["bash", "-o", "pipefail", "-c", pipeline], {
    stdio: ["ignore", "inherit", "inherit"],
    timeout: RUN_MS,
    env: { ...process.env, bun: process.execPath, input: input.join(" "), at },
  });
  const code = await shell.exited;
  const ms = performance.now() - startMs;
  if (code !== 0 || left > 0 || (!isSource && received !== bytes))
    throw new UserError(`exit code ${code}, ${left} bytes not sent, ${received} received`);
  return ms;
}
