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

/** A client, and the connection of somebody in between who may end it anywhere. */
async function through(port: number, version: SecureVersion) {
  const between = await Between.open(port);
  const peer = await Peer.connect(between.port, { tls: trusting({ version }) });
  const [{ near, far: wire }] = between.wires as [Wire]; // The peer has shaken hands through it.
  return {
    ...{ peer, wire, name: `${wire.localAddress}:${wire.localPort}` },
    /** Has the client send something, and waits until it is on the wire. */
    async say(what: string) {
      const passed = once(near, "data");
      peer.say(what);
      await passed;
    },
  };
}

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  /** Two members, of whom one has sent a line and the start of another. */
  const begin = async (sent: string, logBytes?: number) => {
    const server = await openServer({ tls: material(), logBytes });
    const bob = await server.join({ tls: trusting() });
    const ann = await through(server.port, version);
    await server.happened(`joined ${ann.name}`);
    ann.peer.say(sent);
    await bob.hears(sent.slice(0, sent.lastIndexOf("\n") + 1));
    return { ...server, bob, ...ann };
  };

  test(`${version}: what is unfinished when a client is cut off is no line; it still gets what is pending`, async () => {
    const { happened, bob, peer, wire, name } = await begin("whole\nrm -rf /");
    // Of the next record, only a part arrives.
    wire.end(Buffer.from([23, 3, 3, 0, 40, 1, 2, 3]));
    await happened(`left ${name}: cut off`);
    bob.say("bye\n");
    expect(await peer.endOfInput()).toBe(true);
    bob.endInput();
    expect(await bob.hearsAll()).toBe("whole\n");
  });

  // In TLS 1.3, a record of two bytes looks as long as close_notify.
  for (const last of ["a\n", "\n", "a"])
    test(`${version}: after ${JSON.stringify(last)}, too, a cut is told from an end`, async () => {
      const { happened, bob, say, wire, name } = await begin("first\n");
      await say(last);
      if (last.endsWith("\n")) await bob.hears(`first\n${last}`);
      wire.end();
      await happened(`left ${name}: cut off`);
      expect(bob.text).toBe(`first\n${last.endsWith("\n") ? last : ""}`);
    });

  test(`${version}: what only looks like close_notify is none, and what is damaged is no failure of the server`, async () => {
    const [type, bytes] = version === "TLSv1.3" ? [23, 19] : [21, 26];
    for (const record of [
      [type, 3, 3, 0, bytes, ...Buffer.alloc(bytes)],
      [23, 3, 3, 0, 26, ...Buffer.alloc(26)],
    ]) {
      const { happened, events, bob, wire, name } = await begin("whole\nrm -rf /");
      wire.end(Buffer.from(record));
      await happened(new RegExp(`^left ${name}: (cut off|damaged TLS)$`));
      expect(events.join()).not.toContain("error");
      expect(bob.text).toBe("whole\n");
    }
  });

  test(`${version}: a flood that was held up ends with close_notify all the same`, async () => {
    const { happened, bob, peer, say, name } = await begin("first\n", 1 << 18);
    bob.pause();
    await say("0123456789abcde\n".repeat(1 << 19));
    peer.say("the end");
    peer.endInput();
    bob.resume();
    await bob.hears("the end\n");
    await happened(`left ${name}: end of input`);
  });

  test(`${version}: a pass phrase or a name that was cut off is none`, async () => {
    for (const [options, says] of [
      [{ passPhrase: Buffer.from("open sesame") }, "open sesame"],
      [{ names: true }, "ann"],
    ] as const) {
      const { port, happened } = await openServer({ tls: material(), ...options });
      const cut = await through(port, version);
      await cut.say(says);
      cut.wire.end();
      await happened(`refused ${cut.name}: cut off`);
      const whole = await through(port, version);
      await whole.say(says);
      whole.peer.endInput();
      await happened(/^left .*: end of input$/);
    }
  });
}
