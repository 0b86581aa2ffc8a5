/** TLS at the client's end: what does not match is said in words, and an end has to be proven. */

import { describe, expect, spyOn } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { createServer, type SecureVersion, type TLSSocket } from "node:tls";

import { connect, type ConnectOptions } from "../../lib/client/connect.ts";
import type { Connection } from "../../lib/client/connection.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { key, pem } from "../certificates.ts";
import { atEnd, endAfterEach, type Peer, Program } from "../harness.ts";
import { Between } from "../harness/between.ts";
import { Host, listenSomewhere } from "../harness/host.ts";
import { testWith } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";

endAfterEach();

const test = testWith("openssl");
const read = (path: string) => readFileSync(path, "utf8");
const pair = (name: string) => ({ cert: read(pem(name)), key: read(key(name)) });

const HERE = { host: "127.0.0.1", port: 0 };
const FLOOD = Buffer.alloc(8 << 20, "x");
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

const LATE = "no TLS handshake within 0.5 s; does the server speak TLS?";
const IN_HANDSHAKE = "it closed the connection during the TLS handshake";
const NO_PEM = "its tls: ca and cert have to be PEM, and key the key of cert";

test.each<[string, Partial<ConnectOptions>, (guest: Peer) => void, why: string, boolean]>([
  ["that says nothing", { answerMs: 500 }, () => {}, LATE, false],
  ["that speaks first", {}, (guest) => guest.say("220 hello\r\n"), "it does not speak TLS", true],
  // It may do so just now.
  ["that closes", {}, (guest) => guest.endInput(), IN_HANDSHAKE, false],
  ["with a CA that is none", { tls: { ca: "none" } }, () => {}, NO_PEM, true],
  [
    "with a certificate that is none",
    { tls: { cert: "none", key: "none" } },
    () => {},
    NO_PEM,
    true,
  ],
])("a server %s is given up, and the connection closed", async (_, how, act, why, isForGood) => {
  const host = await Host.open();
  const failing = failure(connect({ ...HERE, port: host.port, tls: {}, ...how }));
  const guest = await host.guest();
  act(guest);
  expect(await failing).toEqual([why, isForGood]);
  await guest.endOfInput();
});

