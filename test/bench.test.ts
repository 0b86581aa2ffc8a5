/** The bench itself: it counts every line, and tells a server that loses or breaks some. */

import { describe, expect, test } from "bun:test";

import { placeLabels, plotAll } from "./bench/charts.ts";
import { DIALECTS } from "./bench/dialects.ts";
import type { Findings } from "./bench/figures.ts";
import { Histogram } from "./bench/histogram.ts";
import { type Load, measure, type Measurement } from "./bench/load.ts";
import { PEERS, startPeer } from "./bench/peers.ts";
import { ManyTalkersReceiver, OneTalkerReceiver } from "./bench/receiver.ts";
import { writeScript } from "./bench/script.ts";
import { markdown, table } from "./bench/tables.ts";
import { endAfterEach, runToEnd } from "./harness.ts";

endAfterEach();

const LINE_BYTES = 32;
const ignore = () => {};

describe("a receiver", () => {
  const script = writeScript(DIALECTS.plain, 0, LINE_BYTES, 8);
  const lines = (from: number, to: number) =>
    script.heard.subarray(from * LINE_BYTES, to * LINE_BYTES);

  test("counts the whole lines of one talker, however they are cut up", () => {
    const receiver = new OneTalkerReceiver(DIALECTS.plain, script);
    for (const byte of Buffer.concat([lines(0, 8), lines(0, 2)]))
      receiver.hear(Buffer.of(byte), ignore);
    receiver.hear(lines(2, 3).subarray(0, 9), ignore);
    expect(receiver.lines).toBe(10);
  });

  test("notices a line that is lost, moved, doubled or damaged", () => {
    const damaged = Buffer.from(lines(0, 2));
    damaged[LINE_BYTES + 20] = 0x21;
    const wrong = [
      [lines(0, 1), lines(2, 3)],
      [lines(1, 2), lines(0, 1)],
      [lines(0, 1), lines(0, 1)],
      [damaged],
    ];
    for (const chunks of wrong) {
      const one = new OneTalkerReceiver(DIALECTS.plain, script);
      expect(() => one.hear(Buffer.concat(chunks), ignore)).toThrow("line");
    }
  });

  test("tells the lines of many talkers apart, and notices its own", () => {
    const scripts = [0, 1, 2].map((talker) => writeScript(DIALECTS.plain, talker, LINE_BYTES, 8));
    const said = scripts.map(({ heard }) => heard.subarray(0, LINE_BYTES));
    const [zero = lines(0, 0), one = lines(0, 0), two = lines(0, 0)] = said;
    const receiver = new ManyTalkersReceiver(DIALECTS.plain, scripts, LINE_BYTES, 2);
    receiver.hear(Buffer.concat([one, zero.subarray(0, 7)]), ignore);
    receiver.hear(zero.subarray(7), ignore);
    expect(receiver.lines).toBe(2);
    expect(() => receiver.hear(one, ignore)).toThrow("talker 1");
    expect(() => receiver.hear(two, ignore)).toThrow("its own");
  });

  test("answers a PING between two NATS messages and counts on", () => {
    const nats = writeScript(DIALECTS.nats, 0, LINE_BYTES, 2);
    const half = nats.heard.length / 2;
    const receiver = new OneTalkerReceiver(DIALECTS.nats, nats);
    const answers: string[] = [];
    const parts = [
      nats.heard.subarray(0, half),
      Buffer.from("PING\r\n"),
      nats.heard.subarray(half),
    ];
    receiver.hear(Buffer.concat(parts), (text) => answers.push(text));
    expect(receiver.lines).toBe(2);
    expect(answers).toEqual(["PONG\r\n"]);
  });
});

