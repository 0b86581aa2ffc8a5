/** TLS at the client's end: what does not match is said in words, and an end has to be proven. */

import { afterAll, describe, expect, test as anyTest } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer as createProxy, type Socket } from "node:net";
import { createServer, type SecureVersion, type TLSSocket } from "node:tls";

import { connect, type ConnectOptions } from "../../lib/client/connect.ts";
import type { Connection } from "../../lib/client/connection.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { listen } from "../../lib/server/listen.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { clientCommand, endAfterEach, Program, runToEnd, ServerProgram } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

const test = testWith("openssl");
let certificates: Certificates | undefined;
afterAll(() => certificates && rmSync(certificates.file(""), { recursive: true }));
const pem = (name: string) => (certificates ??= makeCertificates()).file(name);
const read = (name: string) => readFileSync(pem(name), "utf8");

const SERVER = () => ({ cert: read("server.pem"), key: read("server.key") });
const VERSIONS: SecureVersion[] = ["TLSv1.2", "TLSv1.3"];
const OPENSSL_SPEAK = /ssl|alert|routines|[A-Z]{4,}_/i;

/** Connects by the name localhost, and trusts the CA. */
function connectTls(port: number, shows?: string, more: Partial<ConnectOptions> = {}) {
  const shown = shows && { cert: read(`${shows}.pem`), key: read(`${shows}.key`) };
  const tls = { ca: read("ca.pem"), ...shown };
  return connect({ host: "localhost", port, tls, ...more });
}

/** Reads to the end; returns what came, and how it ended. */
async function readAll(connection: Connection): Promise<{ heard: string; end: unknown }> {
  let heard = "";
  try {
    for (let some = await connection.read(); some; some = await connection.read())
      heard += Buffer.from(some).toString();
    return { heard, end: "in order" };
  } catch (end) {
    return { heard, end };
  }
}

/** Why it does not come to a conversation, at once or soon. */
async function failure(connecting: Promise<Connection>): Promise<UserError> {
  const error = await connecting.then(
    async (connection) => (await readAll(connection)).end,
    (why: unknown) => why,
  );
  if (!(error instanceof UserError)) throw new Error(`not a failure of a user's: ${error}`);
  expect(error.message.replace("no TLS close_notify", "")).not.toMatch(OPENSSL_SPEAK);
  return error;
}

describe("one side speaks TLS, the other does not", () => {
  anyTest("a server that says nothing to it is given up in time", async () => {
    const host = await Host.open();
    const { message, code, permanent } = await failure(
      connect({ host: "127.0.0.1", port: host.port, tls: {}, handshakeMs: 50 }),
    );
    host.close();
    expect([message, code, permanent]).toEqual([
      `cannot connect to 127.0.0.1:${host.port}: no TLS handshake within 0.05 s; does the server speak TLS?`,
      "ETIMEDOUT",
      false,
    ]);
    await (await host.guest()).endOfInput();
  });

  anyTest("a server that says something else does not speak TLS", async () => {
    const server = await listen({ host: "127.0.0.1", port: 0 });
    const error = await failure(connect({ host: "127.0.0.1", port: server.port, tls: {} }));
    await server.stop();
    expect(error).toMatchObject({
      message: `cannot connect to 127.0.0.1:${server.port}: it does not speak TLS`,
      permanent: true,
    });
  });

  test("a plain client learns that the server does, and hears nothing of it", async () => {
    const server = await ServerProgram.start(
      ...["--tls-cert", pem("server.pem"), "--tls-key", pem("server.key")],
    );
    const client = new Program(clientCommand("127.0.0.1", `${server.port}`));
    client.say("hello, is anybody there?\n");
    expect([await client.exited, client.stdout, client.stderr]).toEqual([
      ...[1, ""],
      `linechat-client: lost the connection to 127.0.0.1:${server.port}: the server speaks TLS; use --tls\n`,
    ]);
  });

  test("one that has sent everything is asked, when the server has waited in vain", async () => {
    const server = await listen({ host: "127.0.0.1", port: 0, tls: SERVER(), arrivalMs: 500 });
    const connection = await connect({ host: "127.0.0.1", port: server.port });
    await connection.write("hi\n");
    connection.endOutput();
    const { message, permanent } = await failure(Promise.resolve(connection));
    expect([message, permanent]).toEqual([
      `lost the connection to 127.0.0.1:${server.port}: reset by the server; does it speak TLS (--tls)?`,
      false,
    ]);
    await server.stop();
  });
});

