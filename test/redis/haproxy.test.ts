/** HAProxy in front of three servers, with the configuration that the README has. */

import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { endAfterEach, newFolder, Peer, Program, ROOT, ServerProgram } from "../harness.ts";
import { freePort, testWith } from "../harness/tools.ts";
import { RedisServer } from "./redis-server.ts";

endAfterEach();

testWith("redis-server", "haproxy")(
  "HAProxy in front of three servers, as the README has it",
  async () => {
    const redis = await RedisServer.start();
    const options = ["--redis", redis.url, "--proxy-protocol", "127.0.0.1"];
    const servers = await Promise.all([1, 2, 3].map(() => ServerProgram.start(...options)));
    const port = freePort();
    const file = join(newFolder(), "haproxy.cfg");
    const ports = servers.map((server) => server.port);
    writeFileSync(file, configuration(port, ports));
    new Program(["haproxy", "-db", "-f", file]);
    const peers = [
      await connect(port),
      ...(await Promise.all([1, 2, 3, 4, 5].map(() => connect(port)))),
    ];
    const joined = () => servers.reduce((sum, server) => sum + server.count(/ joined /), 0);
    while (joined() < peers.length) await Bun.sleep(10);

    for (const server of servers) expect(server.count(/ joined /)).toBe(2);
    for (const peer of peers)
      expect(servers.some((server) => server.stderr.includes(` joined ${peer.name} `))).toBe(true);
    for (const peer of peers) peer.say(`hello from ${peer.name}\n`);
    for (const peer of peers)
      for (const other of peers) if (other !== peer) await peer.hears(`hello from ${other.name}\n`);
  },
);

/** The README's, with other ports and addresses. */
function configuration(port: number, ports: readonly number[]): string {
  const readme = readFileSync(join(ROOT, "lib/redis/README.md"), "utf8");
  const [, found = ""] = /```\n(defaults\n {2}mode tcp\n[^`]*)```/.exec(readme) ?? [];
  expect(found).not.toBe("");
  let server = 0;
  return found
    .replace("bind :8080", `bind 127.0.0.1:${port}`)
    .replace(/10\.0\.0\.\d+:8080/g, () => `127.0.0.1:${ports[server++]}`);
}

/** HAProxy needs a moment until it listens, and has found the servers. */
async function connect(port: number): Promise<Peer> {
  for (;;)
    try {
      return await Peer.connect(port);
    } catch {
      await Bun.sleep(20);
    }
}
