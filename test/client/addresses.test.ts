/** Which address is tried when, and which connection remains: against a network made up here. */

import { expect, test } from "bun:test";

import { firstToAnswer, inTurns } from "../../lib/client/connect.ts";

const LONG_MS = 60_000;

/** Addresses that answer, with a connection that can be closed, when they are told to. */
class Network {
  readonly tried: string[] = [];
  readonly closed: string[] = [];
  readonly over = new AbortController();
  readonly #answers = new Map<string, PromiseWithResolvers<{ terminate(): void }>>();

  connect(addresses: string[], headStartMs: number) {
    const tryOne = (address: string) => {
      this.tried.push(address);
      return this.at(address).promise;
    };
    return firstToAnswer(addresses, tryOne, this.over, headStartMs);
  }

  at(address: string) {
    const answer = this.#answers.get(address) ?? Promise.withResolvers<{ terminate(): void }>();
    answer.promise.catch(() => {}); // It may refuse before it is tried.
    this.#answers.set(address, answer);
    return answer;
  }

  answer(address: string) {
    const socket = { terminate: () => void this.closed.push(address) };
    this.at(address).resolve(socket);
    return socket;
  }
}

/** Turns enough for every promise that is settled to be noticed. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("while an address may still answer in its head start, no other is tried", async () => {
  const network = new Network();
  const first = network.connect(["a", "b"], LONG_MS);
  await settle();
  expect(network.tried).toEqual(["a"]);
  const socket = network.answer("a");
  expect([await first, network.tried, network.closed]).toEqual([socket, ["a"], []]);
});

test("after an address that refuses, the next is tried at once; the last failure is told", async () => {
  const network = new Network();
  const first = network.connect(["a", "b"], LONG_MS);
  network.at("a").reject(new Error("a"));
  await settle();
  expect(network.tried).toEqual(["a", "b"]);
  network.at("b").reject(new Error("b"));
  await expect(first).rejects.toThrow("b");
});

test("beside an address that hangs, the next is tried after the head start, and one remains", async () => {
  const network = new Network();
  const socket = network.answer("b");
  expect(await network.connect(["a", "b"], 1)).toBe(socket);
  network.answer("a");
  await settle();
  expect([network.tried, network.closed]).toEqual([["a", "b"], ["a"]]);
});

test("one that answers late wins if the others do not answer", async () => {
  const network = new Network();
  const first = network.connect(["a", "b"], 1);
  network.at("b").reject(new Error("b"));
  while (network.tried.length < 2) await settle();
  const socket = network.answer("a");
  expect([await first, network.closed]).toEqual([socket, []]);
});

test("once it is too late, nothing more is tried, and what answers is closed", async () => {
  const network = new Network();
  const first = network.connect(["a", "b"], 1);
  network.over.abort();
  network.answer("a");
  await expect(first).rejects.toThrow();
  expect([network.tried, network.closed]).toEqual([["a"], ["a"]]);
});

test("addresses of both families are tried in turns, beginning with the first one's", () => {
  const addresses = ["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"];
  expect(inTurns(addresses)).toEqual(["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]);
  expect(inTurns(["10.0.0.1"])).toEqual(["10.0.0.1"]);
});
