/** What tests need besides programs and peers: what not every machine has, a port, a certificate, lines. */

import { test } from "bun:test";
import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";

import { newFile, ROOT, testBeside } from "../harness.ts";
import { CERTIFICATE } from "../simulation/certificate.ts";

const LONG_MS = 600_000;

const reported = new Set<string>();

/**
 * `test`, where all these programs are installed; else it skips, with a word on
 * stderr. Where `CI` is set it never skips, and what misses its program fails.
 */
export function testWith(...programs: string[]): typeof test {
  const missing = programs.filter((program) => Bun.which(program) === null);
  if (process.env["CI"] || missing.length === 0) return test;
  for (const program of missing)
    if (reported.size < reported.add(program).size)
      console.warn(`Tests that need ${program} are skipped: it is not installed.`);
  return test.skip as typeof test;
}

/** `testBeside`, where all these programs are installed. */
export function besideWith(...programs: string[]): typeof testBeside {
  return (name, run) => testBeside(name, run, testWith(...programs));
}

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === "::1");
/** `test`, skipped where there is no ::1. */
export const testWithIPv6 = test.skipIf(!hasIPv6);

/** A test that takes long: it runs only where `LINECHAT_LONG` is set, as `.ci/run` does. */
export function testLong(name: string, run: () => Promise<unknown>): void {
  const kind = process.env["LINECHAT_LONG"] ? test : test.skip;
  kind(`${name} (with LINECHAT_LONG)`, async () => void (await run()), LONG_MS);
}

/** What lets only so many run at a time; the others wait for their turn. */
export function inTurns(free: number): (run: () => Promise<unknown>) => Promise<void> {
  const waiting: (() => void)[] = [];
  return async (run) => {
    if (free-- <= 0) await new Promise<void>((go) => waiting.push(go));
    await run().finally(() => {
      free++;
      waiting.shift()?.();
    });
  };
}

/**
 * Below those that systems take for port 0, and for connections: nobody gets one by chance; and above
 * 10080, which is the last that browsers refuse.
 */
const [PORT_MIN, PORTS] = [11_000, 20_000];

/** A port of 127.0.0.1 that nobody has taken yet. */
export function freePort(): number {
  for (;;)
    try {
      const port = PORT_MIN + Math.floor(Math.random() * PORTS);
      Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop();
      return port;
    } catch (error) {
      if (!String(error).includes("Failed to listen")) throw error;
    }
}

/** Options for TLS with a certificate that no client can check; openssl is not needed for it. */
export function tlsOptions(): string[] {
  const file = (name: "cert" | "key") => newFile(name, CERTIFICATE[name]);
  return ["--tls-cert", file("cert"), "--tls-key", file("key")];
}

/** How a peer connects over TLS without a look at the certificate. */
export const TLS = { tls: { rejectUnauthorized: false } };

/** Numbered lines of a given size, LF included. */
export function numberedLines(count: number, lineBytes: number, name = "n"): Buffer {
  const lines = Buffer.alloc(count * lineBytes, "x");
  for (let n = 0; n < count; n++) {
    lines.write(`${name} ${n} `, n * lineBytes);
    lines[(n + 1) * lineBytes - 1] = 10;
  }
  return lines;
}

/** Installs the types of Bun, which a type check needs, unless that was done already. */
export function installTypes(): void {
  if (existsSync(join(ROOT, "node_modules", "@types"))) return;
  const install = [process.execPath, "install", "--frozen-lockfile"];
  const { exitCode, stderr } = Bun.spawnSync(install, { cwd: ROOT, stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${install.join(" ")}: ${stderr}`);
}
