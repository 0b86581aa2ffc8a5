/** The soak itself: it goes through, and it tells a server that loses or moves lines. */

import { describe, expect, test } from "bun:test";
import { join } from "node:path";

import { Seat } from "./faults/seat.ts";
import { CrowdProcess } from "./soak/crowd-process.ts";
import { growth } from "./soak/memory-watch.ts";
import { PACEMAKER } from "./soak/steady-crowd.ts";
import { Transcript } from "./soak/transcript.ts";

const TIMEOUT_MS = 60_000;

test(
  "a short soak accounts for every line",
  async () => {
    const args = ["--minutes", "0.03", "--listeners", "30", "--seed", "1"];
    const soak = Bun.spawn([process.execPath, join(import.meta.dir, "soak.ts"), ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output = await soak.stdout.text();
    expect(output).toContain("lines lost:          0\n");
    expect(output).not.toContain("WRONG");
    expect(await soak.exited).toBe(0);
  },
  TIMEOUT_MS,
);

describe("a transcript", () => {
  const lines = Buffer.from("a 0 ==\nb 0 =\na 1 =\nb 1 ==\n");

  test("is the same for all receivers, however it is cut up", () => {
    const transcript = new Transcript();
    const [first, second] = [transcript.newReceiver(), transcript.newReceiver()];
    for (const byte of lines) first.hear(Buffer.of(byte));
    expect(transcript.lagBytes).toBe(lines.length);
    second.hear(lines);
    expect(transcript.lagBytes).toBe(0);
    expect([first.lines, second.lines, transcript.ledger.lines]).toEqual([4, 4, 4]);
  });

  test.each([
    ["lost", "a 0 ==\na 1 =\n"],
    ["moved", "b 0 =\na 0 ==\n"],
    ["doubled", "a 0 ==\na 0 ==\n"],
    ["damaged", "a 0 ==\nb 0 !\n"],
  ])("shows when a line is %s for one of them", (_, heard) => {
    const transcript = new Transcript();
    const [first, second] = [transcript.newReceiver(), transcript.newReceiver()];
    first.hear(lines);
    expect(() => second.hear(Buffer.from(heard))).toThrow("where another heard");
  });

  test.each([
    ["lost", "a 0 ==\na 2 =\n"],
    ["doubled", "a 0 ==\na 0 ==\n"],
    ["cut", "a 0 ==\na 1\n"],
  ])("shows when a line is %s for all of them", (_, heard) => {
    expect(() => new Transcript().newReceiver().hear(Buffer.from(heard))).toThrow("instead of a 1");
  });
});

describe("a steady crowd", () => {
  type Relay = { port: number; stop(closes: boolean): void };

  /** Says everything to everybody else, but does something else with the second chunk. */
  function relay(second: (bytes: Buffer, client: Bun.Socket) => void): Relay {
    const clients: Bun.Socket[] = [];
    let chunks = 0;
    return Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void clients.push(socket),
        data(socket, bytes) {
          // The roll call at the start may go on for as long as it likes.
          if (!bytes.includes("~")) chunks++;
          for (const [index, client] of clients.entries())
            if (client === socket) continue;
            else if (chunks === 2 && index === 1) second(bytes, client);
            else client.write(bytes, 0, bytes.length);
        },
      },
    });
  }

  test.each([
    [
      "loses a line",
      (bytes: Buffer, client: Bun.Socket) => void client.write(bytes.subarray(30)),
      /another heard|instead of/,
    ],
    ["disconnects a member", (_: Buffer, client: Bun.Socket) => client.terminate(), /disconnected/],
  ])("finds out a relay that %s", async (_, second, problem) => {
    const server = relay(second);
    await using crowd = await CrowdProcess.start({
      ...{ port: server.port, listeners: 3, talkers: 1, seed: 1 },
    });
    const pacemaker = await Seat.join(server.port, PACEMAKER);
    await pacemaker.say(1);
    const failure = await crowd.failure.catch((error: Error) => error);
    pacemaker.break();
    server.stop(true);
    expect(failure.message).toMatch(problem);
  });
});

describe("memory", () => {
  const quarters = (...mebibytes: number[]) =>
    mebibytes.flatMap((each) => Array.from({ length: 30 }, () => each * 2 ** 20));

  test("is flat when it grows in the first quarter, or a little", () => {
    expect(growth(quarters(50, 300, 200, 340))).toBeUndefined();
    expect(growth(quarters(10, 40, 50, 55))).toBeUndefined();
  });

  test("is not flat when it has grown later", () => {
    expect(growth(quarters(50, 100, 110, 120))).toContain("100.0 MiB");
    expect(growth([1e8, 2e8])).toBeUndefined();
  });
});
