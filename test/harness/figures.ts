/** The figures of a server with `--metrics`, as Prometheus would ask for them. */

import { expect } from "bun:test";

import type { ServerProgram } from "../harness.ts";

/** Where they are, and how to look one up. */
export async function figuresOf(server: ServerProgram) {
  const [, url = ""] = await server.logged(/metrics at (http:\/\/127\.0\.0\.1:\d+\/metrics)\n/);
  return figuresAt(url);
}

/** Those at a URL; `figure` looks one up, by its name and labels. */
export function figuresAt(url: string) {
  const figure = async (name: string) => {
    const text = await (await fetch(url)).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length));
  };
  const lookUntil = async (name: string, isEnough: (value: number | undefined) => boolean) => {
    let value = await figure(name);
    for (let tries = 0; tries < 1000 && !isEnough(value); tries++) {
      await Bun.sleep(5);
      value = await figure(name);
    }
    return value;
  };
  /** Waits for a figure, which comes a turn after what it counts. */
  const becomes = async (name: string, value: number) =>
    expect([name, await lookUntil(name, (one) => one === value)]).toEqual([name, value]);
  /** Waits until one is greater. */
  const exceeds = async (name: string, value: number) =>
    expect(await lookUntil(name, (one = 0) => one > value), name).toBeGreaterThan(value);
  /** What `/health` answers. */
  const health = async () => {
    const response = await fetch(new URL("/health", url));
    return `${response.status} ${(await response.text()).trim()}`;
  };
  return { url, figure, becomes, exceeds, health };
}
