/** Programs that nobody here wrote, in a room together with client.ts. */

import { expect } from "bun:test";

import { clientCommand, endAfterEach, Program, ServerProgram, testBeside } from "./harness.ts";
import { testWith } from "./harness/tools.ts";
import { Tmux } from "./terminal/tmux.ts";

endAfterEach();

/** How each joins a room. */
const PEERS: Record<string, (port: number) => string[]> = {
  nc: (port) => ["nc", "-N", "127.0.0.1", `${port}`],
  ncat: (port) => ["ncat", "127.0.0.1", `${port}`],
  telnet: (port) => ["telnet", "-E", "127.0.0.1", `${port}`],
  bash: (port) => [
    "bash",
    "-c",
    `exec 3<>/dev/tcp/127.0.0.1/${port}; cat <&3 & while read -r line; do printf '%s\\n' "$line" >&3; done; kill %1`,
  ],
  linechat: (port) => clientCommand("127.0.0.1", `${port}`),
};

testBeside(
  "nc, ncat, telnet, bash and linechat hear each other, never themselves, and leave after their last line",
  async () => {
    const server = await ServerProgram.start();
    const members = Object.entries(PEERS).map(([name, command]) => ({
      name,
      program: new Program(command(server.port)),
    }));
    await server.members(members.length);
    const said = (name: string) => new RegExp(`hello from ${name}\\r?\\n`);
    for (const { name, program } of members) {
      program.say(`hello from ${name}\n`);
      for (const other of members) if (other.name !== name) await other.program.printed(said(name));
    }
    const listener = await server.join({ says: "hello from nobody\n" });
    for (const { name, program } of members) {
      await program.printed(said("nobody"));
      expect(program.stdout).not.toMatch(said(name));
    }
    for (const { name, program } of members) {
      if (name === "telnet") continue; // It drops what it has not read when its input ends.
      const end = name === "bash" ? "\n" : ""; // `read` wants a line end.
      program.say(`first of ${name}\nlast of ${name}${end}`);
      program.endInput();
      await listener.hears(`first of ${name}\nlast of ${name}\n`);
      expect([name, await program.exited]).toEqual([name, 0]);
    }
    await server.members(2);
  },
  testWith("nc", "ncat", "telnet", "bash"),
);

testBeside(
  "in a room with --names and --telnet, nc, ncat, client.ts and telnet on a terminal have names, and talk",
  async () => {
    const server = await ServerProgram.start("--names", "--telnet");
    const members = ["nc", "ncat", "linechat"].map((name) => {
      const command = PEERS[name]?.(server.port) ?? [];
      if (name === "linechat") command.push("--name", name);
      return { name, program: new Program(command) };
    });
    for (const { program } of members) await program.printed("* say your name first");
    for (const { name, program } of members) if (name !== "linechat") program.say(`${name}\n`);
    await server.members(members.length);
    const terminal = await Tmux.start({ command: `telnet 127.0.0.1 ${server.port}`, columns: 70 });
    await terminal.shows("* say your name first (here: ");
    await terminal.enter("alice");
    await server.members(members.length + 1);
    await terminal.enter("hello");
    await members[0]?.program.printed("alice: hello\n");
    await terminal.press("C-c");
    await terminal.enter("after Ctrl-C");
    for (const { name, program } of members) {
      await program.printed("alice: after Ctrl-C\n");
      program.say("hello\n");
      await terminal.shows(`${name}: hello`);
    }
    // Character by character, as soon as telnet is asked to be.
    await terminal.press("C-]");
    await terminal.enter("mode character", "one by one");
    for (const { name, program } of members) {
      await program.printed("alice: one by one\n");
      const heard = program.stdout.split("\n").filter((line) => /^\w+: /.test(line));
      const others = members.filter((other) => other.name !== name);
      const hellos = others.map((other) => `${other.name}: hello`);
      const typed = ["alice: hello", "alice: after Ctrl-C", ...hellos, "alice: one by one"];
      expect([name, heard]).toEqual([name, typed]);
    }
  },
  testWith("nc", "ncat", "telnet", "tmux"),
);
