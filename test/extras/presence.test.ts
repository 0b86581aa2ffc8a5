/** `--announce`: join and leave notices, which the simulator checks, but not how long they may be. */

import { expect, test } from "bun:test";

import { PREFIX_BYTES_MAX } from "../../lib/extras/names/names.ts";
import { presence } from "../../lib/extras/presence.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { contextWith, openParts } from "./open-parts.ts";

test.each([
  ["address", `web:[${"2001:0db8:".repeat(4)}]:65535`, 0],
  ["name", "\u{1d49c}".repeat(32), PREFIX_BYTES_MAX],
])(
  "the longest %s fits into the shortest line that goes with notices",
  (_, name, addedBytesMax) => {
    const options = { lineBytesMax: 128, addedBytesMax };
    const { room, join, settle } = openParts([(context) => presence(context, 128)], options);
    const ann = join("ann");
    room.join(new FakeSocket(), name, `${name} [::1]:1`);
    settle();
    expect(ann.received).toEndWith(`* ${name} joined (2 here)\n`);
    expect(() => presence(contextWith(), 127)).toThrow("a --max-line of at least 128");
  },
);
