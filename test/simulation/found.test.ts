/** What the simulator has found, and finds so rarely that it is told again as a story. */

import { expect, test } from "bun:test";

import { telnet } from "../../lib/doors/telnet.ts";
import { openParts } from "../extras/open-parts.ts";

test("one that is found gone as telnet answers what it has sent while it waited does not join", () => {
  const { accept, pass, room } = openParts([telnet], { clientsMax: 1 });
  const [ann, bob] = [accept(), accept()];
  bob.data.received(Uint8Array.of(0xff, 0xfb, 0x1f));
  bob.write = () => {
    bob.onClosed();
    return -1;
  };
  ann.onClosed();
  pass(0);
  expect(room.size).toBe(0);
});