describe("a load", () => {
  const load: Omit<Load, "port" | "pid" | "listeners" | "talkers" | "windowLines"> = {
    dialect: "plain",
    tls: false,
    lineBytes: 64,
    linesPerSecond: 0,
    stoppedReader: false,
    warmUpMs: 10,
    measureMs: 30,
  };

  test.each([
    ["one talker", { listeners: 5, talkers: 1, windowLines: 100 }],
    ["all talking", { listeners: 0, talkers: 5, windowLines: 10 }],
    ["a steady pace", { listeners: 5, talkers: 1, windowLines: 100, linesPerSecond: 500 }],
  ] as const)("gets every line through linechat with %s", async (_, shape) => {
    const [linechat] = PEERS;
    if (!linechat) throw new Error("there is no linechat");
    const server = await startPeer(linechat, {}, undefined);
    try {
      const { port, pid } = server;
      const measurement = await measure({ ...load, ...shape, port, pid });
      expect(measurement.problem).toBeUndefined();
      expect(measurement.deliveredPerSecond).toBeGreaterThan(0);
    } finally {
      await server.stop();
    }
  });

  test("finds out a relay that loses a line", async () => {
    const clients = new Set<Bun.Socket>();
    let chunks = 0;
    const relay = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void clients.add(socket),
        close: (socket) => void clients.delete(socket),
        data(socket, bytes) {
          // The roll call at the start may go on for as long as it likes.
          if (!bytes.includes("~")) chunks++;
          const kept = chunks === 5 ? bytes.subarray(load.lineBytes) : bytes;
          for (const client of clients) if (client !== socket) client.write(kept, 0, kept.length);
        },
      },
    });
    const { port } = relay;
    const shape = { listeners: 2, talkers: 1, windowLines: 10, measureMs: 500 };
    const measurement = await measure({ ...load, ...shape, port, pid: process.pid });
    relay.stop(true);
    expect(measurement.problem).toContain("broken, lost or moved");
  });
});

describe("a report", () => {
  const round: Measurement = {
    ...{ clients: 11, deliveredPerSecond: 1e6, serverShare: 0.5, loadShare: 0.5, nsPerLine: 100 },
    ...{ emptyBytes: 1e7, idleBytes: 2e7, peakBytes: 3e7, silenceMs: 5, otherCpus: 0 },
  };
  const findings: Findings = {
    ...{ date: "2000-01-01", machine: "a machine", versions: ["linechat 0"], seconds: 1 },
    scenarios: [
      {
        ...{ name: "one-to-100", title: "one talks to 100", clients: 101, seconds: 1 },
        findings: [
          { peer: "linechat", rounds: [round, { ...round, deliveredPerSecond: 3e6 }] },
          { peer: "ncat --broker", rounds: [{ ...round, problem: "line 7 is lost" }] },
        ],
      },
    ],
    growth: [10, 100].map((clients) => ({
      ...{ name: "growth", title: "growth", clients: clients + 1, seconds: 1 },
      findings: [{ peer: "linechat", rounds: [{ ...round, clients: clients + 1 }] }],
    })),
  };

  test("gives medians, and no speed to a peer that loses lines", () => {
    expect(table(findings)).toMatch(/linechat +2\.00 M +±50 %/);
    expect(table(findings)).toContain("BROKEN: line 7 is lost");
    expect(markdown(findings)).toContain("| ncat --broker | loses or breaks lines |");
  });

  test("draws only what there are figures for, with every number in its place", () => {
    const charts = plotAll(findings);
    expect([...charts.keys()]).toEqual(["speed.svg", "memory.svg"]);
    for (const svg of charts.values()) expect(svg).not.toMatch(/NaN|Infinity|undefined/);
  });

  test("keeps labels apart", () => {
    expect(placeLabels([100, 101, 300], 0, 310)).toEqual([100, 117, 300]);
    expect(placeLabels([305, 306], 0, 310)).toEqual([293, 310]);
  });

  test("knows quantiles to 3 %", () => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1000; ms++) histogram.add(ms);
    expect(histogram.quantile(0.5) / 500).toBeCloseTo(1, 1);
    expect(Math.abs(histogram.quantile(0.99) / 990 - 1)).toBeLessThan(0.03);
  });
});

test("the bench of pipes gets every byte through in both directions", async () => {
  const words = ["test/bench/pipe.ts", "--rounds", "1", "--size", "1M"];
  const { code, stdout } = await runToEnd([process.execPath, ...words]);
  expect(code).toBe(0);
  expect(stdout.match(/linechat +\d+ ms|^(?:send|receiv)ing/gm)?.length).toBeGreaterThan(2);
});

test("the one of WebSockets compares them with lines", async () => {
  const words = ["--listeners", "3", "--windows", "20", "--rounds", "1"];
  const told = await runToEnd([process.execPath, "test/bench/web.ts", ...words]);
  expect(told).toMatchObject({ code: 0, stderr: "" });
  expect(told.stdout).toMatch(/ms for lines, \d+ ms by WebSocket: .*\nby WebSocket, the median is/);
}, 20_000);

test("the one of newcomers tells how late lines are without them, and with", async () => {
  const words = ["--talkers", "10", "--pace", "50", "--seconds", "1", "--rounds", "1"];
  const told = await runToEnd([process.execPath, "test/bench/newcomers.ts", ...words]);
  expect(told).toMatchObject({ code: 0, stderr: "" });
  expect(told.stdout).toMatch(/without newcomers: p50 .*\nwith newcomers: p50 .*\n[1-9]/);
}, 20_000);
