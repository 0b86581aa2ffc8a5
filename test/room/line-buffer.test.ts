import { describe, expect, test } from "bun:test";

import { LineBuffer } from "../../lib/room/line-buffer.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const EVERYTHING = Number.MAX_SAFE_INTEGER;

/** All that can be taken, run by run, as text. */
function takeAll(buffer: LineBuffer, bytesMax = EVERYTHING): string[] {
  const runs: string[] = [];
  for (let run = buffer.take(bytesMax); run; run = buffer.take(bytesMax))
    runs.push(new TextDecoder().decode(run));
  return runs;
}

describe("lines come out whole", () => {
  test("however two writes cut them", () => {
    const sent = "one\n\ntwo is longer\r\nthree\n";
    for (let cut = 0; cut <= sent.length; cut++) {
      const buffer = new LineBuffer(100);
      buffer.push(bytes(sent.slice(0, cut)));
      const first = takeAll(buffer).join("");
      expect(first === "" || first.endsWith("\n")).toBe(true);
      buffer.push(bytes(sent.slice(cut)));
      expect(first + takeAll(buffer).join("")).toBe(sent);
    }
  });

  test("byte by byte", () => {
    const buffer = new LineBuffer(100);
    let lines = "";
    for (const byte of bytes("ab\n\ncd\n")) {
      buffer.push(Uint8Array.of(byte));
      lines += takeAll(buffer).join("");
    }
    expect(lines).toBe("ab\n\ncd\n");
  });

  test("as one run when they came together", () => {
    const buffer = new LineBuffer(100);
    buffer.push(bytes("one\ntwo\nthr"));
    expect(takeAll(buffer)).toEqual(["one\ntwo\n"]);
    buffer.end();
    expect(takeAll(buffer)).toEqual(["thr\n"]);
  });

  test("with every byte value, CR, NUL and invalid UTF-8 among them, as it was", () => {
    const line = Uint8Array.from({ length: 257 }, (_, i) => (i === 256 ? 10 : i === 10 ? 0 : i));
    const buffer = new LineBuffer(1000);
    buffer.push(line);
    expect(buffer.take(EVERYTHING)).toEqual(line);
  });

  test("also when a chunk is reused by its sender once its lines are taken", () => {
    const buffer = new LineBuffer(100);
    const chunk = bytes("one\ntw");
    buffer.push(chunk);
    takeAll(buffer);
    chunk.fill(0x78);
    buffer.push(bytes("o\n"));
    expect(takeAll(buffer)).toEqual(["two\n"]);
  });
});

describe("as many lines are taken as fit", () => {
  test("and the rest waits", () => {
    const buffer = new LineBuffer(100);
    buffer.push(bytes("one\ntwo\nthree\n"));
    expect(new TextDecoder().decode(buffer.take(9))).toBe("one\ntwo\n");
    expect(buffer.take(5)).toBeUndefined();
    expect(new TextDecoder().decode(buffer.next)).toBe("three\n");
    expect(new TextDecoder().decode(buffer.take(6))).toBe("three\n");
    expect(buffer.next).toBeUndefined();
  });

  test("none into no room", () => {
    const buffer = new LineBuffer(100);
    buffer.push(bytes("\n"));
    expect(buffer.take(0)).toBeUndefined();
  });
});

describe("the end of input", () => {
  test("makes a line of what is unfinished, an LF added", () => {
    const buffer = new LineBuffer(100);
    buffer.push(bytes("one\nthe last"));
    buffer.end();
    expect(takeAll(buffer)).toEqual(["one\n", "the last\n"]);
  });

  test("adds nothing when the last line was finished", () => {
    const buffer = new LineBuffer(100);
    buffer.push(bytes("one\n"));
    buffer.end();
    expect(takeAll(buffer)).toEqual(["one\n"]);
  });
});

describe("a line that is too long", () => {
  const MAX = 8;

  test("is one byte longer than the limit, its LF included, however it is cut", () => {
    for (let cut = 0; cut <= MAX; cut++) {
      const fits = new LineBuffer(MAX);
      fits.push(bytes("1234567\n".slice(0, cut)));
      fits.push(bytes("1234567\n".slice(cut)));
      expect(takeAll(fits)).toEqual(["1234567\n"]);
      expect(fits.objection).toBeUndefined();

      const tooLong = new LineBuffer(MAX);
      tooLong.push(bytes("12345678\n".slice(0, cut)));
      tooLong.push(bytes("12345678\n".slice(cut)));
      expect(takeAll(tooLong)).toEqual([]);
      expect(tooLong.objection).toBeDefined();
    }
  });

  test("is told before its LF comes, and nothing of it is a line", () => {
    const buffer = new LineBuffer(MAX);
    buffer.push(bytes("1234567"));
    expect(buffer.objection).toBeUndefined();
    buffer.push(bytes("8"));
    expect(buffer.objection).toBeDefined();
    buffer.end();
    expect(takeAll(buffer)).toEqual([]);
  });

  test("leaves the lines before it to be taken, and nothing after it", () => {
    const buffer = new LineBuffer(MAX);
    buffer.push(bytes("a\nb\n12345678\nc\n"));
    expect(takeAll(buffer)).toEqual(["a\nb\n"]);
    expect(buffer.objection).toBeDefined();
    buffer.push(bytes("d\n"));
    buffer.end();
    expect(takeAll(buffer)).toEqual([]);
  });

  test("is found among many short ones in one chunk", () => {
    const short = "ab\n".repeat(1000);
    const buffer = new LineBuffer(MAX);
    buffer.push(bytes(`${short}123456789\n${short}`));
    expect(takeAll(buffer).join("")).toBe(short);
    expect(buffer.objection).toBeDefined();
  });

  test("still ends at the end of input within the limit", () => {
    const buffer = new LineBuffer(MAX);
    buffer.push(bytes("1234567"));
    buffer.end();
    expect(takeAll(buffer)).toEqual(["1234567\n"]);
  });
});
