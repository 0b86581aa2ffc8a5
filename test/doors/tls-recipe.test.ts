/** The README's recipe for TLS, as written. */

import { expect } from "bun:test";
import { symlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { endAfterEach, newFolder, Program, ROOT, ServerProgram } from "../harness.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

testWith("openssl")(
  "makes certificates, with which a client gets in, and none without",
  async () => {
    const readme = await readFile(join(ROOT, "lib/doors/README.md"), "utf8");
    const [, recipe = ""] = /## TLS\n[^]*?```sh\n([^]*?)```/.exec(readme) ?? [];
    const folder = newFolder();
    for (const name of ["server.ts", "client.ts"])
      symlinkSync(join(ROOT, name), join(folder, name));
    // In that folder, by the Bun that runs this, and on a free port.
    const inShell = (command: string) => {
      const line = command.replace(/^bun /, 'exec "$1" ');
      return ["sh", "-ec", `cd "$0"; ${line}`, folder, process.execPath];
    };
    const commands = recipe.trim().split("\n\n");
    const [serverCommand = "", clientCommand = ""] = commands.splice(-2);
    for (const command of commands) {
      const { exitCode, stderr } = Bun.spawnSync(inShell(command));
      expect([command, exitCode, exitCode ? `${stderr}` : ""]).toEqual([command, 0, ""]);
    }
    const server = await ServerProgram.run(inShell(serverCommand.replace("8443", "0")));
    const atServer = clientCommand.replace("8443", `${server.port}`);
    const client = new Program(inShell(atServer));
    client.endInput();
    expect([await client.exited, client.stderr]).toEqual([0, ""]);
    await server.logged(/joined .* \(1 here\)/);
    const stranger = new Program(inShell(atServer.replace(/--tls-cert \S+ --tls-key \S+ /, "")));
    stranger.endInput();
    expect(await stranger.exited).toBe(1);
    expect(stranger.stderr).toContain("it requires a client certificate (--tls-cert, --tls-key)\n");
  },
);
