/** Names from certificates, where one certificate comes to several servers of a room. */

import { beforeAll, expect, setDefaultTimeout } from "bun:test";
import { readFileSync } from "node:fs";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, Peer, ServerProgram } from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { RedisServer } from "./redis-server.ts";

endAfterEach();
setDefaultTimeout(20_000);

const test = testWith("redis-server", "openssl");
let certificates: Certificates;
beforeAll(() => void (certificates = makeCertificates()));

const TAKEN = "* the name client is taken\n";

function start(redis: RedisServer): Promise<ServerProgram> {
  const [cert, key, ca] = ["server.pem", "server.key", "ca.pem"].map(certificates.file);
  const tls = ["--tls-cert", `${cert}`, "--tls-key", `${key}`, "--tls-ca", `${ca}`];
  return ServerProgram.start("--redis", redis.url, "--names", ...tls);
}

function connect(server: ServerProgram, who = "client"): Promise<Peer> {
  const [ca, cert, key] = ["ca.pem", `${who}.pem`, `${who}.key`].map((name) =>
    readFileSync(certificates.file(name)),
  );
  return Peer.connect(server.port, { tls: { ca, cert, key } });
}

test("at another server the name is taken, until its owner has left", async () => {
  await using redis = await RedisServer.start();
  const [one, other] = [await start(redis), await start(redis)];
  const owner = await connect(one);
  await one.logged(" joined client ");
  const late = await connect(other);
  expect(await late.hearsAll()).toBe(TAKEN);
  expect(other.stderr).not.toContain(" joined client");
  // At its own server it takes the name over.
  const next = await connect(one);
  expect(await owner.hearsAll()).toBe("* the name client was taken over\n");
  next.endInput();
  await next.endOfInput();
  await one.logged(/ left client \S+: end of input/);
  const there = await connect(other);
  await other.logged(" joined client ");
  const witness = await connect(one, "other");
  await one.logged(" joined other ");
  there.say("I am here now\n");
  await witness.hears("client: I am here now\n");
});

test("a client that takes over a name which is not known to be free waits for that as well", async () => {
  await using redis = await RedisServer.start();
  const [one, other] = [await start(redis), await start(redis)];
  const owner = await connect(one);
  await one.logged(" joined client ");
  redis.standStill();
  const late = [await connect(other), await connect(other)];
  for (const peer of late) peer.say("I am client too\n");
  await Bun.sleep(300); // Nothing tells that they wait at the door.
  redis.goOn();
  for (const peer of late) expect(await peer.hearsAll()).toBe(TAKEN);
  owner.endInput();
  expect(await owner.hearsAll()).toBe("");
});
