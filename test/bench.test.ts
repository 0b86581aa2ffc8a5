/** The bench itself: it counts every line, and tells a server that loses or breaks some. */

import { describe, expect, test } from "bun:test";

import { drawSpeed, placeLabels } from "./bench/charts.ts";
import { DIALECTS } from "./bench/dialects.ts";
import { Histogram } from "./bench/histogram.ts";
import { measure } from "./bench/load.ts";
import { PEERS, startPeer } from "./bench/peers.ts";
import { Receiver } from "./bench/receiver.ts";
import { markdown, type Measurement } from "./bench/report.ts";
import { GROWTH, type Load, SCENARIOS } from "./bench/scenarios.ts";
import { writeScript } from "./bench/script.ts";
import { endAfterEach, runToEnd } from "./harness.ts";
import { openRelay } from "./harness/host.ts";

endAfterEach();

const LINE_BYTES = 32;
const ignore = () => {};

describe("a receiver", () => {
  const { plain, nats, redis } = DIALECTS;
  const scripts = [0, 1, 2].map((talker) => writeScript(plain, talker, LINE_BYTES, 8));
  const ofOne = scripts.slice(0, 1);
  const lines = (from: number, to: number, talker = 0) =>
    Buffer.from(scripts[talker]?.heard.subarray(from * LINE_BYTES, to * LINE_BYTES) ?? "");

  test.each([
    ["one talker", ofOne, [lines(0, 8), lines(0, 2)]],
    ["many talkers", scripts, [lines(0, 1, 1), lines(0, 8), lines(1, 2, 1), lines(0, 1)]],
  ])("counts the whole lines of %s, however they are cut up", (_, talkers, heard) => {
    const all = Buffer.concat(heard);
    for (const partBytes of [1, 9, LINE_BYTES, 100, all.length]) {
      const receiver = new Receiver(plain, talkers);
      for (let at = 0; at < all.length; at += partBytes)
        receiver.hear(all.subarray(at, at + partBytes), ignore);
      receiver.hear(lines(2, 3).subarray(0, 9), ignore);
      expect(receiver.lines).toBe(all.length / LINE_BYTES);
    }
  });

  test("notices a line that is lost, moved, doubled or damaged", () => {
    const damaged = lines(0, 2);
    damaged[LINE_BYTES + 20] = 0x21;
    const [one, two, three] = [lines(0, 1), lines(1, 2), lines(2, 3)];
    for (const wrong of [[one, three], [two, one], [one, one], [damaged]])
      expect(() => new Receiver(plain, ofOne).hear(Buffer.concat(wrong), ignore)).toThrow("line");
    for (const wrong of [[one, three], [two], [one, lines(0, 1, 1), one]])
      expect(() => new Receiver(plain, scripts).hear(Buffer.concat(wrong), ignore)).toThrow(
        "talker",
      );
  });

  test("tells lines of its own, which are not delivered, apart", () => {
    for (const talkers of [ofOne, scripts]) {
      const own = new Receiver(plain, talkers, 0);
      expect(() => own.hear(lines(0, 1), ignore)).toThrow("its own");
      const echoed = talkers.map((_, talker) => writeScript(redis, talker, LINE_BYTES, 8));
      const receiver = new Receiver(redis, echoed, 0);
      for (const { heard } of echoed) receiver.hear(heard, ignore);
      expect(receiver.lines).toBe(8 * (talkers.length - 1));
    }
  });

  test("answers a PING between two NATS messages and counts on", () => {
    const script = writeScript(nats, 0, LINE_BYTES, 2);
    const receiver = new Receiver(nats, [script]);
    const answers: string[] = [];
    const [one, two] = [0, 1].map((line) =>
      script.heard.subarray(line * script.frameBytes, (line + 1) * script.frameBytes),
    );
    for (const parts of [
      [one, "PI"],
      ["NG\r\n", two],
      [one, "PING\r\n", two],
    ])
      receiver.hear(Buffer.concat(parts.map((part = "") => Buffer.from(part))), (text) =>
        answers.push(text),
      );
    expect([receiver.lines, answers]).toEqual([4, ["PONG\r\n", "PONG\r\n"]]);
  });
});

