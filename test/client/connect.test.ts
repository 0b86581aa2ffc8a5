/** Finding the server: which address is tried when, one connection in all, and what stops that. */

import { expect, spyOn, test } from "bun:test";
import { renameSync } from "node:fs";

import {
  connect,
  type ConnectOptions,
  firstToAnswer,
  inTurns,
  isTlsAlert,
} from "../../lib/client/connect.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { endAfterEach, newFile, ServerProgram } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { aloneOnNetwork, networkTest } from "../harness/network.ts";
import { testWithIPv6 } from "../harness/tools.ts";
import { eventually } from "../harness/watched.ts";

endAfterEach();

const LONG_MS = 60_000;

/** How it fails to connect. */
async function failure(options: ConnectOptions): Promise<UserError> {
  const error = await connect(options).catch((why: unknown) => why);
  if (error instanceof UserError) return error;
  throw new Error(`not a failure of a user's: ${error}`);
}

/** Turns enough for every promise that is settled to be noticed. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** What happens at the addresses a and b, in order: one answers (+) or refuses (-), or it is too late. */
type Story = ("+a" | "+b" | "-a" | "-b" | "late")[];

test.each<[string, number, Story, end: string, tried: string, closed: string]>([
  ["while one may still answer in its head start, no other is", LONG_MS, ["+a"], "a", "a", ""],
  ["once all have refused, the last failure is told", LONG_MS, ["-a", "-b"], "no b", "ab", ""],
  ["after its head start, beside one that hangs, the next is", 1, ["+b", "+a"], "b", "ab", "a"],
  ["one that answers late wins if the others do not answer", 1, ["-b", "+a"], "a", "ab", ""],
  ["once it is too late, nothing more is", LONG_MS, ["late", "+a"], "late", "a", "a"],
])("of two addresses that are tried, %s", async (_, headStartMs, story, end, tried, closed) => {
  const answers = new Map<string, PromiseWithResolvers<{ of: string; terminate(): void }>>();
  const over = new AbortController();
  let closedHere = "";
  const tryOne = (of: string) =>
    answers.getOrInsertComputed(of, () => Promise.withResolvers()).promise;
  const first = firstToAnswer(["a", "b"], tryOne, over, headStartMs).then(
    ({ of }) => of,
    ({ message }) => message,
  );
  for (const event of story) {
    await settle();
    if (event === "late") {
      over.abort();
      continue;
    }
    const of = event.slice(1);
    await eventually(`a try of ${of}`, () => answers.has(of));
    if (event.startsWith("-")) answers.get(of)?.reject(new Error(`no ${of}`));
    else answers.get(of)?.resolve({ of, terminate: () => void (closedHere += of) });
  }
  expect(await first).toBe(end);
  await settle();
  expect([[...answers.keys()].join(""), closedHere]).toEqual([tried, closed]);
});

test("of several addresses, both families are tried in turns, beginning with the first one's", () => {
  const addresses = ["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"];
  expect(inTurns(addresses)).toEqual(["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]);
});

testWithIPv6("localhost is either address, and a connect makes one connection", async () => {
  let accepted = "";
  for (const hostname of ["::1", "127.0.0.1"]) {
    const socket = { open: () => void (accepted += hostname), data() {} };
    using server = Bun.listen({ hostname, port: 0, socket });
    const connection = await connect({ host: "localhost", port: server.port });
    await connection.close(0);
  }
  expect(accepted).toBe("::1127.0.0.1");
});

networkTest("a port to which only itself answers refuses it, and is left free", async () => {
  // With one port for all clients, it is the one that they connect to.
  const script = `
    echo 40000 40000 >/proc/sys/net/ipv4/ip_local_port_range
    for host in 127.0.0.1 ::1; do "$0" client.ts --recv-only "$host" 40000; done
    exec "$0" server.ts 40000`;
  const server = await ServerProgram.run(aloneOnNetwork("sh", "-c", script, process.execPath));
  expect(server.journal.slice(0, 2)).toEqual([
    "linechat-client: cannot connect to 127.0.0.1:40000: connection refused",
    "linechat-client: cannot connect to [::1]:40000: connection refused",
  ]);
});

test("a place where no server is, or none can be, is named, with what is wrong", async () => {
  const host = await Host.open();
  host.close();
  const file = newFile("file", "");
  const abandoned = `${file}.abandoned`;
  const listener = Bun.listen({ unix: `${file}.unix`, socket: { data() {} } });
  renameSync(`${file}.unix`, abandoned);
  listener.stop(true);
  const at = { host: "127.0.0.1", port: 1 };
  const own = "invalid argument; a link-local address needs its interface, like fe80::1%eth0";
  for (const [options, why, permanent = false] of [
    [{ ...at, port: host.port }, "connection refused"],
    [{ host: "no-such-host.invalid", port: 1 }, "unknown host"],
    [{ host: "fe80::1", port: 1 }, own],
    [{ unix: `${file}.none` }, "no such file or directory"],
    [{ unix: file }, "it is not a socket", true],
    [{ unix: abandoned }, "connection refused"],
    [{ ...at, port: 0 }, "port is a whole number from 1 to 65535, not 0", true],
    [{ ...at, answerMs: 0 }, "answerMs is a number from 1 on, not 0", true],
  ] as [ConnectOptions, string, boolean?][]) {
    const place = "unix" in options ? options.unix : `${options.host}:${options.port}`;
    const message = `cannot connect to ${place.replace("fe80::1", "[fe80::1]")}: ${why}`;
    expect(await failure(options)).toMatchObject({ name: "UserError", message, permanent });
  }
});

test("the wait for an answer has an end, after which nothing more is tried", async () => {
  const found = Promise.withResolvers<Bun.DNSLookup[]>();
  const lookup = spyOn(Bun.dns, "lookup").mockReturnValue(found.promise);
  const host = await Host.open();
  expect(await failure({ host: "slow.invalid", port: host.port, answerMs: 20 })).toMatchObject({
    message: `cannot connect to slow.invalid:${host.port}: no answer within 0.02 s`,
    code: "ETIMEDOUT",
  });
  lookup.mockRestore();
  const dial = spyOn(Bun, "connect");
  found.resolve([{ address: "127.0.0.1", family: 4, ttl: 0 }]);
  await settle();
  expect(dial).not.toHaveBeenCalled();
  dial.mockRestore();
});

test("an alert of TLS is told from lines", () => {
  expect(isTlsAlert(Buffer.from([21, 3, 1, 0, 2, 2, 70]))).toBe(true);
  for (const line of ["", "hello\n", "\x15\n", "\x15\x03\x01\x00\x02\x02F and more\n"])
    expect(isTlsAlert(Buffer.from(line))).toBe(false);
});
