import { beforeAll, describe, expect, test } from "bun:test";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, Peer, Program, ServerProgram } from "../harness.ts";

let certificates: Certificates;
const pem = (name: string) => certificates.file(name);
const tls = () => ["--tls-cert", pem("server.pem"), "--tls-key", pem("server.key")];
beforeAll(() => {
  certificates = makeCertificates();
});
endAfterEach();

/** A hello that knows nothing newer than TLS 1.1. */
const HELLO_OF_TLS_1_1 = Buffer.concat([
  Buffer.from([0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2]),
  Buffer.alloc(32, 7),
  Buffer.from([0, 0, 2, 0, 0x2f, 1, 0]),
]);

describe("a handshake that fails is logged in words", () => {
  /** An openssl that tries to come in. */
  const openssl = (server: ServerProgram, ...options: string[]) => {
    const command = ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`, ...options];
    return new Program(command);
  };
  const show = (name: string) => ["-cert", pem(`${name}.pem`), "-key", pem(`${name}.key`)];

  for (const version of ["-tls1_2", "-tls1_3"])
    for (const [what, options, why] of [
      ["without a certificate", () => [], "no client certificate"],
      ["with a stranger's", () => show("stranger"), "a client certificate of another CA"],
      ["with an expired one", () => show("expired"), "an expired client certificate"],
      [
        "that does not accept the server's",
        () => [...show("client"), "-verify_return_error", "-CAfile", pem("stranger.pem")],
        "the client did not accept our certificate",
      ],
    ] as const)
      test(`a client ${what}, by ${version}`, async () => {
        const server = await ServerProgram.start(...tls(), "--tls-ca", pem("ca.pem"));
        openssl(server, version, ...options());
        await server.printed(
          new RegExp(`refused 127\\.0\\.0\\.1:\\d+: the handshake failed: ${why} \\(0 here\\)\\n`),
          "stderr",
        );
        expect(server.stderr).not.toContain("joined");
      });

  for (const [what, text] of [
    ["lines", "hello, is anybody there?\n"],
    ["a single byte", "\n"],
    ["HTTP", "GET / HTTP/1.0\r\n\r\n"],
  ] as const)
    test(`plain text: ${what}`, async () => {
      const server = await ServerProgram.start(...tls());
      const peer = await Peer.connect(server.port);
      peer.say(text);
      if (text.length < 5) peer.endInput();
      await peer.closed();
      if (text.length < 5) return;
      await server.printed(
        `refused ${peer.name}: the handshake failed: plain text (0 here)\n`,
        "stderr",
      );
    });

  const speak = async (server: ServerProgram, bytes: Buffer) =>
    (await Peer.connect(server.port)).say(bytes);

  for (const [what, attempt] of [
    ["a client of TLS 1.1", (server) => speak(server, HELLO_OF_TLS_1_1)],
    [
      "a client without a cipher in common",
      (server) => void openssl(server, "-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA"),
    ],
    [
      "a garbled hello",
      (server) => speak(server, Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0, 0, 0])),
    ],
    [
      "a client that hangs up because of our certificate",
      (server) =>
        Bun.connect({
          hostname: "127.0.0.1",
          port: server.port,
          tls: { rejectUnauthorized: true },
          socket: { data() {}, error() {}, handshake() {} },
        }).catch(() => {}),
    ],
  ] as [string, (server: ServerProgram) => unknown][])
    test(`${what}, without a code`, async () => {
      const server = await ServerProgram.start(...tls());
      await attempt(server);
      const [line] = await server.printed(/refused 127\.0\.0\.1:\d+: .* \(0 here\)\n/, "stderr");
      expect(line).not.toMatch(/[A-Z]{4,}|undefined|error:|SSL routines/);
    });
});
