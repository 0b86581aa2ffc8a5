/** What the client leaves behind: descriptors that it shares with other programs, as they were. */

import { afterEach, expect, test } from "bun:test";

import { endAfterEach, Program, ServerProgram } from "../harness.ts";
import { endTerminals, terminalTest, Tmux } from "../terminal/tmux.ts";

endAfterEach();
afterEach(endTerminals);

const O_NONBLOCK = 0o4000;

/** Prints the flags of the shell's own descriptors, which the client shares, on the one given. */
const showFlags = (on: number) =>
  `echo flags $(sed -n "s/^flags:\\s*//p" /proc/$$/fdinfo/[012]) >&${on}`;

function flagsIn(output: string): number[] {
  const [, flags = ""] = /flags (\d+ \d+ \d+)/.exec(output) ?? [];
  return flags.split(" ").map((octal) => Number.parseInt(octal, 8) & O_NONBLOCK);
}

test.each(["", "--reconnect", "--recv-only", "--name x"])(
  "pipes are not left in non-blocking mode, nor put into it meanwhile (%s)",
  async (options) => {
    const server = await ServerProgram.start();
    const peer = await server.join();
    const client = `"$0" client.ts ${options} 127.0.0.1 ${server.port} <&0 & echo pid $! >&3`;
    const shell = `exec 3>&1; cat | { ${client}; wait; ${showFlags(3)}; } 2>&1 | cat`;
    const program = new Program(["bash", "-c", shell, process.execPath]);
    const [, pid] = await program.printed(/pid (\d+)/);
    await server.members(2);
    peer.say("said\n");
    await program.printed("said");
    const meanwhile = await Promise.all(
      [0, 1, 2].map((fd) => Bun.file(`/proc/${pid}/fdinfo/${fd}`).text()),
    );
    for (const info of meanwhile)
      expect(Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? "", 8) & O_NONBLOCK).toBe(0);
    program.endInput();
    if (options === "--recv-only") server.kill("SIGTERM");
    await program.printed("flags");
    expect(await program.exited).toBe(0);
    expect(flagsIn(program.stdout)).toEqual([0, 0, 0]);
  },
);

terminalTest("a terminal is not left in non-blocking mode", async () => {
  const server = await ServerProgram.start();
  const bob = await server.join();
  const client = `"${process.execPath}" client.ts --quiet --name "" 127.0.0.1 ${server.port}`;
  const command = `bash -c '${client}; ${showFlags(1)}; exec sleep 1000'`;
  const terminal = await Tmux.start({ command });
  await terminal.shows(/^>$/m);
  bob.say("said\n");
  await terminal.shows("said");
  await terminal.type("typed");
  await terminal.press("Enter");
  await bob.hears("typed\n");
  await terminal.press("C-c");
  await terminal.shows("flags");
  expect(flagsIn((await terminal.screen()).join(" "))).toEqual([0, 0, 0]);
});

test("who writes to the same pipe afterwards loses nothing", async () => {
  const server = await ServerProgram.start();
  const peer = await server.join();
  const client = `"$0" client.ts --recv-only 127.0.0.1 ${server.port}`;
  const writers = `{ ${client}; echo then >&2; head -c 1000000 /dev/zero && echo all >&2; }`;
  // The reader waits until the pipe is full or the second writer has failed.
  const shell = `${writers} | { read -r line; read -r go < /dev/fd/3; wc -c; } 3< <(sleep 0.5; echo go)`;
  const program = new Program(["bash", "-c", shell, process.execPath]);
  await server.members(2);
  peer.say("line\n");
  peer.endInput();
  await server.printed(`left ${peer.name}: end of input`, "stderr");
  server.kill("SIGTERM");
  await program.printed("all\n", "stderr");
  expect(await program.exited).toBe(0);
  expect(program.stdout.trim()).toBe("1000000");
});
