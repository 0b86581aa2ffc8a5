/** `--history`: what a newcomer gets of what was sent before. */

import { expect, setDefaultTimeout, test } from "bun:test";

import { history } from "../../lib/extras/history.ts";
import { openParts } from "./open-parts.ts";

setDefaultTimeout(60_000);

test("to find its beginning costs little, however many lines there are and however often it is done", () => {
  const lines = 100_000;
  const line = Buffer.alloc(80, `${"x".repeat(79)}\n`);
  const { room, join, member } = openParts([() => history({ bytes: 8 << 20, lines })]);
  const append = () => {
    room.log.append({ lastRun: -1 }, line);
    room.log.release(room.log.head);
  };
  for (let sent = 0; sent < 2 * lines; sent++) append();
  const began = process.cpuUsage();
  for (let newcomers = 0; newcomers < 1000; newcomers++) {
    append();
    const socket = join("ann");
    expect(room.log.head - member("ann").cursor.position).toBe(lines * line.length);
    socket.data.closed();
    room.log.release(room.log.head);
  }
  // To look for them each time takes five seconds of processor time.
  expect(process.cpuUsage(began).user).toBeLessThan(1_000_000);
});
