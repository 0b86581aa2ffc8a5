/** `--pass-file`: what a client joins with, and how often it may guess. */

import { describe, expect, test } from "bun:test";

import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { passPhrase } from "../../lib/doors/pass-phrase.ts";
import type { Secrets } from "../../lib/extras/part.ts";
import { contextWith, type Options } from "../extras/open-parts.ts";
import { endAfterEach, newFile, Peer, ServerProgram, testBeside } from "../harness.ts";
import { HTTP_ANSWER } from "../simulation/first-line.ts";
import { openDoors } from "./open-doors.ts";

endAfterEach();

const SECRET = "correct horse battery staple";

/** A room behind it, and what it is. */
function open(options: Options = {}) {
  const secrets: Secrets = { passPhrase: Buffer.from(SECRET) };
  const context = contextWith(secrets);
  const opened = openDoors([firstBytes(context).door, passPhrase(context).door], options);
  return { ...opened, secrets };
}

describe("the pass phrase", () => {
  test("is that of the moment", () => {
    const { accept, secrets, events } = open();
    const client = accept();
    client.sends("open ");
    secrets.passPhrase = Buffer.from("open sesame");
    client.sends("sesame\n");
    accept().sends(`${SECRET}\n`);
    expect(events).toEqual(["joined 10.0.0.1:1", "refused 10.0.0.1:2: wrong pass phrase"]);
  });

  test("may begin as a request of HTTP does, which may be longer, and is no guess", () => {
    const { accept, secrets, events } = open();
    secrets.passPhrase = Buffer.from("GET well soon");
    for (const [sent, received] of [
      ["GET well soon\n", ""],
      [`GET /${"a".repeat(9000)} HTTP/1.1\n`, HTTP_ANSWER],
      [`GET /${"a".repeat(16 << 10)}`, "* wrong pass phrase\n"],
    ] as const) {
      const client = accept();
      for (let at = 0; at < sent.length; at += 500) client.sends(sent.slice(at, at + 500));
      expect(client.received).toBe(received);
    }
    expect(events[0]).toBe("joined 10.0.0.1:1");
  });

  test("is looked for 20 times from one address, and then once a second, however many come", () => {
    const { accept, pass, events } = open();
    const told = (sent: string, address?: string) => {
      const client = accept(address);
      client.sends(`${sent}\n`);
      return client.received;
    };
    const wrong = "* wrong pass phrase\n";
    const refusal = "* too many wrong pass phrases from 10.0.0.1\n";
    const clients = Array.from({ length: 50 }, () => accept());
    for (const client of clients) client.sends("open sesame\n");
    const first = [...Array(20).fill(wrong), ...Array(30).fill(refusal)];
    expect(clients.map(({ received }) => received)).toEqual(first);
    expect([told("x", "::ffff:10.0.0.1"), told("x", "10.0.0.2")]).toEqual([refusal, wrong]);
    // A right one is not looked at either, for what is not taken at once would be known to be wrong.
    expect(told(SECRET)).toBe(refusal);
    pass(1000);
    told(SECRET);
    expect(events.at(-1)).toStartWith("joined");
    expect([told("x"), told("x")]).toEqual([wrong, refusal]);
    pass(20_000);
    expect(Array.from({ length: 21 }, () => told("x"))).toEqual(first.slice(0, 21));
  });

  test("counts by the /64 of an IPv6 address, of which one client may have all", () => {
    for (const [one, another, elsewhere, network] of [
      ["2001:db8::1", "2001:db8:0:0:ffff::", "2001:db8:0:1::1", "2001:db8:0:0"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1:3:3:4:5:6", "2001:db8:1:2"],
      ["2001:0:0:1::5", "2001::1:1:2:3:4", "2001::2:1:2:3:4", "2001:0:0:1"],
    ] as const) {
      const { accept, events } = open();
      const guess = (address: string) => {
        accept(address).sends("open sesame\n");
        return events.at(-1)?.replace(/.*: /, "");
      };
      for (let n = 0; n < 20; n++) guess(n % 2 === 0 ? one : another);
      expect([guess(one), guess(another), guess(elsewhere)]).toEqual([
        ...Array(2).fill(`too many wrong pass phrases from ${network}::/64`),
        "wrong pass phrase",
      ]);
    }
  });

  test("a right one is never slowed by others that were right, nor any on a Unix socket", () => {
    const { accept, events } = open();
    for (let n = 0; n < 100; n++) accept().sends(`${SECRET}\n`);
    expect(events.filter((event) => event.startsWith("joined"))).toHaveLength(100);
    const unix = open({ kind: "unix" });
    for (let n = 0; n < 50; n++) unix.accept().sends("open sesame\n");
    expect(new Set(unix.events.map((event) => event.replace(/.*: /, "")))).toEqual(
      new Set(["wrong pass phrase"]),
    );
  });

  test("only so many addresses are known to have guessed: the one longest ago is forgotten", () => {
    const { accept, events } = open();
    const guess = (n: number) => accept(`10.1.${n >> 8}.${n & 255}`).sends("open sesame\n");
    for (let n = 0; n < 25; n++) guess(0);
    expect(events.at(-1)).toContain("too many");
    for (let n = 1; n < 10_000; n++) guess(n);
    guess(0);
    expect(events.at(-1)).toContain("too many");
    guess(10_000);
    guess(0);
    expect(events.at(-1)).toContain("wrong");
  });
});

testBeside("--pass-file has it, and the log shows only that it travels in the clear", async () => {
  const server = await ServerProgram.start("--pass-file", newFile("pass", `${SECRET}\n`));
  await server.logged(" the pass phrase travels in the clear: there is no TLS\n");
  const listener = await server.join({ says: `${SECRET}\r\n` });
  const intruder = await Peer.connect(server.port, { says: "correct horse\nspam\n" });
  expect(await intruder.hearsAll()).toBe("* wrong pass phrase\n");
  await server.join({ says: `${SECRET}\nhello\n` });
  await listener.hears("hello\n");
  expect(listener.text).toBe("hello\n");
  await server.logged(/refused \S+: wrong pass phrase \(1 here\)/);
  expect(server.stderr).not.toContain("horse");
});
