/** Runs what a README shows in a shell, as it stands but for its ports, and for the address of Redis. */

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { atEnd, newFolder, Program, ROOT } from "../harness.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { CERTIFICATE } from "../simulation/certificate.ts";
import { freePort } from "./tools.ts";

export interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
}

export function blocksOf(file: string, markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([^]*?)^```/gm)].map(([, language = "", text = ""]) => ({
    ...{ file, language, text },
  }));
}

/** Commands, each of which may go on over lines: after a backslash or a pipe, and within a loop. */
function commandsOf(text: string): string[] {
  const whole = text.match(/^for [^]*?^done|^(?:.*[\\|]\n)*.*\n/gm) ?? [];
  return whole.filter((command) => command.trim() !== "");
}

/**
 * Runs a block: a server until the next one, a client until it has joined the last server, all else
 * to its end. Throws unless each does what it is to do.
 */
export async function runBlock({ text }: Block): Promise<void> {
  const run = await shell(text);
  let server = commandsOf(text).some((command) => command.includes("server.ts"))
    ? undefined
    : await serve(run("bun server.ts 8080"));
  let exported = "";
  for (const command of commandsOf(text)) {
    if (command.startsWith("export ")) exported += command;
    else if (command.includes("server.ts")) {
      await server?.end();
      server = await serve(run(exported + command));
    } else if (/client\.ts|\bnc\b/.test(command)) {
      const before = joinedOn(server);
      run(exported + command);
      await server?.until(`"${command}" to join`, () => joinedOn(server) > before);
    } else {
      const program = run(exported + command);
      program.endInput();
      if ((await program.exited) !== 0) throw new Error(`${command} says ${program.stderr}`);
    }
  }
}

async function serve(server: Program): Promise<Program> {
  await server.printed(/listening on .*\n/, "stderr");
  return server;
}

function joinedOn(server: Program | undefined): number {
  return server?.stderr.match(/ joined /g)?.length ?? 0;
}

/** A folder with what blocks name, and what runs a command in it; all of that ends with the test. */
async function shell(text: string): Promise<(command: string) => Program> {
  const folder = newFolder();
  for (const name of ["server.ts", "client.ts", "lib", "package.json"])
    symlinkSync(join(ROOT, name), join(folder, name));
  mkdirSync(join(folder, "bin"));
  symlinkSync(process.execPath, join(folder, "bin", "bun"));
  const files = { "phrase.txt": "open sesame\n", "app.log": "an error\n", ...PEM };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);

  const ports = new Map<string, number>();
  const portFor = (port: string) => ports.getOrInsertComputed(port, () => freePort());
  const [, password] = /REDIS_PASSWORD=(\S+)/.exec(text) ?? [];
  const redis = text.includes("redis://")
    ? await RedisServer.start(...(password ? ["--requirepass", password] : []))
    : undefined;
  atEnd(() => redis?.end());
  return (command) => {
    const here = command
      .replace(/redis:\/\/[\d.]+/g, redis?.url ?? "$&")
      .replace(/\b(8080|8081|8443)\b/g, (port) => `${portFor(port)}`);
    const path = `PATH=${join(folder, "bin")}:${process.env["PATH"]}`;
    // In a group of its own, so that all that a pipe or a loop has started can be ended.
    const program = new Program(["setsid", "env", "-C", folder, path, "bash", "-c", here], {
      HOME: folder,
    });
    atEnd(() => endGroup(program.pid));
    program.end = async () => {
      endGroup(program.pid);
      await program.exited;
    };
    return program;
  };
}

const PEM = { "cert.pem": CERTIFICATE.cert, "key.pem": CERTIFICATE.key };

function endGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
