/** TLS: the handshake, whose certificates are accepted, and which are shown from when on. */

import { expect } from "bun:test";
import { readFileSync } from "node:fs";

import { UserError } from "../../lib/program/system-errors.ts";
import { key, pem } from "../certificates.ts";
import { clientCommand, endAfterEach, Peer, Program } from "../harness.ts";
import { besideWith } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";
import { material, openServer, trusting } from "./open-server.ts";

endAfterEach();

const test = besideWith("openssl");
const testOthers = besideWith("openssl", "ncat", "socat");

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

for (const [version, option] of [
  ["TLSv1.2", "-tls1_2"],
  ["TLSv1.3", "-tls1_3"],
] as const)
  test(`over ${version}, whose certificate is not accepted receives nothing, and the log says why`, async () => {
    const { happened, join, port } = await openServer({ tls: material("ca") });
    const accepted = { tls: trusting({ show: "client" }) };
    const [member, other] = [await join(accepted), await join(accepted)];
    for (const [show, why] of [
      [{}, "no client certificate"],
      [{ show: "stranger" }, "a client certificate of another CA"],
      [{ show: "expired" }, "an expired client certificate"],
    ] as const) {
      const tls = trusting({ version, ...show });
      const connecting = Peer.connect(port, { tls }).catch(() => undefined);
      await happened(new RegExp(`^refused 127.0.0.1:\\d+: the handshake failed: ${why}$`));
      const stranger = await connecting;
      member.say(`${why} at the door\n`);
      await other.hears(`${why} at the door\n`);
      expect(stranger?.text ?? "").toBe("");
    }
    const trustsOthers = ["-verify_return_error", "-CAfile", pem("stranger")];
    openssl(port, option, ...shows("client"), ...trustsOthers);
    await happened(/: the handshake failed: the client did not accept our certificate$/);
  });

test("a handshake that fails otherwise is logged in words, without a code", async () => {
  const { port, events, happened } = await openServer({ tls: material() });
  const says = (what: string | Buffer) => async () => (await Peer.connect(port)).write(what);
  for (const [attempt, why] of [
    [says("hello, is anybody there?\n"), "plain text"],
    [says("GET / HTTP/1.0\r\n\r\n"), "plain text"],
    [async () => (await Peer.connect(port, { says: "\n" })).endInput(), "the client has gone"],
    [() => openssl(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), "unsupported protocol"],
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
  for (const free of [port, Number(new URL(server.urls["web"] ?? "").port)])
    Bun.listen({ hostname: "127.0.0.1", port: free, socket: { data() {} } }).stop(true);
});
