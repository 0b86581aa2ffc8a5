/** `--history`: what a newcomer gets of what was sent before. */

import { expect, setDefaultTimeout, test } from "bun:test";

import { history } from "../../lib/extras/history.ts";
import { openParts } from "./open-parts.ts";

setDefaultTimeout(60_000);

test("a newcomer gets the last lines, then a mark, then all that is sent, without a gap", () => {
  const { join, settle } = openParts([() => history({ bytes: 100, lines: 2 })]);
  const ann = join("ann");
  ann.sends("1\n2\n");
  ann.sends("3\n");
  const bob = join("bob");
  ann.sends("4\n");
  bob.sends("5\n");
  settle();
  expect(ann.received).toBe("* end of history\n5\n");
  expect(bob.received).toBe("2\n3\n* end of history\n4\n");
});

test("to find its beginning costs little, however many lines there are and however often it is done", () => {
  const lines = 100_000;
  const line = Buffer.alloc(80, `${"x".repeat(79)}\n`);
  const { room, join, member } = openParts([() => history({ bytes: 8 << 20, lines })]);
  const append = () => room.log.append({ lastRun: -1 }, line);
  const begins = (): number => {
    const socket = join("ann");
    const { position } = member("ann").cursor;
    socket.data.closed();
    return position;
  };
  for (let sent = 0; sent < 2 * lines; sent++) {
    append();
    if (sent % 1000 === 0) room.log.release(room.log.head);
  }
  const began = process.cpuUsage();
  for (let newcomers = 0; newcomers < 1000; newcomers++) {
    append();
    room.log.release(room.log.head);
    expect(room.log.head - begins()).toBe(lines * line.length);
  }
  // To look for them each time takes five seconds of processor time.
  expect(process.cpuUsage(began).user).toBeLessThan(1_000_000);
});
