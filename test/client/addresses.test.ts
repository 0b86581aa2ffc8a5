/** Which address is tried when, and which connection remains: against a network made up here. */

import { expect, test } from "bun:test";

import { addressesOf, firstToAnswer, inTurns } from "../../lib/client/addresses.ts";

const NEVER_MS = 2 ** 30;

/** A connection that knows whether it was closed. */
class Line {
  closed = false;
  constructor(readonly address: string) {}
  terminate(): void {
    this.closed = true;
  }
}

/** Addresses that answer when they are told to. */
class Network {
  readonly tried: string[] = [];
  readonly #answers = new Map<string, PromiseWithResolvers<Line>>();

  readonly connect = (address: string): Promise<Line> => {
    this.tried.push(address);
    return this.#at(address).promise;
  };

  answer(address: string): Line {
    const line = new Line(address);
    this.#at(address).resolve(line);
    return line;
  }

  refuse(address: string, code = "ECONNREFUSED"): void {
    this.#at(address).reject(Object.assign(new Error(address), { code }));
  }

  #at(address: string): PromiseWithResolvers<Line> {
    const answer = this.#answers.get(address) ?? Promise.withResolvers<Line>();
    answer.promise.catch(() => {}); // It may refuse before it is tried.
    this.#answers.set(address, answer);
    return answer;
  }
}

/** Turns enough for every promise that is settled to be heard of. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("IPv6 and IPv4 take turns, each in its order, beginning with the first", () => {
  expect(inTurns(["::1", "::2", "::3", "1.1.1.1", "1.1.1.2"])).toEqual([
    ...["::1", "1.1.1.1", "::2", "1.1.1.2", "::3"],
  ]);
  expect(inTurns(["1.1.1.1", "1.1.1.1", "1.1.1.2", "::1"])).toEqual(["1.1.1.1", "::1", "1.1.1.2"]);
  expect(inTurns(["1.1.1.1"])).toEqual(["1.1.1.1"]);
  expect(inTurns([])).toEqual([]);
});

test("an address stands for itself, and localhost for both of its addresses", async () => {
  for (const address of ["::1", "127.0.0.1", "fe80::1%eth0"])
    expect(await addressesOf(address)).toEqual([address]);
  for (const name of ["localhost", "LocalHost", "localhost."])
    expect(await addressesOf(name)).toEqual(["::1", "127.0.0.1"]);
  await expect(addressesOf("no-such-host.invalid")).rejects.toMatchObject({
    code: "DNS_ENOTFOUND",
  });
});

test("while an address may still answer in its head start, no other is tried", async () => {
  const network = new Network();
  const first = firstToAnswer(["a", "b"], network.connect, NEVER_MS);
  await settle();
  expect(network.tried).toEqual(["a"]);
  const line = network.answer("a");
  expect([await first, network.tried, line.closed]).toEqual([line, ["a"], false]);
});

test("after an address that refuses, the next is tried at once", async () => {
  const network = new Network();
  const first = firstToAnswer(["a", "b", "c"], network.connect, NEVER_MS);
  network.refuse("a");
  await settle();
  expect(network.tried).toEqual(["a", "b"]);
  const line = network.answer("b");
  expect([await first, network.tried]).toEqual([line, ["a", "b"]]);
});

test("beside an address that hangs, the next is tried after the head start", async () => {
  const network = new Network();
  const line = network.answer("b");
  expect(await firstToAnswer(["a", "b"], network.connect, 1)).toBe(line);
  const late = network.answer("a");
  await settle();
  expect([network.tried, late.closed, line.closed]).toEqual([["a", "b"], true, false]);
});

test("one that answers late wins if the others do not answer", async () => {
  const network = new Network();
  const first = firstToAnswer(["a", "b", "c"], network.connect, 1);
  network.refuse("b");
  network.refuse("c");
  while (network.tried.length < 3) await settle();
  const line = network.answer("a");
  expect([await first, line.closed]).toEqual([line, false]);
});

test("of two that answer at the same time, one is closed", async () => {
  const network = new Network();
  const first = firstToAnswer(["a", "b"], network.connect, 1);
  while (network.tried.length < 2) await settle();
  const lines = [network.answer("b"), network.answer("a")];
  const winner = await first;
  await settle();
  expect(lines.filter(({ closed }) => !closed)).toEqual([winner]);
});

test("if all fail, the most telling failure is told", async () => {
  const network = new Network();
  const codes = { a: "ENETUNREACH", b: "ETIMEDOUT", c: "ECONNREFUSED" };
  for (const [address, code] of Object.entries(codes)) network.refuse(address, code);
  const failure = (...addresses: string[]) =>
    firstToAnswer(addresses, network.connect, NEVER_MS).catch(({ code }) => code);
  expect(await failure("a", "b", "c")).toBe("ETIMEDOUT");
  expect(await failure("a", "c")).toBe("ECONNREFUSED");
  expect(await failure("a")).toBe("ENETUNREACH");
});
