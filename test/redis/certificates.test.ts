/** Names from certificates, where one certificate comes to several servers of a room. */

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { loadTls } from "../../lib/program/files.ts";
import { makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, Peer } from "../harness.ts";
import { RedisServer, testOverRedis } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

(Bun.which("openssl") || process.env["CI"] ? testOverRedis : test.skip)(
  "the name of a certificate is taken at another server, and taken over at its own",
  async () => {
    const { file } = makeCertificates(newFolder());
    const [cert, key, ca] = [file("server.pem"), file("server.key"), file("ca.pem")];
    const redis = await RedisServer.start();
    const options = { names: true, tls: await loadTls({ cert, key, ca }) };
    const [one, other] = await SharedServer.openSome(2, redis, options);
    const connect = (server: SharedServer | undefined, who = "client") => {
      const [ca, cert, key] = ["ca.pem", `${who}.pem`, `${who}.key`].map((name) =>
        readFileSync(file(name)),
      );
      return Peer.connect(server?.port ?? 0, { tls: { ca, cert, key } });
    };
    const TAKEN = "* the name client is taken\n";
    const owner = await connect(one);
    await one?.logged("joined client ");
    expect(await (await connect(other)).hearsAll()).toBe(TAKEN);
    // Of those that ask while it is not known whose it is, none gets it.
    redis.standStill();
    const late = [await connect(other), await connect(other)];
    for (const peer of late) peer.say("I am client too\n");
    await Bun.sleep(300); // Nothing tells that they wait at the door.
    redis.goOn();
    for (const peer of late) expect(await peer.hearsAll()).toBe(TAKEN);
    expect(other?.log).not.toContain("joined client");

    const next = await connect(one);
    expect(await owner.hearsAll()).toBe("* the name client was taken over\n");
    next.endInput();
    await next.endOfInput();
    await one?.logged(/left client \S+: end of input/);
    const there = await connect(other);
    await other?.logged("joined client ");
    const witness = await connect(one, "other");
    await one?.logged("joined other ");
    there.say("I am here now\n");
    await witness.hears("client: I am here now\n");
  },
);
