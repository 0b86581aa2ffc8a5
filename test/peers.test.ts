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
  "nc, ncat, telnet, bash and linechat hear each other, line by line, and never themselves",
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
    await server.join({ says: "hello from nobody\n" });
    for (const { name, program } of members) {
      await program.printed(said("nobody"));
      expect(program.stdout).not.toMatch(said(name));
    }
  },
  testWith("nc", "ncat", "telnet", "bash"),
);

for (const [name, command] of Object.entries(PEERS)) {
  if (name === "telnet") continue; // It drops what it has not read when its input ends.
  testBeside(
    `${name} leaves at the end of its input, its last line relayed`,
    async () => {
      const server = await ServerProgram.start();
      const listener = await server.join();
      const program = new Program(command(server.port));
      await server.members(2);
      program.say(name === "bash" ? "first\nlast\n" : "first\nlast"); // `read` wants a line end.
      program.endInput();
      await listener.hears("first\nlast\n");
      await server.members(1);
      expect(await program.exited).toBe(0);
    },
    testWith(...(name === "linechat" ? [] : [name])),
  );
}

testBeside(
  "in a room with --names and --telnet, nc, ncat, telnet and client.ts say who they are, and talk",
  async () => {
    const server = await ServerProgram.start("--names", "--telnet");
    const peers = ["nc", "ncat", "telnet", "linechat"];
    const members = peers.map((name) => {
      const command = PEERS[name]?.(server.port) ?? [];
      if (name === "linechat") command.push("--name", name);
      return { name, program: new Program(command) };
    });
    for (const { program } of members) await program.printed("* say your name first");
    for (const { name, program } of members) if (name !== "linechat") program.say(`${name}\n`);
    await server.members(members.length);
    for (const { name, program } of members) {
      program.say("hello\n");
      for (const other of members)
        if (other.name !== name) await other.program.printed(`\n${name}: hello\n`);
    }
    for (const { name, program } of members) {
      const heard = program.stdout.split("\n").filter((line) => line.includes(": hello"));
      const others = peers.filter((other) => other !== name);
      expect([name, heard]).toEqual([name, others.map((other) => `${other}: hello`)]);
    }
  },
  testWith("nc", "ncat", "telnet"),
);

testBeside(
  "telnet on a terminal shows what is said, also after Ctrl-C",
  async () => {
    const server = await ServerProgram.start("--names", "--telnet");
    const bob = await server.connectNamed("bob");
    const command = `telnet 127.0.0.1 ${server.port}`;
    const terminal = await Tmux.start({ command, columns: 70 });
    await terminal.shows("* say your name first (here: bob)");
    await terminal.enter("alice", "hello");
    await bob.hears("alice: hello\n");
    await terminal.press("C-c");
    await terminal.enter("after Ctrl-C");
    await bob.hears("alice: after Ctrl-C\n");
    bob.say("can you hear me?\n");
    await terminal.shows("bob: can you hear me?");
    // Character by character, as soon as telnet is asked to be.
    await terminal.press("C-]");
    await terminal.enter("mode character", "one by one");
    await bob.hears("alice: one by one\n");
    expect(bob.text).toBe(
      "* say your name first\nalice: hello\nalice: after Ctrl-C\nalice: one by one\n",
    );
  },
  testWith("telnet", "tmux"),
);