describe("a client certificate is", () => {
  const ASKS = "it requires a client certificate (--tls-cert, --tls-key)";
  const REFUSES = "it does not accept our certificate (--tls-cert)";
  const DOUBTS = "reset by the server; does it accept our certificate (--tls-cert)?";

  test("missing, or not accepted, at linechat's own server", async () => {
    const tls = { ...SERVER(), ca: read("ca.pem") };
    const server = await listen({ host: "127.0.0.1", port: 0, tls });
    const lost = `lost the connection to localhost:${server.port}: `;
    for (const [shows, why, permanent] of [
      [undefined, ASKS, true],
      ["stranger", DOUBTS, false],
      ["expired", DOUBTS, false],
    ] as const) {
      const error = await failure(connectTls(server.port, shows));
      expect([error.message, error.permanent]).toEqual([lost + why, permanent]);
    }
    const welcome = await connectTls(server.port, "client");
    welcome.endOutput();
    expect(await readAll(welcome)).toEqual({ heard: "", end: "in order" });
    await server.stop();
  });

  test("missing, although the client says nothing and half-closes at once", async () => {
    const server = await ServerProgram.start(
      ...["--tls-cert", pem("server.pem"), "--tls-key", pem("server.key")],
      ...["--tls-ca", pem("ca.pem")],
    );
    const at = ["localhost", `${server.port}`];
    const { code, stderr } = await runToEnd(
      clientCommand("--tls", "--tls-ca", pem("ca.pem"), ...at),
    );
    expect([code, stderr]).toEqual([
      ...[1, `linechat-client: lost the connection to localhost:${server.port}: ${ASKS}\n`],
    ]);
  });

  for (const version of ["tls1_2", "tls1_3"])
    test(`missing, or not accepted, at openssl s_server -${version}`, async () => {
      const server = new Program([
        ...[
          "openssl",
          "s_server",
          "-accept",
          "127.0.0.1:0",
          "-verify_return_error",
          "-Verify",
          "1",
        ],
        ...["-cert", pem("server.pem"), "-key", pem("server.key"), "-CAfile", pem("ca.pem")],
        `-${version}`,
      ]);
      const [, port] = await server.printed(/ACCEPT 127\.0\.0\.1:(\d+)/);
      const at = `localhost:${port}: `;
      const missing =
        version === "tls1_3"
          ? ASKS
          : "it refused the TLS handshake; does it require a client certificate (--tls-cert)?";
      for (const [shows, why] of [
        [undefined, missing],
        ["stranger", REFUSES],
        ["expired", REFUSES],
      ] as const) {
        const error = await failure(connectTls(Number(port), shows));
        expect(error).toMatchObject({ code: "EPROTO", permanent: true });
        expect(error.message.slice(error.message.indexOf(at) + at.length)).toBe(why);
      }
    });
});

