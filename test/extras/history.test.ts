/** `--history`: what a newcomer hears of what was said before. */

import { describe, expect, test } from "bun:test";

import { LineLog, type Speaker } from "../../lib/room/line-log.ts";
import { openRoom } from "./open-room.ts";

const MARK = "* until here what was said before\n";

describe("the log looks back", () => {
  test("to the start of a line, wherever it wraps, as the slow way finds it", () => {
    for (let historyBytes = 1; historyBytes < 12; historyBytes++)
      for (const linesMax of [1, 2, 3, 100, Number.POSITIVE_INFINITY]) {
        const log = new LineLog(7, undefined, historyBytes, linesMax);
        const ann: Speaker = { lastRun: -1 };
        const said: string[] = [];
        for (let length = 1; said.length < 60; length = (length * 3 + 1) % 6 || 6) {
          const line = `${"abcdef".slice(0, length - 1)}\n`;
          said.push(line);
          log.append(ann, Buffer.from(line));
          log.release(log.head);
          let [bytes, lines] = [0, 0];
          for (const one of said.toReversed()) {
            if (lines === linesMax || bytes + one.length > historyBytes) break;
            bytes += one.length;
            lines++;
          }
          expect(log.historyStart).toBe(log.head - bytes);
          expect(log.freeBytes).toBe(7 + historyBytes);
        }
      }
  });

  test("and holds what a reader of history has not taken", () => {
    const log = new LineLog(4, undefined, 4);
    const ann: Speaker = { lastRun: -1 };
    log.append(ann, Buffer.from("1\n2\n"));
    log.release(4);
    const position = log.historyStart;
    log.goBack(position);
    log.append(ann, Buffer.from("3\n4\n"));
    log.release(position);
    expect(log.freeBytes).toBe(0);
    log.release(2);
    expect(log.freeBytes).toBe(2);
  });

  test("at little cost, however many lines there are and however often it does", () => {
    const lines = 100_000;
    const log = new LineLog(8 << 20, undefined, 8 << 20, lines);
    const line = Buffer.from(`${"x".repeat(79)}\n`);
    const ann: Speaker = { lastRun: -1 };
    const say = () => {
      log.append(ann, line);
      log.release(log.head);
    };
    for (let said = 0; said < 2 * lines; said++) say();
    const beganMs = performance.now();
    for (let newcomers = 0; newcomers < 1000; newcomers++) {
      say();
      expect(log.head - log.historyStart).toBe(lines * line.length);
    }
    // To look for them anew each time takes five seconds.
    expect(performance.now() - beganMs).toBeLessThan(1000);
  });

  test("needs no notes of what everybody has", () => {
    const log = new LineLog(1000, 4, 1000);
    for (let n = 0; n < 100; n++) {
      log.append({ lastRun: -1 }, Buffer.from("1\n"));
      log.release(log.head);
    }
    expect(log.freeBytes).toBeGreaterThan(0);
  });
});

describe("a newcomer", () => {
  test("hears the last lines, then all that is said, without a gap and without a seam", () => {
    const { join, settle } = openRoom({ history: { bytes: 100, lines: 2 } });
    const ann = join("ann");
    ann.says("1\n2\n");
    ann.says("3\n");
    const bob = join("bob");
    ann.says("4\n");
    bob.says("5\n");
    settle();
    expect([ann.heard, bob.heard]).toEqual(["5\n", "2\n3\n4\n"]);
  });

  test("hears what those have said who are gone, and what the program has said", () => {
    const { room, join, settle } = openRoom({ history: { bytes: 100 } });
    const ann = join("ann");
    ann.says("1\n");
    ann.data.ended();
    settle();
    void room.say("2");
    settle();
    const again = join("ann");
    settle();
    expect(again.heard).toBe("1\n2\n");
  });

  test("is told where the past ends, with --announce, alone, and only if there is any", () => {
    const { join, settle } = openRoom({ history: { bytes: 100 }, announce: true });
    const ann = join("ann");
    settle();
    ann.says("1\n");
    const bob = join("bob", 3);
    ann.says("2\n");
    settle();
    expect(bob.heard).toBe("* a");
    bob.drains(30);
    settle();
    expect(bob.heard).toBe("* ann joined (1 here)\n1\n* until h");
    bob.drains(100);
    settle();
    expect(bob.heard).toBe(`* ann joined (1 here)\n1\n${MARK}2\n`);
    expect(ann.heard).toBe("* bob joined (2 here)\n");
  });

  test("that half-closes at once still gets all of it, then EOF", () => {
    const { join, settle, left } = openRoom({ history: { bytes: 1 << 20 }, announce: true });
    const ann = join("ann");
    const past = `${"x".repeat(999)}\n`.repeat(200);
    ann.says(past);
    settle();
    const bob = join("bob", 100);
    bob.says("bye");
    bob.data.ended();
    settle();
    expect(bob.ended).toBe(false);
    bob.drains(1 << 20);
    settle();
    expect(bob.heard === `* ann joined (1 here)\n${past}${MARK}`).toBe(true);
    expect([bob.ended, left]).toEqual([true, ["bob: end of input"]]);
    expect(ann.heard).toContain("bye\n* bob left: end of input (1 here)\n");
  });

  test("that takes all but the mark has to take it too", () => {
    const history = { history: { bytes: 100 }, announce: true, patienceMs: 1000, lingerMs: 1000 };
    const { join, pass, settle, left } = openRoom(history);
    join("ann").says("1\n");
    const bob = join("bob", `* ann joined (1 here)\n1\n`.length);
    bob.data.ended();
    settle();
    pass(2000);
    expect(left).toEqual(["bob: too slow"]);
  });

  test("makes nobody wait: all newcomers together are written so much in a turn, in turn", () => {
    const { join, pass, due } = openRoom({ history: { bytes: 8 << 20 } });
    const ann = join("ann");
    const line = Buffer.alloc(64 << 10, "x");
    line[line.length - 1] = 0x0a;
    for (let n = 0; n < 100; n++) ann.data.received(line);
    pass(0);
    const newcomers = Array.from({ length: 20 }, (_, n) => join(`${n}`));
    const taken = () => newcomers.map(({ heard }) => heard.length >> 16);
    pass(0);
    expect(taken()).toEqual(Array.from({ length: 20 }, (_, n) => (n < 16 ? 1 : 0)));
    pass(0);
    expect(Math.max(...taken()) - Math.min(...taken())).toBeLessThanOrEqual(1);
    expect(due.now).toBe(true);
  });

  test("that stops in the middle holds the room up no sooner than any reader does", () => {
    const sizes = { logBytes: 8, lineBytesMax: 8, patienceMs: 1000, history: { bytes: 8 } };
    const { join, pass, settle, left } = openRoom(sizes);
    const ann = join("ann");
    ann.says("1\n2\n3\n4\n");
    settle();
    const bob = join("bob", 1);
    ann.says("5\n6\n7\n8\n");
    settle();
    expect(ann.paused).toBe(false);
    ann.says("9\n");
    settle();
    expect(ann.paused).toBe(true);
    bob.drains(3);
    settle();
    expect([ann.paused, bob.heard]).toEqual([false, "1\n2\n"]);
    ann.says("a\n".repeat(9));
    settle();
    pass(999);
    expect(left).toEqual([]);
    pass(1);
    expect(left).toEqual(["bob: too slow"]);
  });
});
