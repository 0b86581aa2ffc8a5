import { expect, test } from "bun:test";

import { WholeLines } from "../../lib/client/whole-lines.ts";

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

test("lines come out whole, wherever the chunks are cut", () => {
  const sent = "one\n\ntwo\nthree";
  for (let cut = 0; cut <= sent.length; cut++) {
    const lines = new WholeLines();
    const runs = [sent.slice(0, cut), sent.slice(cut)].map(
      (chunk) => text(lines.push(Buffer.from(chunk))) ?? "",
    );
    for (const run of runs) expect(run).toMatch(/^$|\n$/);
    expect(runs.join("")).toBe("one\n\ntwo\n");
    expect([text(lines.end()), lines.end()]).toEqual(["three", undefined]);
  }
});

test("a line that is too long to be kept is passed on in parts", () => {
  const lines = new WholeLines();
  const half = "x".repeat(1 << 19);
  const runs = [half, `${half}y`, "f\ng"].map((chunk) => text(lines.push(Buffer.from(chunk))));
  expect([...runs, text(lines.end())]).toEqual([undefined, `${half}${half}y`, "f\n", "g"]);
});