/** A server on TLS alone, and somebody between it and its clients. */
async function between(version: SecureVersion) {
  const accepted = Promise.withResolvers<TLSSocket>();
  const versions = { minVersion: version, maxVersion: version };
  const server = createServer({ ...SERVER(), ...versions, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    accepted.resolve(socket);
  });
  const client = Promise.withResolvers<Socket>();
  const proxy = createProxy({ allowHalfOpen: true }, (socket) => {
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    const onward = connectTcp({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
    for (const end of [socket, onward]) end.on("error", () => {});
    socket.pipe(onward).pipe(socket);
    client.resolve(socket);
  });
  for (const one of [server, proxy])
    await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const here = await connectTls(address.port);
  const [there, wire] = await Promise.all([accepted.promise, client.promise]);
  return {
    here,
    there,
    wire,
    end() {
      for (const socket of [there, wire]) socket.destroy();
      for (const one of [server, proxy]) one.close();
    },
  };
}

const CUT_OFF = { message: expect.stringContaining("was cut off (no TLS close_notify)") };

for (const version of VERSIONS)
  for (const halfClosed of [false, true])
    describe(`over ${version}, ${halfClosed ? "after" : "without"} a half-close, an end`, () => {
      /** A conversation that has come to its last line. */
      const start = async (line: string) => {
        const { here, there, wire, end } = await between(version);
        if (halfClosed) here.endOutput();
        there.write("first\n");
        expect(Buffer.from((await here.read()) ?? []).toString()).toBe("first\n");
        there.write(line);
        expect(Buffer.from((await here.read()) ?? []).toString()).toBe(line);
        return { here, there, wire, end };
      };

      test("by close_notify is in order", async () => {
        const { here, there, end } = await start("last\n");
        there.end("more\n");
        expect(await readAll(here)).toEqual({ heard: "more\n", end: "in order" });
        end();
      });

      // In TLS 1.3, a record of two bytes looks as long as close_notify.
      test.each(["last\n", "x\n", "\n"])("without it was cut off: %j", async (line) => {
        const { here, wire, end } = await start(line);
        wire.end();
        const { end: why } = await readAll(here);
        expect(why).toMatchObject({ ...CUT_OFF, code: "ERR_TLS_CUT_OFF", permanent: false });
        end();
      });

      test("makes a line of what is unfinished only if it is in order", async () => {
        for (const isCutOff of [false, true]) {
          const { here, there, wire, end } = await start("last\n");
          there.write("whole\nrm -rf /");
          expect(Buffer.from((await here.read()) ?? []).toString()).toBe("whole\n");
          if (isCutOff) wire.end();
          else there.end();
          const heard = isCutOff ? "" : "rm -rf /";
          expect(await readAll(here)).toEqual({
            heard,
            end: isCutOff ? expect.anything() : "in order",
          });
          end();
        }
      });

      test("that only looks like it is not in order", async () => {
        const { here, wire, end } = await start("last\n");
        const [type, bytes] = version === "TLSv1.3" ? [23, 19] : [21, 26];
        wire.end(Buffer.from([type, 3, 3, 0, bytes, ...Buffer.alloc(bytes)]));
        const { end: why } = await readAll(here);
        expect(why).toMatchObject({ message: expect.stringContaining("damaged") });
        end();
      });
    });

test("a server that is killed has cut it off, and the exit code is 1", async () => {
  const server = await ServerProgram.start(
    ...["--tls-cert", pem("server.pem"), "--tls-key", pem("server.key")],
  );
  const options = ["--tls", "--tls-ca", pem("ca.pem"), "localhost", `${server.port}`];
  const client = new Program(clientCommand("--recv-only", ...options));
  await server.members(1);
  server.kill("SIGKILL");
  expect(await client.exited).toBe(1);
  const why = "the connection was cut off (no TLS close_notify)";
  expect(client.stderr).toBe(
    `linechat-client: lost the connection to localhost:${server.port}: ${why}\n`,
  );
});

test("every end that linechat's own server makes is in order", async () => {
  const options = { host: "127.0.0.1", port: 0, tls: SERVER(), lineBytesMax: 100 };
  const server = await listen({ ...options, clientsMax: 3 });
  const three = await Promise.all([1, 2, 3].map(() => connectTls(server.port)));
  const [first, second, third] = three;
  if (!first || !second || !third) throw new Error("three were to come");
  const surplus = await connectTls(server.port);
  expect(await readAll(surplus)).toEqual({ heard: "* room is full\n", end: "in order" });
  void first.write("x".repeat(1000));
  const tooLong = { heard: "* line longer than 100 bytes\n", end: "in order" };
  expect(await readAll(first)).toEqual(tooLong);
  second.endOutput();
  expect(await readAll(second)).toEqual({ heard: "", end: "in order" });
  const stopped = server.stop();
  expect(await readAll(third)).toEqual({ heard: "", end: "in order" });
  for (const one of [surplus, first, third]) one.endOutput();
  await stopped;
});

test("close has its deadline over TLS, too", async () => {
  const { here, wire, end } = await between("TLSv1.3");
  const gone = new Promise((resolve) => wire.once("close", resolve));
  await here.close(20);
  await gone;
  end();
});
