/** What every test of the server needs: to wait for something, and to end what it has started. */

import { afterEach } from "bun:test";

import { endAfterEach } from "../harness.ts";

const LOOK_AGAIN_MS = 5;

type End = () => unknown;
const ends = new Set<End>();

/** For a file of tests: ends after each the programs and connections that it has started. */
export function endAllAfterEach(): void {
  endAfterEach();
  afterEach(async () => {
    for (const end of [...ends].reverse()) await end();
    ends.clear();
  });
}

/** Has something done at the end of this test; what was asked for last comes first. */
export function atEnd(end: End): void {
  ends.add(end);
}

/** Looks again every few ms until a check gives something, for what sends no event. */
export async function eventually<Value>(
  what: string,
  check: () => Value | undefined | false,
  withinMs = 5_000,
): Promise<Value> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = check();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms for ${what}`);
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}
