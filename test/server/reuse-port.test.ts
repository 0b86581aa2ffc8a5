import { expect, test } from "bun:test";

import { endAfterEach, Peer, runToEnd, serverCommand, ServerProgram } from "../harness.ts";

endAfterEach();

test("two servers share a port with --reuse-port, each with some of the clients", async () => {
  const one = await ServerProgram.start("--reuse-port");
  const words = ["--reuse-port", "--host", "127.0.0.1", `${one.port}`];
  const other = await ServerProgram.run(serverCommand(...words));
  for (let count = 0; count < 40; count++) await Peer.connect(one.port);
  for (const server of [one, other]) await server.logged(/ joined /);
  const refused = await runToEnd(serverCommand("--host", "127.0.0.1", `${one.port}`));
  expect(refused.stderr).toContain("the address is in use");
});
