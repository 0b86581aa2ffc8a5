/** `--announce`: join and leave notices. */

import { expect, test } from "bun:test";

import { PREFIX_BYTES_MAX } from "../../lib/extras/names/names.ts";
import { presence } from "../../lib/extras/presence.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { type Make, openParts, type Options } from "./open-parts.ts";

/** A room, in which each has a name and an address, as behind a door that asks for the name. */
function openRoom(options: Options = {}, before: Make[] = []) {
  const opened = openParts([...before, presence], options);
  const join = (name: string) => {
    const socket = new FakeSocket();
    opened.room.join(socket, name, `${name} [::1]:1`);
    return socket;
  };
  return { ...opened, join };
}

test("how many are here is not told where other servers share the room", () => {
  const { log } = openParts([]).room;
  const { join, settle } = openRoom({}, [() => ({ order: log })]);
  join("ann");
  settle();
  const { bytes } = log.read({ lastRun: -1 }, 0, log.head);
  expect(new TextDecoder().decode(bytes)).toStartWith("* ann joined\n");
});

test("the longest notice fits into the shortest line that goes with notices", () => {
  const [address, name] = [`web:[${"2001:0db8:".repeat(4)}]:65535`, "\u{1d49c}".repeat(32)];
  for (const [called, addedBytesMax] of [
    [address, 0],
    [name, PREFIX_BYTES_MAX],
  ] as const) {
    const { join, settle } = openRoom({ lineBytesMax: 128, addedBytesMax });
    const ann = join("ann");
    join(called);
    settle();
    expect(ann.received).toEndWith(`* ${called} joined (2 here)\n`);
  }
});
