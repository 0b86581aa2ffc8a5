import { expect, test } from "bun:test";

import { WholeLines } from "../../lib/client/whole-lines.ts";

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

test("lines come out whole, wherever the chunks are cut", () => {
  const said = "one\n\ntwo\nthree";
  for (let cut = 0; cut <= said.length; cut++) {
    const lines = new WholeLines();
    const out = [said.slice(0, cut), said.slice(cut)].map((chunk) => {
      const run = text(lines.push(Buffer.from(chunk)));
      if (run !== undefined) expect(run).toEndWith("\n");
      return run ?? "";
    });
    expect(out.join("")).toBe("one\n\ntwo\n");
    expect(text(lines.end())).toBe("three");
    expect(lines.end()).toBeUndefined();
  }
});

test("a line that is too long to be kept is passed on in parts", () => {
  const lines = new WholeLines(4);
  expect(lines.push(Buffer.from("ab"))).toBeUndefined();
  expect(text(lines.push(Buffer.from("cde")))).toBe("abcde");
  expect(text(lines.push(Buffer.from("f\ng")))).toBe("f\n");
  expect(text(lines.end())).toBe("g");
});
