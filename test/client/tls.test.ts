/** TLS at the client's end: what does not match is said in words, and an end has to be proven. */

import { describe, expect, spyOn } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer, type SecureVersion, type TLSSocket } from "node:tls";

import { connect, type ConnectOptions } from "../../lib/client/connect.ts";
import type { Connection } from "../../lib/client/connection.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { key, pem } from "../certificates.ts";
import { atEnd, endAfterEach, Program } from "../harness.ts";
import { Between } from "../harness/between.ts";
import { Host, listenSomewhere } from "../harness/host.ts";
import { testWith } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";

endAfterEach();

const test = testWith("openssl");
const read = (path: string) => readFileSync(path, "utf8");
const pair = (name: string) => ({ cert: read(pem(name)), key: read(key(name)) });

const HERE = { host: "127.0.0.1", port: 0 };
const OPENSSL_SPEAK = /ssl|alert|routines|[A-Z]{4,}_/i;

/** Connects by the name localhost, and trusts the CA. */
function connectTls(port: number, shows?: string, more: Partial<ConnectOptions> = {}) {
  const tls = { ca: read(pem("ca")), ...(shows && pair(shows)) };
  return connect({ host: "localhost", port, tls, ...more });
}

/** linechat's own server, in this process. */
async function listenHere(options: object): Promise<number> {
  const server = await listen({ ...HERE, ...options });
  atEnd(() => server.stop(0));
  return server.port;
}

/** Reads to the end; returns what came, and how it ended. */
async function readAll(connection: Connection): Promise<{ received: string; end: unknown }> {
  let received = "";
  try {
    for (let some = await connection.read(); some; some = await connection.read())
      received += Buffer.from(some).toString();
    return { received, end: "in order" };
  } catch (end) {
    return { received, end };
  }
}

/** Why it does not come to a conversation, at once or soon: without the place, and for good or not. */
async function failure(
  connecting: Promise<Connection>,
): Promise<[why: string, isForGood: boolean]> {
  const error = await connecting.then(
    async (connection) => (await readAll(connection)).end,
    (why: unknown) => why,
  );
  if (!(error instanceof UserError)) throw new Error(`not a failure of a user's: ${error}`);
  expect(error.message.replace("no TLS close_notify", "")).not.toMatch(OPENSSL_SPEAK);
  const [, why = ""] =
    /^(?:cannot connect to|lost the connection to) \S+:\d+: (.*)$/.exec(error.message) ?? [];
  return [why, error.permanent];
}

test("a server without TLS is given up in time, or as soon as that shows", async () => {
  const host = await Host.open();
  const connectHere = (answerMs?: number) =>
    failure(connect({ ...HERE, port: host.port, tls: {}, answerMs }));
  const late = connectHere(50);
  const why = "no TLS handshake within 0.05 s; does the server speak TLS?";
  expect(await late).toEqual([why, false]);
  await (await host.guest()).endOfInput();
  const talking = connectHere();
  (await host.guest()).say("220 hello\r\n");
  expect(await talking).toEqual(["it does not speak TLS", true]);
  // One that closes may do so just now.
  const closing = connectHere();
  (await host.guest()).endInput();
  expect(await closing).toEqual(["it closed the connection during the TLS handshake", false]);
});

/** To be received: an alert, or a reset, whichever comes. */
const TO_LINES = /: (the server speaks TLS; use --tls|.*does it speak TLS \(--tls\)\?)$/;
const TO_SILENCE = /: reset by the server; does it speak TLS \(--tls\)\?$/;

test.each([
  ["hello, is anybody there?\n", TO_LINES],
  ["hi\n", TO_SILENCE], // Too short to be no hello of TLS.
  ["", TO_SILENCE],
])("without --tls, a client that has sent %j is told to use it", async (sent, why) => {
  const port = await listenHere({ tls: pair("server"), arrivalMs: 200 });
  for (const ends of [true, false]) {
    const connection = await connect({ ...HERE, port });
    if (sent) await connection.write(sent);
    if (ends) connection.endOutput();
    // As if it had taken longer.
    const later = spyOn(performance, "now").mockReturnValue(performance.now() + 6000);
    atEnd(() => later.mockRestore());
    const { received, end } = await readAll(connection);
    expect([received, `${end}`]).toEqual(["", expect.stringMatching(why)]);
    if (why === TO_SILENCE) expect(end).toMatchObject({ permanent: false });
  }
});

test.each([
  ["server", false, "unable to verify the first certificate; --tls-ca trusts another CA"],
  ["stranger", true, "self signed certificate; --tls-ca trusts another CA"],
  ["expired", true, "certificate has expired"],
  ["other", true, "Hostname/IP does not match certificate's altnames: Host: localhost. "],
] as const)("a server that cannot be verified receives nothing: %s", async (name, trusted, why) => {
  let received = "";
  const socket = { data: (_: Bun.Socket, bytes: Uint8Array) => void (received += bytes) };
  using server = Bun.listen({ ...HERE, hostname: HERE.host, tls: pair(name), socket });
  const passPhrase = Buffer.from("open sesame");
  const more = trusted ? { passPhrase } : { passPhrase, tls: {} };
  const [told, isForGood] = await failure(connectTls(server.port, undefined, more));
  expect(told).toStartWith(`its certificate cannot be verified: ${why}`);
  expect([isForGood, received]).toEqual([true, ""]);
});

test("certificates that are none are told in words, and the connection is closed", async () => {
  const host = await Host.open();
  for (const tls of [{ ca: "none" }, { cert: "none", key: "none" }]) {
    const why = "its tls: ca and cert have to be PEM, and key the key of cert";
    expect(await failure(connect({ ...HERE, port: host.port, tls }))).toEqual([why, true]);
    await (await host.guest()).closed();
  }
});

