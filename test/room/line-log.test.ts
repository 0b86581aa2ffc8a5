import { expect, test } from "bun:test";

import { LineLog, type Speaker } from "../../lib/room/line-log.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const speaker = (): Speaker => ({ lastRun: -1 });

/** What a reader gets from a cursor to the head, less its own, as text. */
function readAll(log: LineLog, reader: Speaker, cursor: number): string {
  let text = "";
  while (cursor < log.head) {
    const piece = log.read(reader, cursor, log.head);
    text += new TextDecoder().decode(piece.bytes.slice(piece.offset, piece.offset + piece.length));
    cursor = piece.next;
  }
  return text;
}

test("everybody reads one order, less their own", () => {
  const log = new LineLog(100);
  const [ann, bob, eve] = [speaker(), speaker(), speaker()];
  log.append(ann, bytes("a1\n"));
  log.append(bob, bytes("b1\n"));
  log.append(ann, bytes("a2\n"));
  log.append(ann, bytes("a3\n"));
  expect(readAll(log, eve, 0)).toBe("a1\nb1\na2\na3\n");
  expect(readAll(log, ann, 0)).toBe("b1\n");
  expect(readAll(log, bob, 0)).toBe("a1\na2\na3\n");
  expect(readAll(log, bob, 3)).toBe("a2\na3\n");
});

test("a reader goes on at the very byte where its socket stopped", () => {
  const log = new LineLog(64);
  const [ann, bob] = [speaker(), speaker()];
  for (const line of ["a1\n", "b22\n", "a3\n", "b4\n", "a5555\n"])
    log.append(line.startsWith("a") ? ann : bob, bytes(line));
  const owed = readAll(log, bob, 0);
  for (let taken = 0; taken < owed.length; taken++) {
    log.read(bob, 0, log.head);
    const cursor = log.advance(bob, 0, taken);
    expect(readAll(log, bob, cursor)).toBe(owed.slice(taken));
  }
});

test("positions go on for ever while the ring wraps", () => {
  const log = new LineLog(16);
  const [ann, bob, eve] = [speaker(), speaker(), speaker()];
  let cursor = 0;
  for (let turn = 0; turn < 100; turn++) {
    log.append(ann, bytes(`a${turn % 10}\n`));
    log.append(bob, bytes(`b${turn % 10}..\n`));
    expect(readAll(log, eve, cursor)).toBe(`a${turn % 10}\nb${turn % 10}..\n`);
    expect(readAll(log, ann, cursor)).toBe(`b${turn % 10}..\n`);
    cursor = log.head;
    log.release(cursor);
  }
  expect(log.head).toBe(800);
});

test("it is full when its bytes are, and has room as soon as they are released", () => {
  const log = new LineLog(8);
  const ann = speaker();
  log.append(ann, bytes("1234567\n"));
  expect(log.freeBytes).toBe(0);
  expect(() => log.append(ann, bytes("\n"))).toThrow("a run fits the log");
  log.release(3);
  expect(log.freeBytes).toBe(3);
});

test("it is full when its notes are, so that empty lines cannot make it grow", () => {
  const log = new LineLog(1000, 4);
  const [ann, bob] = [speaker(), speaker()];
  for (const who of [ann, bob, ann, bob]) log.append(who, bytes("\n"));
  expect(log.freeBytes).toBe(0);
  log.release(1);
  expect(log.freeBytes).toBe(997);
});

test("one speaker's lines in a row need one note", () => {
  const log = new LineLog(1000, 2);
  const ann = speaker();
  for (let line = 0; line < 100; line++) log.append(ann, bytes("a\n"));
  expect(log.freeBytes).toBe(800);
  expect(readAll(log, ann, 0)).toBe("");
});

test("more than fits one gathering is read piece by piece", () => {
  const log = new LineLog(1 << 20);
  const [ann, bob] = [speaker(), speaker()];
  const line = bytes(`${"x".repeat(999)}\n`);
  log.append(bob, bytes("mine\n"));
  for (let count = 0; count < 600; count++) log.append(ann, line);
  log.append(bob, bytes("mine too\n"));
  log.append(ann, bytes("end\n"));
  const text = readAll(log, bob, 0);
  expect(text.length).toBe(600 * 1000 + 4);
  expect(text).not.toContain("mine");
});
