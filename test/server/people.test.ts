/** Rooms for people: `--names`, `--announce` and `--history`, with both programs and real sockets. */

import { expect } from "bun:test";

import { key, pem } from "../certificates.ts";
import { trusting } from "../doors/open-server.ts";
import {
  clientCommand,
  endAfterEach,
  newFile,
  Peer,
  Program,
  ServerProgram,
  startClient,
  testBeside,
} from "../harness.ts";

const SECRET = "open sesame\n";

endAfterEach();
const shows = (name: string) => ["--tls-cert", pem(name), "--tls-key", key(name)];
const start = (...options: string[]) => ServerProgram.start("--names", ...options);

testBeside("one that half-closes after its line gets all of the history, then EOF", async () => {
  const server = await ServerProgram.start("--history", "8M", "--announce");
  const [ann, bob] = [await server.join(), await server.join()];
  const sent = `${`${"x".repeat(1023)}\n`.repeat(7 << 10)}end\n`;
  ann.say(sent);
  await bob.hears("end\n");
  const client = startClient(server.port);
  client.say("bye");
  client.endInput();
  expect(await client.exited).toBe(0);
  const heard = client.stdout.replace(/^\* \S+ joined .*\n/m, "");
  expect(heard === `${sent}* end of history\n`).toBe(true);
  await bob.hears(" left (2 here)\n");
  expect(bob.text.slice(-120)).toMatch(
    /\n\* (\S+) joined \(3 here\)\nbye\n\* \1 left \(2 here\)\n$/,
  );
});

testBeside("a client whose only line is its name is told of in the log", async () => {
  const server = await start();
  for (const says of ["deployed\n", "ann: deployed\n"]) {
    const peer = await Peer.connect(server.port, { says });
    peer.endInput();
    await server.logged(` ${peer.name}: end of input (0 here)\n`);
  }
  const told = /Z deployed 127\.0\.0\.1:\d+ sent only its name: no line came after that$/;
  expect([server.count(told), server.count(/sent only its name/)]).toEqual([1, 1]);
});

testBeside("client.ts --name puts it before its lines also in a room without --names", async () => {
  const server = await ServerProgram.start();
  const bob = startClient(server.port, "--name", "bob");
  await server.members(1);
  const alice = startClient(server.port, "--name", "alice");
  await server.members(2);
  alice.say("hello\nagain\n");
  await bob.printed("alice: again\n");
  expect(bob.stdout).toBe("alice: hello\nalice: again\n");
});

testBeside("client.ts goes when its name is taken; with --reconnect it waits for it", async () => {
  const server = await start("--history", "10");
  const [other, first] = [await server.connectNamed("other"), await server.connectNamed("alice")];
  first.say("here\n");
  await other.hears("alice: here\n");
  const second = startClient(server.port, "--name", "Alice");
  second.say("hello\n");
  expect(await second.exited).toBe(1);
  expect(second.stderr).toContain("the server says: the name Alice is taken\n");
  const client = startClient(server.port, "--reconnect", "--name", "alice");
  client.say("hello\n");
  await server.logged(/ refused 127\.0\.0\.1:\d+: the name alice is taken/);
  first.endInput();
  await other.hears("alice: hello\n");
  client.say("again\n");
  await other.hears("alice: again\n");
  expect(other.text).toEndWith("alice: here\nalice: hello\nalice: again\n");
});

testBeside("a client has the name in its certificate, after the pass phrase", async () => {
  const trusts = ["--tls-ca", pem("ca")];
  const passFile = ["--pass-file", newFile("pass", SECRET)];
  const server = await start(...shows("server"), ...trusts, ...passFile);
  const connect = (name: string, says: string) => {
    return Peer.connect(server.port, { says, tls: trusting({ show: name }) });
  };
  const other = await connect("other", SECRET);
  await server.logged(` joined other ${other.name} (1 here)`);
  expect(await (await connect("client", "client: hello\n")).hearsAll()).toBe(
    "* wrong pass phrase\n",
  );
  const words = ["--tls", ...trusts, ...shows("client"), ...passFile, "--name", "client"];
  const client = new Program(clientCommand(...words, "localhost", `${server.port}`));
  await server.logged(/ joined client \S+ \(2 here\)/);
  client.say("hello\n");
  await other.hears("client: hello\n");
  const again = await connect("client", SECRET);
  await client.printed("the server says: the name client was taken over\n", "stderr");
  again.say("one\nclient: two\n");
  await other.hears("client: two\n");
  expect(other.text).toBe("client: hello\nclient: one\nclient: two\n");
  expect(server.stderr).not.toContain(SECRET.trim());
});
