/** Rooms for people: `--names` with both programs and real sockets. */

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
testBeside("a client whose only line is its name is told of in the log", async () => {
  const server = await ServerProgram.start("--names");
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
  const bob = await server.join();
  startClient(server.port, "--name", "alice").say("hello\nagain\n");
  await bob.hears("alice: hello\nalice: again\n");
});

testBeside("a client has the name in its certificate, after the pass phrase", async () => {
  const trusts = ["--tls-ca", pem("ca")];
  const shows = (name: string) => ["--tls-cert", pem(name), "--tls-key", key(name)];
  const passFile = ["--pass-file", newFile("pass", SECRET)];
  const server = await ServerProgram.start("--names", ...shows("server"), ...trusts, ...passFile);
  const connect = (name: string, says: string) =>
    Peer.connect(server.port, { says, tls: trusting({ show: name }) });
  const other = await connect("other", SECRET);
  await server.logged(` joined other ${other.name} (1 here)`);
  const again = await connect("other", "other: hello\n");
  expect(await again.hearsAll()).toBe("* wrong pass phrase\n");
  const words = ["--tls", ...trusts, ...shows("client"), ...passFile, "--name", "client"];
  const client = new Program(clientCommand(...words, "localhost", `${server.port}`));
  await server.logged(/ joined client \S+ \(2 here\)/);
  client.say("hello\n");
  await other.hears("client: hello\n");
  const next = await connect("client", SECRET);
  await client.printed("the server says: the name client was taken over\n", "stderr");
  next.say("one\nclient: two\n");
  await other.hears("client: two\n");
  expect(other.text).toBe("client: hello\nclient: one\nclient: two\n");
  expect(server.stderr).not.toContain(SECRET.trim());
});
