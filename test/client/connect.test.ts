/** Finding the server: names, addresses, one connection in all, and an end to waiting. */

import { expect, spyOn, test } from "bun:test";
import { networkInterfaces } from "node:os";

import { connect, type ConnectOptions, isTlsAlert } from "../../lib/client/connect.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { endAfterEach, ServerProgram } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { aloneOnNetwork, networkTest } from "../harness/network.ts";

endAfterEach();

const hasIPv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === "::1");
const testWithIPv6 = test.skipIf(!hasIPv6);

/** How it fails to connect. */
async function failure(options: ConnectOptions): Promise<UserError> {
  const error = await connect(options).catch((why: unknown) => why);
  if (error instanceof UserError) return error;
  throw new Error(`not a failure of a user's: ${error}`);
}

testWithIPv6("200 connects to a name with two addresses are 200 accepts", async () => {
  let accepted = 0;
  const marked = Promise.withResolvers<void>();
  using server = Bun.listen({
    hostname: "::",
    port: 0,
    socket: { open: () => void accepted++, data: () => marked.resolve() },
  });
  for (let n = 0; n < 200; n++)
    await (await connect({ host: "localhost", port: server.port })).close(0);
  const marker = await connect({ host: "127.0.0.1", port: server.port });
  void marker.write("all others were accepted before\n");
  await marked.promise;
  expect(accepted).toBe(201);
});

testWithIPv6("a server on one of the addresses of a name is found there", async () => {
  for (const hostname of ["::1", "127.0.0.1"]) {
    using server = Bun.listen({ hostname, port: 0, socket: { data() {} } });
    const connection = await connect({ host: "localhost", port: server.port });
    expect(connection.remoteAddress).toContain(hostname);
    await connection.close(0);
  }
});

test("nobody listens", async () => {
  const host = await Host.open();
  host.close();
  const { message, code, permanent } = await failure({ host: "localhost", port: host.port });
  expect([message, code, permanent]).toEqual([
    ...[`cannot connect to localhost:${host.port}: connection refused`, "ECONNREFUSED", false],
  ]);
});

networkTest(
  "a port to which only itself answers refuses it, and is free for a server",
  async () => {
    // With one port for all clients, it is the one that they connect to.
    const script = `
    echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range
    for host in 127.0.0.1 ::1; do "$0" client.ts --recv-only "$host" 40000; done
    exec "$0" server.ts 40000`;
    const server = await ServerProgram.run(aloneOnNetwork("sh", "-c", script, process.execPath));
    const [first, second] = server.journal;
    expect(first).toBe("linechat-client: cannot connect to 127.0.0.1:40000: connection refused");
    expect(second).toBe("linechat-client: cannot connect to [::1]:40000: connection refused");
  },
);

test("a host that does not exist", async () => {
  expect(await failure({ host: "no-such-host.invalid", port: 1 })).toMatchObject({
    message: "cannot connect to no-such-host.invalid:1: unknown host",
    code: "DNS_ENOTFOUND",
    permanent: false,
  });
});

test("what will not change by itself is permanent", async () => {
  expect(await failure({ unix: "/dev/null" })).toMatchObject({ permanent: true });
  expect(await failure({ unix: "/no/such/socket" })).toMatchObject({
    code: "ENOENT",
    permanent: false,
  });
});

test("the wait for an answer has an end", async () => {
  const lookup = spyOn(Bun.dns, "lookup").mockReturnValue(new Promise(() => {}));
  const { message, code } = await failure({ host: "silent.invalid", port: 1, answerMs: 20 });
  lookup.mockRestore();
  expect([message, code]).toEqual([
    ...["cannot connect to silent.invalid:1: no answer within 0.02 s", "ETIMEDOUT"],
  ]);
});

test("after the wait for an answer, nothing more is tried", async () => {
  const found = Promise.withResolvers<Bun.DNSLookup[]>();
  const lookup = spyOn(Bun.dns, "lookup").mockReturnValue(found.promise);
  const host = await Host.open();
  await failure({ host: "slow.invalid", port: host.port, answerMs: 20 });
  lookup.mockRestore();
  found.resolve([{ address: "127.0.0.1", family: 4, ttl: 0 }]);
  await new Promise<void>((resolve) => void setImmediate(resolve));
  const [marker, first] = await Promise.all([
    connect({ host: "127.0.0.1", port: host.port }),
    host.guest(),
  ]);
  await marker.write("first\n");
  await first.hears("first\n");
});

test("an option that is out of range is named", async () => {
  const place = { host: "127.0.0.1", port: 1 };
  for (const [wrong, why] of [
    [{ ...place, port: 0 }, "port is a whole number from 1 to 65535, not 0"],
    [{ ...place, port: 65_536 }, "port is a whole number from 1 to 65535, not 65536"],
    [{ ...place, answerMs: 0 }, "answerMs is a number from 1 on, not 0"],
    [{ ...place, handshakeMs: Number.NaN }, "handshakeMs is a number from 1 on, not NaN"],
  ] as const)
    expect(await failure(wrong)).toMatchObject({
      message: expect.stringContaining(why),
      permanent: true,
    });
});

test("an alert of TLS is told from lines", () => {
  expect(isTlsAlert(Buffer.from([21, 3, 1, 0, 2, 2, 70]))).toBe(true);
  for (const line of ["", "hello\n", "\x15\n", "\x15\x03\x01\x00\x02\x02F and more\n"])
    expect(isTlsAlert(Buffer.from(line))).toBe(false);
});

test("certificates that are none are told in words, and the connection is closed", async () => {
  const host = await Host.open();
  for (const tls of [{ ca: "none" }, { cert: "none", key: "none" }]) {
    expect(await failure({ host: "127.0.0.1", port: host.port, tls })).toMatchObject({
      message: expect.stringMatching(/: its tls: ca and cert have to be PEM, [\w ]+$/),
      permanent: true,
    });
    await (await host.guest()).closed();
  }
});
