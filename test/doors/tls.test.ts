/** TLS: the handshake, whose certificates are accepted, and which are shown from when on. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import type { SecureVersion } from "node:tls";

import { UserError } from "../../lib/program/system-errors.ts";
import { key, pem } from "../certificates.ts";
import { clientCommand, endAfterEach, Peer, Program } from "../harness.ts";
import { besideWith } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { material, openServer, trusting } from "./open-server.ts";

endAfterEach();

const test = besideWith("openssl");
const testOthers = besideWith("openssl", "ncat", "socat");

/** A ClientHello that knows nothing newer than TLS 1.1. */
const HELLO_OF_TLS_1_1 = Buffer.concat([
  Buffer.from([0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2]),
  Buffer.alloc(32, 7),
  Buffer.from([0, 0, 2, 0, 0x2f, 1, 0]),
]);
const GARBLED_HELLO = Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, 0, 0]);

const openssl = (port: number, ...options: string[]) =>
  new Program(["openssl", "s_client", "-connect", `127.0.0.1:${port}`, ...options]);
const shows = (name: string) => ["-cert", pem(name), "-key", key(name)];

testOthers(
  "openssl, ncat, socat and linechat, each with its own certificate, hear each other",
  async () => {
    const { port, events } = await openServer({ tls: material("ca") });
    const [ca, cert, ownKey] = [pem("ca"), pem("client"), key("client")];
    const address = `localhost:${port}`;
    const [own, tls] = [shows("client").join(" "), `--tls-cert ${cert} --tls-key ${ownKey}`];
    const commands = {
      openssl: `openssl s_client -quiet -verify_return_error -CAfile ${ca} ${own} -connect ${address}`,
      ncat: `ncat --ssl-verify --ssl-trustfile ${ca} ${tls.replaceAll("tls", "ssl")} localhost ${port}`,
      socat: `socat - OPENSSL:${address},cafile=${ca},cert=${cert},key=${ownKey}`,
      linechat: clientCommand("--tls", "--tls-ca", ca, ...tls.split(" "), address).join(" "),
    };
    const members = Object.entries(commands).map(
      ([name, command]) => [name, new Program(command.split(" "))] as const,
    );
    await eventually("all to join", () => events.length === members.length);
    for (const [name, program] of members) {
      program.say(`hello from ${name}\n`);
      for (const [, other] of members)
        if (other !== program) await other.printed(`hello from ${name}\n`);
    }
  },
);

for (const version of ["TLSv1.2", "TLSv1.3"] as SecureVersion[])
  test(`over ${version}, whose certificate is not accepted receives nothing, and the log says why`, async () => {
    const { happened, join, port, events } = await openServer({ tls: material("ca") });
    const member = await join({ tls: trusting({ show: "client" }) });
    const option = version === "TLSv1.2" ? "-tls1_2" : "-tls1_3";
    for (const [options, why] of [
      [[], "no client certificate"],
      [shows("stranger"), "a client certificate of another CA"],
      [shows("expired"), "an expired client certificate"],
      [
        [...shows("client"), "-verify_return_error", "-CAfile", pem("stranger")],
        "the client did not accept our certificate",
      ],
    ] as const) {
      events.length = 0;
      const stranger = openssl(port, option, ...options);
      const event = await happened(/^/);
      expect(event).toMatch(
        new RegExp(`^refused 127\\.0\\.0\\.1:\\d+: the handshake failed: ${why}$`),
      );
      member.say("for members only\n");
      await stranger.exited;
      expect(stranger.stdout).not.toContain("for members only");
    }
  });

test("a handshake that fails otherwise is logged in words, without a code", async () => {
  const { port, events, happened } = await openServer({ tls: material() });
  const says = (what: string | Buffer) => async () => (await Peer.connect(port)).write(what);
  for (const [attempt, why] of [
    [says("hello, is anybody there?\n"), "plain text"],
    [says("GET / HTTP/1.0\r\n\r\n"), "plain text"],
    [async () => (await Peer.connect(port, { says: "\n" })).endInput(), "the client has gone"],
    [says(HELLO_OF_TLS_1_1), /./],
    [says(GARBLED_HELLO), /./],
    [() => openssl(port, "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA"), /./],
    // One that hangs up because of our certificate.
    [() => Peer.connect(port, { tls: { rejectUnauthorized: true } }).catch(() => {}), /./],
  ] as const) {
    events.length = 0;
    await attempt();
    const event = await happened(/^refused 127\.0\.0\.1:\d+: the handshake failed: ./);
    expect(event.replace(/.*: /, "")).toMatch(why);
    expect(event).not.toMatch(/[A-Z]{4,}|undefined|error:|SSL routines/);
  }
});

test("certificates, CA and pass phrase are renewed each alone, for connections to come, if there are any", async () => {
  const passPhrase = Buffer.from("old");
  const web = { host: "127.0.0.1", port: 0 };
  const { server, port, happened } = await openServer({ tls: material(), passPhrase, web });
  const outcome = async (show: string | undefined, says: string) => {
    const peer = await Peer.connect(port, { tls: trusting(show ? { show } : {}), says });
    const event = await happened(new RegExp(` ${peer.name}`));
    await peer.end();
    return event.replace(` ${peer.name}`, "");
  };
  // What will not do renews nothing.
  const other = readFileSync(key("client"), "utf8");
  for (const secrets of [
    { tls: { cert: "none", key: "none" } },
    { tls: { ...material(), key: other }, passPhrase: Buffer.from("new") },
    { tls: material(), passPhrase: Buffer.from("two\nlines") },
  ])
    expect(() => server.renew(secrets)).toThrow(UserError);
  expect(await outcome(undefined, "old\n")).toBe("joined");
  server.renew({ passPhrase: Buffer.from("new") });
  expect(await outcome(undefined, "new\n")).toBe("joined");
  server.renew({ tls: material("ca") });
  expect(await outcome("client", "new\n")).toBe("joined");
  expect(await outcome("client", "old\n")).toBe("refused: wrong pass phrase");
  expect(await outcome("stranger", "new\n")).toBe(
    "refused: the handshake failed: a client certificate of another CA",
  );
  await server.stop();
  server.renew({ tls: material() });
  for (const closed of [port, Number(new URL(server.urls["web"] ?? "").port)])
    await expect(Peer.connect(closed)).rejects.toThrow("ECONNREFUSED");
});
