/** How a client over TLS ends: by its own close_notify, or cut off by anybody in between. */

import { expect } from "bun:test";
import { once } from "node:events";
import type { SecureVersion } from "node:tls";

import { endAfterEach, Peer } from "../harness.ts";
import { Between, type Wire } from "../harness/between.ts";
import { besideWith } from "../harness/tools.ts";
import { material, openServer, trusting } from "./open-server.ts";

endAfterEach();

const test = besideWith("openssl");

/** A member, and a client with somebody in between who may end it anywhere. */
async function begin(version: SecureVersion, options: object = {}) {
  const server = await openServer({ tls: material(), ...options });
  const bob = await server.join({ tls: trusting() });
  const through = async () => {
    const between = await Between.open(server.port);
    const ann = await Peer.connect(between.port, { tls: trusting({ version }) });
    const [{ near, far: wire }] = between.wires as [Wire]; // The peer has shaken hands through it.
    /** Has the client send something, and waits until it is on the wire. */
    const say = async (what: string) => {
      const passed = once(near, "data");
      ann.say(what);
      await passed;
    };
    return { ann, wire, say, name: `${wire.localAddress}:${wire.localPort}` };
  };
  return { ...server, bob, through };
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`${version}: a client that is cut off is told from one that ends, and has sent no unfinished line`, async () => {
    const { happened, events, bob, through } = await begin(version);
    const [type, bytes] = version === "TLSv1.3" ? [23, 19] : [21, 26];
    const begun = [23, 3, 3, 0, 40, 1, 2, 3];
    const likeCloseNotify = [type, 3, 3, 0, bytes, ...Buffer.alloc(bytes)];
    const damaged = [23, 3, 3, 0, 26, ...Buffer.alloc(26)];
    let relayed = "";
    for (const [last, record, why] of [
      // In TLS 1.3, a record of two bytes looks as long as close_notify.
      ...["a\n", "\n", "a"].map((last) => [last, [], "cut off"] as const),
      ["rm -rf /", begun, "cut off"],
      ["rm -rf /", likeCloseNotify, "(cut off|damaged TLS)"],
      ["rm -rf /", damaged, "(cut off|damaged TLS)"],
    ] as const) {
      const { say, wire, name } = await through();
      await say("first\n");
      await bob.hearsBytes(relayed.length + 6);
      await say(last);
      relayed += `first\n${last.endsWith("\n") ? last : ""}`;
      await bob.hearsBytes(relayed.length);
      wire.end(Buffer.from(record));
      await happened(new RegExp(`^left ${name}: ${why}$`));
      expect(bob.text).toBe(relayed);
    }
    expect(events.join()).not.toContain("error");
  });

  test(`${version}: a flood that was held up ends with close_notify all the same`, async () => {
    const { happened, bob, through } = await begin(version, { logBytes: 1 << 18 });
    const { ann, say, name } = await through();
    bob.pause();
    await say("0123456789abcde\n".repeat(1 << 19));
    ann.say("the end");
    ann.endInput();
    bob.resume();
    await bob.hears("the end\n");
    await happened(`left ${name}: end of input`);
  });
}
