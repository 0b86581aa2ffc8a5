/** `--pass-file`: what a client joins with, and how often it may guess. */

import { describe, expect, test } from "bun:test";

import type { Arrival } from "../../lib/doors/door.ts";
import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { passPhrase } from "../../lib/doors/pass-phrase.ts";
import type { Secrets } from "../../lib/extras/part.ts";
import { contextWith, type Options } from "../extras/open-parts.ts";
import { HTTP_ANSWER } from "../simulation/first-line.ts";
import { openDoors } from "./open-doors.ts";

const SECRET = "correct horse battery staple";
const WRONG = "* wrong pass phrase\n";

/** A room behind it, and what it is. */
function open(options: Options = {}) {
  const secrets: Secrets = { passPhrase: Buffer.from(SECRET) };
  const context = contextWith(secrets);
  const opened = openDoors([firstBytes(context).door, passPhrase(context).door], options);
  /** What a client receives that sends one. */
  const guess = (address = "10.0.0.1", sent = "open sesame") => {
    const client = opened.accept(address);
    client.sends(`${sent}\n`);
    return client.received;
  };
  return { ...opened, guess, secrets };
}

describe("the pass phrase", () => {
  test("may begin as a request of HTTP does, which may be longer, and is no guess", () => {
    const { accept, secrets, events } = open();
    secrets.passPhrase = Buffer.from("GET well soon");
    for (const [sent, received] of [
      ["GET well soon\n", ""],
      [`GET /${"a".repeat(9000)} HTTP/1.1\n`, HTTP_ANSWER],
      [`GET /${"a".repeat(16 << 10)}`, WRONG],
    ] as const) {
      const client = accept();
      for (let at = 0; at < sent.length; at += 500) client.sends(sent.slice(at, at + 500));
      expect(client.received).toBe(received);
    }
    expect(events[0]).toBe("joined 10.0.0.1:1");
  });

  test("is looked for 20 times from one address, and then once a second, however many come", () => {
    const { accept, guess, pass, events } = open();
    const refusal = "* too many wrong pass phrases from 10.0.0.1\n";
    const clients = Array.from({ length: 50 }, () => accept());
    for (const client of clients) client.sends("open sesame\n");
    const first = [...Array(20).fill(WRONG), ...Array(30).fill(refusal)];
    expect(clients.map(({ received }) => received)).toEqual(first);
    expect([guess("::ffff:10.0.0.1"), guess("10.0.0.2")]).toEqual([refusal, WRONG]);
    // A right one is not looked at either, for what is not taken at once would be known to be wrong.
    expect(guess("10.0.0.1", SECRET)).toBe(refusal);
    pass(1000);
    guess("10.0.0.1", SECRET);
    expect(events.at(-1)).toStartWith("joined");
    expect([guess(), guess()]).toEqual([WRONG, refusal]);
    pass(20_000);
    expect(Array.from({ length: 21 }, () => guess())).toEqual(first.slice(0, 21));
  });

  test("that is cut off is none, and is not waited for", () => {
    const { accept, events } = open();
    const client = accept();
    client.sends(SECRET);
    client.data.ended(true);
    expect([client.reset, events]).toEqual([true, ["refused 10.0.0.1:1: cut off"]]);
  });

  test("counts by the /64 of an IPv6 address, of which one client may have all", () => {
    for (const [one, another, elsewhere, network] of [
      ["2001:db8::1", "2001:db8:0:0:ffff::", "2001:db8:0:1::1", "2001:db8:0:0"],
      ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1:3:3:4:5:6", "2001:db8:1:2"],
      ["2001:0:0:1::5", "2001::1:1:2:3:4", "2001::2:1:2:3:4", "2001:0:0:1"],
    ] as const) {
      const { guess } = open();
      for (let n = 0; n < 20; n++) guess(n % 2 === 0 ? one : another);
      expect([one, another, elsewhere].map((address) => guess(address))).toEqual([
        ...Array(2).fill(`* too many wrong pass phrases from ${network}::/64\n`),
        WRONG,
      ]);
    }
  });

  test("a right one is never slowed by others that were right, nor any on a Unix socket", () => {
    const { guess } = open();
    for (let n = 0; n < 50; n++) expect(guess("10.0.0.1", SECRET)).not.toStartWith("* ");
    const unix = open({ kind: "unix" });
    for (let n = 0; n < 50; n++) expect(unix.guess()).toBe(WRONG);
  });

  test("only so many addresses are known to have guessed: the one longest ago is forgotten", () => {
    const { guess } = open();
    const guessFrom = (n: number) => guess(`10.1.${n >> 8}.${n & 255}`);
    for (let n = 0; n < 25; n++) guessFrom(0);
    for (let n = 1; n < 10_000; n++) guessFrom(n);
    expect(guessFrom(0)).toContain("too many");
    guessFrom(10_000);
    expect(guessFrom(0)).toBe(WRONG);
  });
});

test("one that is refused and goes before it can be told gives its seat back once", () => {
  let seats = 0;
  const refuses = (arrival: Arrival) => {
    arrival.onRelease(() => seats++);
    arrival.refuse("denied");
  };
  const holds = (arrival: Arrival) => arrival.hold({ withinMs: 1000, read() {}, late() {} });
  const { accept, close } = openDoors([{ meet: refuses }, { isTransport: true, meet: holds }]);
  close(accept());
  expect(seats).toBe(1);
});