describe("a client certificate is", () => {
  const REQUIRES = "it requires a client certificate (--tls-cert, --tls-key)";
  const REFUSES = "it does not accept our certificate (--tls-cert)";
  const DOUBTS = "reset by the server; does it accept our certificate (--tls-cert)?";

  test("missing, or not accepted, at linechat's own server", async () => {
    const port = await listenHere({ tls: { ...pair("server"), ca: read(pem("ca")) } });
    expect(await failure(connectTls(port))).toEqual([REQUIRES, true]);
    for (const shows of ["stranger", "expired"])
      expect(await failure(connectTls(port, shows))).toEqual([DOUBTS, false]);
    const halfClosed = await connectTls(port);
    halfClosed.endOutput();
    expect(await failure(Promise.resolve(halfClosed))).toEqual([REQUIRES, true]);
    const accepted = await connectTls(port, "client");
    accepted.endOutput();
    expect(await readAll(accepted)).toEqual({ received: "", end: "in order" });
  });

  for (const [version, missing] of [
    ["tls1_2", "it refused the TLS handshake; does it require a client certificate (--tls-cert)?"],
    ["tls1_3", REQUIRES],
  ] as const)
    test(`missing, or not accepted, at openssl s_server -${version}`, async () => {
      const how = ["-accept", "127.0.0.1:0", "-verify_return_error", "-Verify", "1"];
      const files = ["-cert", pem("server"), "-key", key("server"), "-CAfile", pem("ca")];
      const server = new Program(["openssl", "s_server", ...how, ...files, `-${version}`]);
      const [, port] = await server.printed(/ACCEPT 127\.0\.0\.1:(\d+)/);
      expect(await failure(connectTls(Number(port)))).toEqual([missing, true]);
      for (const shows of ["stranger", "expired"])
        expect(await failure(connectTls(Number(port), shows))).toEqual([REFUSES, true]);
    });
});

/** A server on TLS alone, and somebody between it and its clients. */
async function between(version: SecureVersion) {
  const accepted = Promise.withResolvers<TLSSocket>();
  const versions = { minVersion: version, maxVersion: version };
  const server = createServer({ ...pair("server"), ...versions, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    accepted.resolve(socket);
  });
  const proxy = await Between.open(await listenSomewhere(server));
  atEnd(() => server.close());
  const here = await connectTls(proxy.port);
  const there = await accepted.promise;
  const [wire] = proxy.wires;
  if (!wire) throw new Error("no connection");
  return { here, there, wire: wire.near };
}

describe.each<[SecureVersion, boolean]>([
  ["TLSv1.2", false],
  ["TLSv1.2", true],
  ["TLSv1.3", false],
  ["TLSv1.3", true],
])("over %s, half-closed: %p, an end", (version, halfClosed) => {
  /** A conversation that has come to its last line. */
  const start = async (line: string) => {
    const ends = await between(version);
    if (halfClosed) ends.here.endOutput();
    for (const sent of ["first\n", line]) {
      ends.there.write(sent);
      expect(Buffer.from((await ends.here.read()) ?? []).toString()).toBe(sent);
    }
    return ends;
  };

  test("by close_notify is in order, also of an unfinished line", async () => {
    const { here, there } = await start("last\n");
    there.end("more\nrm -rf /");
    expect(await readAll(here)).toEqual({ received: "more\nrm -rf /", end: "in order" });
  });

  // In TLS 1.3, a record of two bytes looks as long as close_notify.
  test.each(["last\n", "x\n", "\n"])("without it was cut off: %j", async (line) => {
    const { here, there, wire } = await start(line);
    if (line === "last\n") {
      there.write("whole\nrm -rf /");
      expect(Buffer.from((await here.read()) ?? []).toString()).toBe("whole\n");
    }
    wire.end();
    const { received, end } = await readAll(here);
    expect([received, end]).toEqual([
      "",
      expect.objectContaining({ code: "ERR_TLS_CUT_OFF", permanent: false }),
    ]);
    expect(`${end}`).toContain("was cut off (no TLS close_notify)");
  });

  test("that only looks like it is not in order", async () => {
    const { here, wire } = await start("last\n");
    const [type, bytes] = version === "TLSv1.3" ? [23, 19] : [21, 26];
    wire.end(Buffer.from([type, 3, 3, 0, bytes, ...Buffer.alloc(bytes)]));
    expect(`${(await readAll(here)).end}`).toContain("what came was no TLS, or damaged");
  });
});

test("every end that linechat's own server makes is in order", async () => {
  const server = await listen({ ...HERE, tls: pair("server"), lineBytesMax: 100, clientsMax: 1 });
  const inOrder = (received: string) => ({ received, end: "in order" });
  const member = await connectTls(server.port);
  const surplus = await connectTls(server.port);
  expect(await readAll(surplus)).toEqual(inOrder("* room is full\n"));
  void member.write("x".repeat(1000));
  expect(await readAll(member)).toEqual(inOrder("* line longer than 100 bytes\n"));
  const halfClosed = await connectTls(server.port);
  halfClosed.endOutput();
  expect(await readAll(halfClosed)).toEqual(inOrder(""));
  const last = await connectTls(server.port);
  await eventually("the last to join", () => server.size === 1);
  const stopped = server.stop();
  expect(await readAll(last)).toEqual(inOrder(""));
  for (const one of [surplus, member, last]) one.endOutput();
  await stopped;
});

test("close has its deadline over TLS, too", async () => {
  const { here, wire } = await between("TLSv1.3");
  const gone = new Promise((resolve) => wire.once("close", resolve));
  await here.close(20);
  await gone;
});
