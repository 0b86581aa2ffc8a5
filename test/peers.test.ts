/** Programs that nobody here wrote, in a room together with client.ts. */

import { expect, test } from "bun:test";

import { clientCommand, endAfterEach, Program, ServerProgram, startClient } from "./harness.ts";
import { testWith } from "./harness/tools.ts";

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

testWith(
  "nc",
  "ncat",
  "telnet",
  "bash",
)(
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
);

for (const [name, command] of Object.entries(PEERS)) {
  if (name === "telnet") continue; // It drops what it has not read when its input ends.
  const peerTest = name === "linechat" ? test : testWith(name);
  peerTest(`${name} leaves at the end of its input, its last words said`, async () => {
    const server = await ServerProgram.start();
    const listener = await server.join();
    const program = new Program(command(server.port));
    await server.members(2);
    program.say("first\nlast\n");
    program.endInput();
    await listener.hears("first\nlast\n");
    await server.members(1);
    await program.exited;
  });
}

testWith("nc")("printf | nc -N: one shot, no line end, and the others hear it", async () => {
  const server = await ServerProgram.start();
  const client = startClient(server.port);
  await server.members(1);
  const shot = new Program(["sh", "-c", `printf 'hi\\nthere' | nc -N 127.0.0.1 ${server.port}`]);
  await client.printed("hi\nthere\n");
  expect(await shot.exited).toBe(0);
});
