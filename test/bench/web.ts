#!/usr/bin/env bun
/**
 * What a WebSocket costs beside plain lines: one talks to many, who listen on the one port or on the
 * other, in turn, and the processor time of the server is compared.
 *
 *   bun test/bench/web.ts --help
 */

import { runCommand } from "../../lib/program/command-line.ts";
import { count } from "../../lib/program/option-values.ts";
import { ServerProgram } from "../harness.ts";
import { frameAt, upgradeRequest } from "../harness/web-frames.ts";
import { webUrl } from "../harness/web-peer.ts";
import { usageOf } from "./usage.ts";

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
  const server = await ServerProgram.start("--web", "0");
  const webPort = Number(new URL(await webUrl(server)).port);
  const crowd = new Crowd(listeners);
  const port = how === "web" ? webPort : server.port;
  const says = how === "web" ? upgradeRequest(`127.0.0.1:${port}`) : "";
  for (let n = 0; n < listeners; n++) await crowd.add(port, says);
  const talker = await Bun.connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: { data() {}, drain: () => talkOn() },
  });
  const window = Buffer.alloc(WINDOW_LINES * LINE_BYTES, `${"x".repeat(LINE_BYTES - 1)}\n`);
  let unsaid = window.subarray(0, 0);
  const talkOn = () => {
    const taken = talker.write(unsaid, 0, unsaid.length);
    unsaid = unsaid.subarray(Math.max(0, taken));
  };
  const say = () => {
    unsaid = window;
    talkOn();
    return crowd.hears(window.length);
  };
  for (let n = 0; n < windows / 10; n++) await say(); // The server has to be warm.
  const before = usageOf(server.pid).cpuMs;
  for (let n = 0; n < windows; n++) await say();
  const used = usageOf(server.pid).cpuMs - before;
  talker.terminate();
  crowd.leave();
  await server.end();
  return used;
}

/** Listeners, who count the bytes of lines that they hear. */
class Crowd {
  readonly #size: number;
  readonly #sockets: Bun.Socket<Receiver>[] = [];
  #left = 0;
  #heard = Promise.withResolvers<void>();

  constructor(size: number) {
    this.#size = size;
  }

  async add(port: number, says: string): Promise<void> {
    const receiver = new Receiver(says !== "", (bytes) => this.#hear(bytes));
    const socket = await Bun.connect<Receiver>({
      hostname: "127.0.0.1",
      port,
      data: receiver,
      socket: { data: (own, bytes) => own.data.hear(bytes) },
    });
    socket.data = receiver;
    if (says !== "") socket.write(says);
    await receiver.isIn;
    this.#sockets.push(socket);
  }

  /** Waits until each of them has heard so many bytes more. */
  hears(bytes: number): Promise<void> {
    this.#heard = Promise.withResolvers();
    this.#left += bytes * this.#size;
    return this.#heard.promise;
  }

  leave(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  #hear(bytes: number): void {
    this.#left -= bytes;
    if (this.#left === 0) this.#heard.resolve();
  }
}

/** Counts lines' bytes as they come, less what frames them. */
class Receiver {
  readonly #isWeb: boolean;
  readonly #onHeard: (bytes: number) => void;
  readonly #in = Promise.withResolvers<void>();
  #isIn = false;
  /** The head of a frame that is not whole yet, and how much of a payload is still to come. */
  #head = Buffer.alloc(0);
  #payloadLeft = 0;

  constructor(isWeb: boolean, onHeard: (bytes: number) => void) {
    this.#isWeb = isWeb;
    this.#onHeard = onHeard;
    if (!isWeb) this.#in.resolve();
  }

  get isIn(): Promise<void> {
    return this.#in.promise;
  }

  hear(bytes: Buffer): void {
    if (!this.#isWeb) return this.#onHeard(bytes.length);
    let rest = Buffer.concat([this.#head, bytes]);
    if (!this.#isIn) {
      const end = rest.indexOf("\r\n\r\n") + 4;
      if (end < 4) return void (this.#head = rest);
      rest = rest.subarray(end);
      this.#isIn = true;
      this.#in.resolve();
    }
    let at = 0;
    for (;;) {
      const count = Math.min(this.#payloadLeft, rest.length - at);
      if (count > 0) this.#onHeard(count);
      this.#payloadLeft -= count;
      at += count;
      const next = this.#payloadLeft === 0 ? frameAt(rest, at) : undefined;
      if (next === undefined) break;
      this.#payloadLeft = next.body;
      at += next.head;
    }
    this.#head = rest.subarray(at);
  }
}
