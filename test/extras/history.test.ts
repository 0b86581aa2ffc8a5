/** `--history`: what a newcomer gets of what was sent before. */

import { expect, setDefaultTimeout, test } from "bun:test";

import { history, type HistoryOptions } from "../../lib/extras/history.ts";
import type { Author } from "../../lib/room/order.ts";
import { openParts } from "./open-parts.ts";

setDefaultTimeout(60_000);

const MARK = "* end of history\n";

function openRoom(options: HistoryOptions) {
  const opened = openParts([() => history(options)]);
  /** A line that is only for those that are here, as notices are. */
  const notice: Author = { lastRun: -1, isPassing: true };
  const append = (text: string, author: Author = { lastRun: -1 }) =>
    opened.room.log.append(author, Buffer.from(text));
  return { ...opened, append, notify: (text: string) => append(text, notice) };
}

test("a newcomer gets the last lines, then a mark, then all that is sent, without a gap", () => {
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

test("a newcomer gets as many lines of members as it may, however many notices there are between them", () => {
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
