/** The bench itself: it counts every line, and tells a server that loses or breaks some. */

import { describe, expect, test } from "bun:test";

import { drawSpeed } from "./bench/charts.ts";
import { type DialectName, DIALECTS } from "./bench/dialects.ts";
import { Histogram } from "./bench/histogram.ts";
import { Flood } from "./bench/load.ts";
import { Receiver } from "./bench/receiver.ts";
import { type Figures, markdown } from "./bench/report.ts";
import { GROWTH, type Load, SCENARIOS } from "./bench/scenarios.ts";
import { Script } from "./bench/script.ts";
import { endAfterEach, runToEnd, ServerProgram } from "./harness.ts";
import { openRelay } from "./harness/host.ts";

endAfterEach();

const LINE_BYTES = 64;
const LINES = 8;

test.each<[DialectName, number]>([
  ["plain", 1],
  ["plain", 3],
  ["nats", 1],
  ["nats", 3],
  ["redis", 3],
])("a receiver of %s counts the lines of %d talkers, however they are cut", (name, talkers) => {
  const dialect = DIALECTS[name];
  const script = new Script(dialect, talkers, LINES, LINE_BYTES);
  const line = (talker: number, number: number) => {
    const from = (talker * LINES + number) * script.heardBytes;
    return script.heard.subarray(from, from + script.heardBytes);
  };
  // Each talker's lines, over and over, in turns with those of the others.
  const lines = Array.from({ length: 3 * LINES * talkers }, (_, at) =>
    line(at % talkers, Math.floor(at / talkers) % LINES),
  );
  const aside = Buffer.from(dialect.aside);
  const all = Buffer.concat([aside, ...lines.toSpliced(5, 0, aside)]);
  // One that is sent its own lines does not count them.
  const self = dialect.echo ? 1 : undefined;
  for (const partBytes of [1, 9, LINE_BYTES, 100, all.length]) {
    const receiver = new Receiver(dialect, script, self);
    for (let at = 0; at < all.length; at += partBytes)
      receiver.receive(all.subarray(at, at + partBytes));
    receiver.receive(line(0, 0).subarray(0, 9));
    expect(receiver.lines).toBe(lines.length - (dialect.echo ? 3 * LINES : 0));
  }
});

describe("a load", () => {
  const load: Omit<Load, "port" | "pid"> = {
    ...{ dialect: "plain", tls: false, lineBytes: LINE_BYTES, linesPerSecond: 0 },
    ...{ listeners: 5, talkers: 1, windowLines: 10, warmUpMs: 10, measureMs: 30 },
  };

  test("at a steady pace gets every line through linechat, and measures how late they are", async () => {
    const { port, pid } = await ServerProgram.start();
    const flood = new Flood({ ...load, linesPerSecond: 500, port, pid });
    const { figures, ...others } = await flood.run();
    expect(others).toEqual({});
    expect(Math.min(...(figures?.latenciesMs ?? []))).toBeGreaterThan(0);
  });

  /** What becomes of a line, by how many there were. */
  type Hand = (line: string, nth: number) => string;
  const once =
    (hand: (line: string) => string): Hand =>
    (line, nth) =>
      nth === 50 ? hand(line) : line;
  const stop: Hand = (line, nth) => (nth < 50 ? line : "");
  const steady = { linesPerSecond: 1_000, measureMs: 5_000 };
  test.each<[string, Partial<Load>, Hand]>([
    ["loses a line", {}, once(() => "")],
    ["damages a line", {}, once((line) => line.replace("k", "!"))],
    ["sends a line twice", {}, once((line) => line + line)],
    ["loses a line of one of two", { talkers: 2 }, once(() => "")],
    ["sends a line of one of two twice", { talkers: 2 }, once((line) => line + line)],
    ["adds something", {}, once((line) => `${line}?\n`)],
    ["stops", {}, stop],
    ["stops at a steady pace", steady, stop],
  ])("finds out a relay that %s", async (_, shape, hand) => {
    let handed = 0;
    const port = openRelay((bytes, others) => {
      // The roll call at the start may go on for as long as it likes.
      const all = bytes
        .toString("latin1")
        .replace(/.+\n/g, (line) => (line.includes("~") ? line : hand(line, ++handed)));
      for (const client of others) client.write(all);
    });
    const flood = new Flood({ ...load, measureMs: 500, ...shape, port, pid: process.pid });
    const { cell, why } = await flood.run();
    expect(cell).toBe(shape === steady ? "falls behind" : "loses or breaks lines");
    expect(why).toMatch(/lost|unexpected|did not come|by/);
  });
});

describe("a report", () => {
  const figures: Figures = {
    ...{ deliveredPerSecond: 1e6, serverShare: 0.5, loadShare: 0.5, otherCpus: 0 },
    ...{ idleBytes: 2048, latenciesMs: [1, 2, 3] },
  };
  const byName = Map.groupBy(SCENARIOS, ({ name }) => name);
  const grown = byName.get(GROWTH) ?? [];
  const findings = ["one-to-100", "steady"].flatMap((name) =>
    (byName.get(name) ?? []).flatMap((scenario) => [
      { scenario, peer: "linechat", figures },
      { scenario, peer: "ncat --broker", cell: "loses or breaks lines", why: "line 7 is lost" },
      { scenario, peer: "redis-server", figures: { ...figures, loadShare: 1, otherCpus: 0.5 } },
    ]),
  );
  findings.push(...grown.map((scenario) => ({ scenario, peer: "linechat", figures })));

  test("has no speed of a server that loses lines, and a mark where the load was the limit", () => {
    const text = markdown(findings, "a machine");
    expect(text).toContain("| linechat | 1.00 M | 1.00 ms, 2.00 ms, 3.00 ms; 50 % busy |\n");
    expect(text).toContain("| ncat --broker | loses or breaks lines | loses or breaks lines |\n");
    expect(text).toContain("| redis-server | 1.00 M* | ");
    expect(text).toContain("\n\\* the load generator was the limit");
    expect(text).toContain("ncat --broker, one talks to 100: line 7 is lost\n");
    expect(text).toContain("linechat 2.00 KiB, measured with 10,001.\n");
    expect(text).not.toContain("quiet machine");
    const busy = findings.filter(({ peer }) => peer === "redis-server");
    expect(markdown(busy, "")).toContain("Other programs kept 0.5 processors busy");
  });

  test("draws what there are figures for, with every number in its place", () => {
    const svg = drawSpeed(findings);
    expect(svg).toMatch(/>linechat<\/text>/);
    expect(svg).not.toMatch(/NaN|Infinity|undefined|ncat/);
  });

  test("knows quantiles", () => {
    const histogram = new Histogram();
    for (let ms = 100; ms > 0; ms--) histogram.add(ms);
    expect([0.5, 0.99, 1].map((share) => histogram.quantile(share))).toEqual([51, 100, 100]);
  });
});

test("the benchmark measures a server from start to end, as its command line says", async () => {
  const words = ["--scenario", "100-all-talk", "--peer", "linechat"];
  const told = await runToEnd([process.execPath, "test/bench/bench.ts", ...words]);
  const isTable = expect.stringMatching(/\n\| linechat \| [\d.]+( [MK])?\*? \|\n/);
  expect([told.code, told.stdout]).toEqual([0, isTable]);
});

test("the bench of pipes gets every byte through in both directions", async () => {
  const words = ["test/bench/pipe.ts", "--rounds", "1", "--size", "1M"];
  const { code, stdout } = await runToEnd([process.execPath, ...words]);
  expect([code, stdout.match(/ \d+ ms/g)?.length]).toEqual([0, Bun.which("nc") ? 6 : 3]);
});
