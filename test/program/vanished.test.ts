/** What finds a peer that has vanished; test/faults.test.ts has one vanish. */

import { expect, test } from "bun:test";

import { hasVanished, tune, VANISHED } from "../../lib/program/network.ts";
import { libc } from "../server/libc.ts";

const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

test.skipIf(!libc)("in a silent room, keep-alive takes as long as silence may last", async () => {
  await using ends = await pair();
  for (const end of [ends.server, ends.client]) {
    tune(end);
    expect(optionOf(end, SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
    const [idle, pause, count] = [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map((option) =>
      optionOf(end, IPPROTO_TCP, option),
    );
    expect(1000 * (Number(idle) + Number(pause) * Number(count))).toBe(VANISHED.silentMs);
  }
});

test("what is no TCP connection, or a living one, has not vanished", async () => {
  await using ends = await pair();
  for (const socket of [ends.server, ends.client, { fd: 0 }, { fd: -1 }, {}])
    expect(hasVanished(socket)).toBe(false);
});

/** A connection within this process. */
async function pair() {
  const accepted = Promise.withResolvers<Bun.Socket<undefined>>();
  const socket = { open: accepted.resolve, data() {} };
  const listener = Bun.listen<undefined>({ hostname: "127.0.0.1", port: 0, socket });
  const at = { hostname: "127.0.0.1", port: listener.port };
  const client = await Bun.connect<undefined>({ ...at, socket: { data() {} } });
  const server = await accepted.promise;
  return { server, client, [Symbol.asyncDispose]: async () => listener.stop(true) };
}

function optionOf(socket: object, level: number, option: number): number {
  const value = new Int32Array(1);
  const size = Uint32Array.of(4);
  libc?.getsockopt(Reflect.get(socket, "fd"), level, option, value, size);
  return value[0] ?? 0;
}