test.each([
  // An alert, or a reset, whichever comes.
  ["hello, is anybody there?\n", /: (the server speaks TLS; use --tls|.*does it speak TLS .*)$/],
  ["", /: reset by the server; does it speak TLS \(--tls\)\?$/],
])("without --tls, a client that has sent %j is told to use it", async (sent, why) => {
  const port = await listenHere({ tls: pair("server"), arrivalMs: 200 });
  for (const ends of [true, false]) {
    const connection = await connect({ ...HERE, port });
    if (sent) await connection.write(sent);
    if (ends) connection.endOutput();
    // As if it had taken longer.
    const later = spyOn(performance, "now").mockReturnValue(performance.now() + 6000);
    const { received, end } = await readAll(connection);
    later.mockRestore();
    expect([received, `${end}`]).toEqual(["", expect.stringMatching(why)]);
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

const REQUIRES = "it requires a client certificate (--tls-cert, --tls-key)";
const MAY_REQUIRE =
  "it refused the TLS handshake; does it require a client certificate (--tls-cert)?";
const REFUSES = "it does not accept our certificate (--tls-cert)";
const DOUBTS = "reset by the server; does it accept our certificate (--tls-cert)?";

/** `openssl s_server`, which requires a client certificate. */
async function openssl(version: string): Promise<number> {
  const how = ["-accept", "127.0.0.1:0", "-verify_return_error", "-Verify", "1", version];
  const files = ["-cert", pem("server"), "-key", key("server"), "-CAfile", pem("ca")];
  const server = new Program(["openssl", "s_server", ...how, ...files]);
  const [, port] = await server.printed(/ACCEPT 127\.0\.0\.1:(\d+)/);
  return Number(port);
}

test.each([
  ["linechat's own server", REQUIRES, [DOUBTS, false]],
  ["-tls1_2", MAY_REQUIRE, [REFUSES, true]],
  ["-tls1_3", REQUIRES, [REFUSES, true]],
] as const)("a client certificate is missing, or refused: %s", async (where, missing, refused) => {
  const tls = { ...pair("server"), ca: read(pem("ca")) };
  const port = await (where.startsWith("-") ? openssl(where) : listenHere({ tls }));
  expect(await failure(connectTls(port))).toEqual([missing, true]);
  for (const shows of ["stranger", "expired"])
    expect(await failure(connectTls(port, shows))).toEqual([...refused]);
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

const CUT_OFF = {
  code: "ERR_TLS_CUT_OFF",
  message: expect.stringContaining("was cut off (no TLS close_notify)"),
};
const DAMAGED = { message: expect.stringContaining("what came was no TLS, or damaged") };

for (const version of ["TLSv1.2", "TLSv1.3"] as const)
  describe.each([false, true])(`over ${version}, half-closed: %p, an end`, (halfClosed) => {
    const [type, bytes] = version === "TLSv1.3" ? [23, 19] : [21, 26];
    const lookalike = Buffer.from([type, 3, 3, 0, bytes, ...Buffer.alloc(bytes)]);

    test.each<[string, string, (there: TLSSocket, wire: Socket) => void, string, unknown]>([
      ["by close_notify is in order", "last\n", (there) => there.end("a\nb"), "a\nb", "in order"],
      ["without it was cut off", "whole\nrm -rf /", (_, wire) => wire.end(), "", CUT_OFF],
      // In TLS 1.3, a record of two bytes looks as long as close_notify.
      ["is not taken for one after two bytes", "x\n", (_, wire) => wire.end(), "", CUT_OFF],
      ["nor after one", "\n", (_, wire) => wire.end(), "", CUT_OFF],
      ["that only looks like it", "last\n", (_, wire) => wire.end(lookalike), "", DAMAGED],
    ])("%s", async (_, last, end, received, how) => {
      const { here, there, wire } = await between(version);
      if (halfClosed) here.endOutput();
      for (const sent of ["first\n", last]) {
        there.write(sent);
        const lines = sent.slice(0, sent.indexOf("\n") + 1);
        expect(Buffer.from((await here.read()) ?? []).toString()).toBe(lines);
      }
      end(there, wire);
      expect(await readAll(here)).toMatchObject({ received, end: how });
    });
  });

test.each(["TLS", "TCP"])("over %s, the server ends in order, also amid a flood", async (over) => {
  const tls = over === "TLS" ? pair("server") : undefined;
  const passPhrase = Buffer.from("open sesame");
  const server = await listen({ ...HERE, tls, lineBytesMax: 100, clientsMax: 1, passPhrase });
  const join = (phrase = passPhrase) =>
    connectTls(server.port, undefined, { passPhrase: phrase, ...(tls ? {} : { tls }) });
  const inOrder = (received: string) => ({ received, end: "in order" });
  const member = await join();
  const surplus = await join();
  void surplus.write(FLOOD);
  expect(await readAll(surplus)).toEqual(inOrder("* room is full\n"));
  void member.write(FLOOD);
  expect(await readAll(member)).toEqual(inOrder("* line longer than 100 bytes\n"));
  const stranger = await join(Buffer.from("open wheat"));
  void stranger.write(FLOOD);
  expect(await readAll(stranger)).toEqual(inOrder("* wrong pass phrase\n"));
  const halfClosed = await join();
  halfClosed.endOutput();
  expect(await readAll(halfClosed)).toEqual(inOrder(""));
  const last = await join();
  await eventually("the last to join", () => server.size === 1);
  const stopped = server.stop();
  expect(await readAll(last)).toEqual(inOrder(""));
  for (const one of [surplus, member, stranger, last]) one.endOutput();
  await stopped;
});
