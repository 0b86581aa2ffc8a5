/** The bench itself: it counts every line, and tells a server that loses or breaks some. */

import { describe, expect, test } from "bun:test";

import { drawSpeed, placeLabels } from "./bench/charts.ts";
import { DIALECTS } from "./bench/dialects.ts";
import { Histogram } from "./bench/histogram.ts";
import { type Load, measure, type Measurement } from "./bench/load.ts";
import { PEERS, startPeer } from "./bench/peers.ts";
import { ManyTalkersReceiver, OneTalkerReceiver } from "./bench/receiver.ts";
import { type Findings, markdown } from "./bench/report.ts";
import { GROWTH, SCENARIOS } from "./bench/scenarios.ts";
import { writeScript } from "./bench/script.ts";
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
    const [one, two, three] = [lines(0, 1), lines(1, 2), lines(2, 3)];
    for (const wrong of [[one, three], [two, one], [one, one], [damaged]]) {
      const receiver = new OneTalkerReceiver(DIALECTS.plain, script);
      expect(() => receiver.hear(Buffer.concat(wrong), ignore)).toThrow("line");
    }
  });

  test("tells the lines of many talkers apart, and notices its own", () => {
    const scripts = [0, 1, 2].map((talker) => writeScript(DIALECTS.plain, talker, LINE_BYTES, 8));
    const firstOf = (talker: number) =>
      scripts[talker]?.heard.subarray(0, LINE_BYTES) ?? lines(0, 0);
    const receiver = new ManyTalkersReceiver(DIALECTS.plain, scripts, LINE_BYTES, 2);
    receiver.hear(Buffer.concat([firstOf(1), firstOf(0).subarray(0, 7)]), ignore);
    receiver.hear(firstOf(0).subarray(7), ignore);
    expect(receiver.lines).toBe(2);
    expect(() => receiver.hear(firstOf(1), ignore)).toThrow("talker 1");
    expect(() => receiver.hear(firstOf(2), ignore)).toThrow("its own");
  });

  test("answers a PING between two NATS messages and counts on", () => {
    const { heard, ...nats } = writeScript(DIALECTS.nats, 0, LINE_BYTES, 2);
    const receiver = new OneTalkerReceiver(DIALECTS.nats, { heard, ...nats });
    const answers: string[] = [];
    const half = heard.length / 2;
    for (const part of [
      heard.subarray(0, half),
      Buffer.from("PI"),
      Buffer.from("NG\r\n"),
      heard.subarray(half),
    ])
      receiver.hear(part, (text) => answers.push(text));
    expect([receiver.lines, answers]).toEqual([2, ["PONG\r\n"]]);
  });
});

describe("a load", () => {
  const load: Omit<Load, "port" | "pid" | "listeners" | "talkers" | "windowLines"> = {
    dialect: "plain",
    tls: false,
    lineBytes: 64,
    linesPerSecond: 0,
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
    const server = await startPeer(linechat);
    try {
      const { port, pid } = server;
      const measurement = await measure({ ...load, ...shape, port, pid });
      // At least a window of lines was sent, and all of them have come.
      const clients = shape.listeners + shape.talkers;
      expect([measurement.problem, measurement.clients]).toEqual([undefined, clients]);
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
    ...{ clients: 101, deliveredPerSecond: 1e6, serverShare: 0.5, loadShare: 0.5 },
    ...{ emptyBytes: 1e7, idleBytes: 2e7, otherCpus: 0 },
  };
  const [scenario] = SCENARIOS;
  if (!scenario) throw new Error("there is no scenario");
  const findings: Findings = {
    ...{ date: "2000-01-01", machine: "a machine", versions: ["linechat 0"] },
    scenarios: [
      {
        scenario,
        findings: [
          { peer: "linechat", rounds: [round, { ...round, deliveredPerSecond: 3e6 }] },
          { peer: "ncat --broker", rounds: [{ ...round, problem: "line 7 is lost" }] },
          { peer: "nats-server", rounds: [{ ...round, loadShare: 1 }] },
        ],
      },
    ],
    growth: GROWTH.slice(1, 3).map((grown) => ({
      scenario: grown,
      findings: [{ peer: "linechat", rounds: [round] }],
    })),
  };

  test("gives medians, no speed to a server that loses lines, and a mark where the load was the limit", () => {
    const text = markdown(findings);
    expect(text).toContain(
      "| linechat | 2.00 M |\n| ncat --broker | loses or breaks lines |\n| nats-server | 1.00 M* |\n",
    );
    expect(text).toContain("\n\\* the load generator was the limit");
    expect(text).toContain("ncat --broker, one talks to 100: line 7 is lost");
    expect(text).toContain("linechat 96.7 KiB, measured with 101");
  });

  test("draws what there are figures for, with every number in its place, and labels apart", () => {
    const svg = drawSpeed(findings);
    expect(svg).toMatch(/>linechat<\/text>/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined|ncat/);
    expect(placeLabels([100, 101, 300], 0, 310)).toEqual([100, 117, 300]);
    expect(placeLabels([305, 306], 0, 310)).toEqual([293, 310]);
  });

  test("knows quantiles to 3 %", () => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1000; ms++) histogram.add(ms);
    for (const share of [0.5, 0.99])
      expect(histogram.quantile(share) / (share * 1000)).toBeWithin(0.97, 1.03);
  });
});

test("the benchmark measures a server from start to end, as its command line says", async () => {
  const words = ["--scenario", "one-to-100", "--peer", "linechat", "--rounds", "1"];
  const told = await runToEnd([process.execPath, "test/bench/bench.ts", ...words]);
  expect([told.code, told.stdout]).toEqual([
    0,
    expect.stringMatching(/\n\| linechat \| [\d.]+(?: [Mk])?\*? \|\n/),
  ]);
});

test("the bench of pipes gets every byte through in both directions", async () => {
  const words = ["test/bench/pipe.ts", "--rounds", "1", "--size", "1M"];
  const { code, stdout } = await runToEnd([process.execPath, ...words]);
  expect([code, stdout.match(/ +\d+ ms/g)?.length]).toEqual([0, Bun.which("nc") ? 6 : 3]);
});
