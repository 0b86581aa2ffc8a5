/** A server of a program of one's own: what changes while it runs. */

import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { Caller } from "../server/caller.ts";
import { atEnd, endAllAfterEach, eventually } from "../server/ends.ts";

let certificates: Certificates;
const pem = (name: string) => readFileSync(certificates.file(name), "utf8");
beforeAll(() => {
  certificates = makeCertificates();
});
endAllAfterEach();

/** A server over TLS, and what it reports. */
async function start(passPhrase?: string) {
  const events: string[] = [];
  const tls = { cert: pem("server.pem"), key: pem("server.key") };
  const server = await listen({
    ...{ host: "127.0.0.1", port: 0, tls },
    passPhrase: passPhrase === undefined ? undefined : Buffer.from(passPhrase),
    onJoin: () => events.push("joined"),
    onRefuse: (_, why) => events.push(why),
  });
  atEnd(() => server.stop(0));
  return { server, tls, events };
}

test("a new pass phrase alone leaves the certificates, new certificates alone the pass phrase", async () => {
  const { server, tls, events } = await start("old");
  server.renew({ passPhrase: Buffer.from("new") });
  const enter = async () => {
    const caller = await Caller.connect(server, { tls: {} });
    await Promise.race([caller.handshaken(), caller.ended()]);
    caller.say("new\n");
  };
  await enter();
  await eventually(`one to join; ${events}`, () => events.length === 1);
  server.renew({ tls });
  await enter();
  await eventually(`another to join; ${events}`, () => events.length === 2);
  expect(events).toEqual(["joined", "joined"]);
});

test("a CA that is new keeps out whoever it has not certified", async () => {
  const { server, tls, events } = await start();
  server.renew({ tls: { ...tls, ca: pem("ca.pem") } });
  await Caller.connect(server, { tls: { cert: pem("stranger.pem"), key: pem("stranger.key") } });
  await eventually("one to be refused", () => events.length === 1);
  expect(events).toEqual(["the handshake failed: a client certificate of another CA"]);
});