describe("a load", () => {
  type Shape = Omit<Load, "port" | "pid">;
  const load: Shape = {
    ...{ dialect: "plain", tls: false, lineBytes: 64, linesPerSecond: 0 },
    ...{ listeners: 5, talkers: 1, windowLines: 100, warmUpMs: 10, measureMs: 30 },
  };

  test.each<[string, Partial<Shape>]>([
    ["all talking", { listeners: 0, talkers: 5, windowLines: 10 }],
    ["a steady pace", { linesPerSecond: 500 }],
  ])("gets every line through linechat with %s", async (_, shape) => {
    const [linechat] = PEERS;
    if (!linechat) throw new Error("there is no linechat");
    const { port, pid } = await startPeer(linechat);
    const { problem, clients } = await measure({ ...load, ...shape, port, pid });
    // At least a window of lines was sent, and all of them have come.
    expect({ problem, clients }).toEqual({ problem: undefined, clients: shape.talkers ?? 6 });
  });

  test("finds out a relay that loses a line", async () => {
    let chunks = 0;
    const port = openRelay((bytes, others) => {
      // The roll call at the start may go on for as long as it likes.
      if (!bytes.includes("~")) chunks++;
      const kept = chunks === 5 ? bytes.subarray(load.lineBytes) : bytes;
      for (const client of others) client.write(kept, 0, kept.length);
    });
    const shape = { listeners: 2, windowLines: 10, measureMs: 500 };
    const { problem } = await measure({ ...load, ...shape, port, pid: process.pid });
    expect(problem).toContain("broken, lost or moved");
  });
});

describe("a report", () => {
  const round: Measurement = {
    ...{ clients: 101, deliveredPerSecond: 1e6, serverShare: 0.5, loadShare: 0.5 },
    ...{ emptyBytes: 1e7, idleBytes: 2e7, otherCpus: 0 },
  };
  const fast = { ...round, deliveredPerSecond: 3e6 };
  const [scenario, ...others] = SCENARIOS;
  if (!scenario) throw new Error("there is no scenario");
  const grown = others.filter(({ name }) => name === GROWTH).slice(1, 3);
  const findings = {
    ...{ date: "2000-01-01", machine: "a machine", versions: ["linechat 0"] },
    all: [
      { scenario, peer: "linechat", rounds: [round, fast] },
      { scenario, peer: "ncat --broker", rounds: [{ ...round, problem: "line 7 is lost" }] },
      { scenario, peer: "nats-server", rounds: [{ ...round, loadShare: 1 }] },
      ...grown.map((one) => ({ scenario: one, peer: "linechat", rounds: [round] })),
    ],
  };

  test("gives medians, no speed to a server that loses lines, and a mark where the load was the limit", () => {
    const text = markdown(findings);
    expect(text).toContain(
      "|  | one talks to 100 |\n| --- | ---: |\n| linechat | 2.00 M |\n| ncat --broker | loses or breaks lines |\n| nats-server | 1.00 M* |\n",
    );
    expect(text).toContain("\n\\* the load generator was the limit");
    expect(text).toContain("ncat --broker, one talks to 100: line 7 is lost");
    expect(text).toContain("linechat 96.7 KiB, measured with 101");
  });

  test("draws what there are figures for, with every number in its place, and labels apart", () => {
    const svg = drawSpeed(findings);
    expect(svg).toMatch(/>linechat<\/text>/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined|ncat/);
    expect(placeLabels([101, 100, 300])).toEqual([117, 100, 300]);
  });

  test("knows quantiles", () => {
    const histogram = new Histogram();
    expect(histogram.quantile(0.5)).toBe(0);
    for (let ms = 100; ms > 0; ms--) histogram.add(ms);
    expect([0.5, 0.99, 1].map((share) => histogram.quantile(share))).toEqual([51, 100, 100]);
  });
});

test("the benchmark measures a server from start to end, as its command line says", async () => {
  const words = ["--scenario", "one-to-100", "--peer", "linechat", "--rounds", "1"];
  const told = await runToEnd([process.execPath, "test/bench/bench.ts", ...words]);
  const isTable = expect.stringMatching(/\n\| linechat \| [\d.]+(?: [Mk])?\*? \|\n/);
  expect([told.code, told.stdout]).toEqual([0, isTable]);
});

test("the bench of pipes gets every byte through in both directions", async () => {
  const words = ["test/bench/pipe.ts", "--rounds", "1", "--size", "1M"];
  const { code, stdout } = await runToEnd([process.execPath, ...words]);
  expect([code, stdout.match(/ +\d+ ms/g)?.length]).toEqual([0, Bun.which("nc") ? 6 : 3]);
});
