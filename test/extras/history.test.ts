/** `--history`: what a newcomer gets of what was sent before. */

import { describe, expect, test } from "bun:test";

import { history, type HistoryOptions } from "../../lib/extras/history.ts";
import type { Author } from "../../lib/room/order.ts";
import { openParts, type Options } from "./open-parts.ts";

const MARK = "* end of history\n";

function openRoom(options: HistoryOptions, more: Options = {}, passingBytes?: number) {
  const opened = openParts([() => history(options, passingBytes)], more);
  /** A line that is only for those that are here, as notices are. */
  const notice: Author = { lastRun: -1, isPassing: true };
  const append = (text: string, author: Author = { lastRun: -1 }) =>
    opened.room.log.append(author, Buffer.from(text));
  return { ...opened, append, notify: (text: string) => append(text, notice) };
}

describe("a newcomer", () => {
  test("gets the last lines, then a mark, then all that is sent, without a gap", () => {
    const { join, settle } = openRoom({ bytes: 100, lines: 2 });
    const ann = join("ann");
    ann.sends("1\n2\n");
    ann.sends("3\n");
    const bob = join("bob");
    ann.sends("4\n");
    bob.sends("5\n");
    settle();
    expect([ann.received, bob.received]).toEqual([`${MARK}5\n`, `2\n3\n${MARK}4\n`]);
  });

  test("gets them although nothing else happens, and the mark alone if there are none", () => {
    const { join, settle } = openRoom({ bytes: 100 });
    const ann = join("ann");
    settle();
    expect(ann.received).toBe(MARK);
    ann.sends("1\n");
    settle();
    const bob = join("bob");
    settle();
    expect([ann.received, bob.received]).toEqual([MARK, `1\n${MARK}`]);
  });

  test("gets as many lines of members as it may, however many notices there are between them", () => {
    const { join, settle, append, notify } = openRoom({ bytes: 100, lines: 3 });
    for (const line of ["1\n", "2\n", "3\n", "4\n"]) {
      append(line);
      for (let n = 0; n < 20; n++) notify(`* ${n} joined\n`);
    }
    const bob = join("bob");
    notify("* bob joined\n");
    settle();
    expect(bob.received).toBe(`2\n3\n4\n${MARK}* bob joined\n`);
  });

  test("of a socket that takes little gets all of it, cut anywhere, the mark alone included", () => {
    for (let first = 0; first <= `1\n2\n${MARK}`.length; first++) {
      const { join, settle, append, notify } = openRoom({ bytes: 100 });
      append("1\n");
      notify("* eve joined\n");
      append("2\n");
      const bob = join("bob", first);
      settle();
      expect(bob.received).toBe(`1\n2\n${MARK}`.slice(0, first));
      bob.drains(100);
      settle();
      expect(bob.received).toBe(`1\n2\n${MARK}`);
    }
  });

  test("is written no more in a turn than others", () => {
    const { join, pass, due } = openRoom({ bytes: 8 << 20 });
    const ann = join("ann");
    const line = `${"x".repeat((64 << 10) - 1)}\n`;
    for (let n = 0; n < 9; n++) ann.sends(line);
    pass(0);
    const newcomers = Array.from({ length: 20 }, (_, n) => join(`${n}`));
    for (let turn = 1; turn <= 3; turn++) {
      pass(0);
      const bytes = Math.min(turn * (256 << 10), 9 * line.length + MARK.length);
      expect(new Set(newcomers.map(({ received }) => received.length))).toEqual(new Set([bytes]));
      expect(due.now).toBe(turn < 3);
    }
  });
});

test("history is the last whole lines of members that fit, as the slow way finds them", () => {
  for (let bytes = 1; bytes < 12; bytes++)
    for (const lines of [1, 2, 3, 100, undefined])
      for (const passingBytes of [0, 5, 1000]) {
        const { room, join, settle, append, notify } = openRoom(
          { bytes, lines },
          { logBytes: 64, lineBytesMax: 8 },
          passingBytes,
        );
        const sent: { line: string; start: number }[] = [];
        for (let length = 1; sent.length < 40; length = (length * 3 + 1) % 6 || 6) {
          const line = `${"abcdef".slice(0, length - 1)}\n`;
          sent.push({ line, start: room.log.head });
          append(line);
          if (length % 2 === 0) notify("*\n");
          room.log.release(room.log.head);
          let expected = "";
          const oldest = room.log.head - bytes - passingBytes;
          for (const [at, one] of sent.toReversed().entries()) {
            const fits = at < (lines ?? 100) && expected.length + one.line.length <= bytes;
            if (!fits || one.start < oldest) break;
            expected = one.line + expected;
          }
          const bob = join("bob");
          settle();
          expect(bob.received).toBe(expected + MARK);
          bob.data.closed();
          settle();
        }
      }
});

test("to find its beginning costs little, however many lines there are and however often it is done", () => {
  const lines = 100_000;
  const line = `${"x".repeat(79)}\n`;
  const { room, join, member, append } = openRoom({ bytes: 8 << 20, lines });
  const begins = (): number => {
    const socket = join("ann");
    const { position } = member("ann").cursor;
    socket.data.closed();
    return position;
  };
  for (let sent = 0; sent < 2 * lines; sent++) {
    append(line);
    if (sent % 1000 === 0) room.log.release(room.log.head);
  }
  const began = process.cpuUsage();
  for (let newcomers = 0; newcomers < 1000; newcomers++) {
    append(line);
    room.log.release(room.log.head);
    expect(room.log.head - begins()).toBe(lines * line.length);
  }
  // To look for them each time takes five seconds of processor time.
  expect(process.cpuUsage(began).user).toBeLessThan(1_000_000);
});
