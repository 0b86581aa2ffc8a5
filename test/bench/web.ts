#!/usr/bin/env bun
/**
 * What a WebSocket costs beside plain lines: one talks to many, who listen on the one port or on the
 * other, in turn, and the processor time of the server is compared.
 *
 *   bun test/bench/web.ts --help
 */

import { runCommand } from "../../lib/program/command-line.ts";
import { count } from "../../lib/program/option-values.ts";
import { Peer } from "../harness.ts";
import { startWeb, WebPeer } from "../harness/web-peer.ts";

const LINE_BYTES = 64;
/** So much is said at once; then all listeners have to have it. */
const WINDOW_LINES = 1_000;
const command = {
  name: "bench-web",
  summary: "Compares what listeners by WebSocket and by plain lines cost the server.",
  operands: [],
  options: {
    listeners: count("how many listen (100)", 100),
    windows: count(`how often ${WINDOW_LINES} lines are said (300)`, 300),
    rounds: count("how often the two take their turns (5)", 5),
  },
  examples: [["bun test/bench/web.ts", "one to 100, as lines and by WebSocket"]],
} as const;

await runCommand(command, async ({ listeners, windows, rounds }) => {
  const ratios: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const lines = await measure("lines", listeners, windows);
    const web = await measure("web", listeners, windows);
    ratios.push(web / lines);
    console.log(`${lines} ms for lines, ${web} ms by WebSocket: ${(web / lines).toFixed(2)}`);
  }
  ratios.sort((a, b) => a - b);
  console.log(
    `by WebSocket, the median is ${(ratios[ratios.length >> 1] ?? 0).toFixed(2)} times as much`,
  );
  process.exit(0);
});

/** The processor time, in ms, in which one has said all of it and everybody has it. */
async function measure(how: "lines" | "web", listeners: number, windows: number): Promise<number> {
  const { server, url } = await startWeb();
  const counting = { countOnly: true };
  const crowd: (Peer | WebPeer)[] = [];
  for (let n = 0; n < listeners; n++)
    crowd.push(
      how === "web"
        ? await WebPeer.connect(url, counting)
        : await Peer.connect(server.port, counting),
    );
  await server.members(listeners);
  const talker = await server.join();
  const window = Buffer.alloc(WINDOW_LINES * LINE_BYTES, `${"x".repeat(LINE_BYTES - 1)}\n`);
  let said = 0;
  const say = async (times: number) => {
    for (let n = 0; n < times; n++) {
      talker.say(window);
      said += window.length;
      await Promise.all(crowd.map((one) => one.hearsBytes(said)));
    }
  };
  await say(windows / 10); // The server has to be warm.
  const before = server.processorMs;
  await say(windows);
  const used = server.processorMs - before;
  await server.end();
  return used;
}
