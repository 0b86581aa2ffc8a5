/** Runs what a README shows in a shell, as it stands but for its ports, and for the address of Redis. */

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { atEnd, newFolder, Program, ROOT } from "../harness.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { CERTIFICATE } from "../simulation/certificate.ts";
import { freePort } from "./tools.ts";

/** What blocks name, in the folder where they run. */
const FILES = {
  ...{ "phrase.txt": "open sesame\n", "app.log": "an error\n" },
  ...{ "cert.pem": CERTIFICATE.cert, "key.pem": CERTIFICATE.key },
};

/** A block of a README, by the language that it is marked with. */
export interface Block {
  readonly file: string;
  readonly language: string;
  readonly text: string;
}

export function blocksOf(file: string): Block[] {
  const markdown = readFileSync(join(ROOT, file), "utf8");
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
  const serve = async (command: string) => {
    const started = run(command);
    await started.printed(/listening on .*\n/, "stderr");
    return started;
  };
  let server = text.includes("server.ts") ? undefined : await serve("bun server.ts 8080");
  const joined = () => server?.stderr.match(/ joined /g)?.length ?? 0;
  let exported = "";
  for (const command of commandsOf(text)) {
    if (command.startsWith("export ")) exported += command;
    else if (command.includes("server.ts")) {
      await server?.end();
      server = await serve(exported + command);
    } else if (/client\.ts|\bnc\b/.test(command)) {
      const before = joined();
      run(exported + command);
      await server?.until(`"${command}" to join`, () => joined() > before);
    } else {
      const program = run(exported + command);
      program.endInput();
      if ((await program.exited) !== 0) throw new Error(`${command} says ${program.stderr}`);
    }
  }
}

/** A folder with what blocks name, and what runs a command in it; all of that ends with the test. */
async function shell(text: string): Promise<(command: string) => Program> {
  const folder = newFolder();
  for (const name of ["server.ts", "client.ts", "lib", "package.json"])
    symlinkSync(join(ROOT, name), join(folder, name));
  mkdirSync(join(folder, "bin"));
  symlinkSync(process.execPath, join(folder, "bin", "bun"));
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content);

  const ports = new Map<string, number>();
  const portFor = (port: string) => `${ports.getOrInsertComputed(port, () => freePort())}`;
  const [, password] = /REDIS_PASSWORD=(\S+)/.exec(text) ?? [];
  const redis = text.includes("redis://")
    ? await RedisServer.start(...(password ? ["--requirepass", password] : []))
    : undefined;
  atEnd(() => redis?.end());
  return (command) => {
    const here = command
      .replace(/redis:\/\/[\d.]+/g, redis?.url ?? "$&")
      .replace(/\b(8080|8081|8443)\b/g, portFor);
    const path = `PATH=${join(folder, "bin")}:${process.env["PATH"]}`;
    // In a group of its own, so that all that a pipe or a loop has started can be ended.
    const words = ["setsid", "env", "-C", folder, path, `HOME=${folder}`, "bash", "-c", here];
    return new Group(words);
  };
}

/** A program that is ended with all that it has started. */
class Group extends Program {
  override async end(): Promise<void> {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // All of them have ended.
    }
    await super.end();
  }
}
