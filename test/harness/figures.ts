/** The figures of a server with `--metrics`, as Prometheus would ask for them. */

import type { ServerProgram } from "../harness.ts";
import { eventually } from "./watched.ts";

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
  /** Waits for a figure, which comes a turn after what it counts. */
  const becomes = (name: string, value: number) =>
    eventually(`${name} ${value}`, async () => (await figure(name)) === value);
  /** Waits until one is greater. */
  const exceeds = (name: string, value: number) =>
    eventually(`${name} over ${value}`, async () => ((await figure(name)) ?? 0) > value);
  /** What `/health` answers. */
  const health = async () => {
    const response = await fetch(new URL("/health", url));
    return `${response.status} ${(await response.text()).trim()}`;
  };
  return { url, figure, becomes, exceeds, health };
}
