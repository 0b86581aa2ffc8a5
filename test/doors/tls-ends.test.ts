/** How a client over TLS ends: by its own close_notify, or cut off by anybody in between. */

import { afterAll, describe, expect } from "bun:test";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SecureVersion } from "node:tls";

import { type Certificates, makeCertificates } from "../certificates.ts";
import { atEnd, endAfterEach, newFolder, Peer, Program, ServerProgram } from "../harness.ts";
import { openBetween, type Wire } from "../harness/between.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();

const test = testWith("openssl");
let certificates: Certificates | undefined;
afterAll(() => certificates && rmSync(certificates.file(""), { recursive: true }));
const pem = (name: string) => (certificates ??= makeCertificates()).file(name);
const VERSIONS: SecureVersion[] = ["TLSv1.2", "TLSv1.3"];

const start = (...options: string[]) =>
  ServerProgram.start("--tls-cert", pem("server.pem"), "--tls-key", pem("server.key"), ...options);

const trusting = (version?: SecureVersion) => ({
  ...{ servername: "localhost", ca: readFileSync(pem("ca.pem")) },
  ...(version && { minVersion: version, maxVersion: version }),
});

/** A peer, and the connection of somebody in between who may end it anywhere. */
async function through(server: ServerProgram, version: SecureVersion) {
  const between = await openBetween(server.port);
  atEnd(between.close);
  const peer = await Peer.connect(between.port, { tls: trusting(version) });
  const [{ near, far: wire }] = between.wires as [Wire]; // The peer has shaken hands through it.
  return {
    ...{ peer, wire, name: `${wire.localAddress}:${wire.localPort}` },
    /** Has the peer say something, and waits until it is on the wire. */
    async say(what: string) {
      const passed = once(near, "data");
      peer.say(what);
      await passed;
    },
  };
}

for (const version of VERSIONS)
  describe(`over ${version}`, () => {
    /** Two members, of whom one has sent a line and the start of another. */
    const begin = async (sent: string, ...options: string[]) => {
      const server = await start(...options);
      const bob = await server.join({ tls: trusting() });
      const ann = await through(server, version);
      await server.logged(`joined ${ann.name} `);
      ann.peer.say(sent);
      await bob.hears(sent.slice(0, sent.lastIndexOf("\n") + 1));
      return { server, bob, ...ann };
    };

    test("what is unfinished when a client is cut off is no line; it still gets what is pending", async () => {
      const { server, bob, peer, wire, name } = await begin("whole\nrm -rf /");
      // Of the next record, only a part arrives.
      wire.end(Buffer.from([23, 3, 3, 0, 40, 1, 2, 3]));
      await server.logged(`left ${name}: cut off (1 here)`);
      bob.say("bye\n");
      expect(await peer.endOfInput()).toBe(true);
      bob.endInput();
      expect(await bob.hearsAll()).toBe("whole\n");
    });

    // In TLS 1.3, a record of two bytes looks as long as close_notify.
    test.each(["a\n", "\n", "a"])("after %j, too, a cut is told from an end", async (last) => {
      const { server, bob, say, wire, name } = await begin("first\n");
      await say(last);
      if (last.endsWith("\n")) await bob.hears(`first\n${last}`);
      wire.end();
      await server.logged(`left ${name}: cut off (1 here)`);
      expect(bob.text).toBe(`first\n${last.endsWith("\n") ? last : ""}`);
    });

    test("after close_notify it is a line", async () => {
      const { server, bob, peer, name } = await begin("whole\nrm -rf /");
      peer.say("tmp/x");
      peer.endInput();
      await server.logged(`left ${name}: end of input (1 here)`);
      await bob.hears("whole\nrm -rf /tmp/x\n");
    });

    test("what only looks like close_notify is none", async () => {
      const { server, bob, wire, name } = await begin("whole\nrm -rf /");
      const [type, bytes] = version === "TLSv1.3" ? [23, 19] : [21, 26];
      wire.end(Buffer.from([type, 3, 3, 0, bytes, ...Buffer.alloc(bytes)]));
      await server.logged(new RegExp(`left ${name}: (cut off|damaged TLS) \\(1 here\\)`));
      expect(bob.text).toBe("whole\n");
    });

    test("what comes damaged is no failure of the server: one line says why the client left", async () => {
      const { server, bob, wire, name } = await begin("whole\nrm -rf /");
      wire.write(Buffer.from([23, 3, 3, 0, 26, ...Buffer.alloc(26)]));
      await server.logged(`left ${name}: damaged TLS (1 here)`);
      expect(server.stderr).not.toContain("error");
      expect(bob.text).toBe("whole\n");
    });

    test("a flood that was held up ends with close_notify all the same", async () => {
      const { server, bob, peer, say, name } = await begin("first\n", "--buffer", "1M");
      bob.pause();
      await say("0123456789abcde\n".repeat(1 << 20));
      peer.say("the end");
      peer.endInput();
      bob.resume();
      await bob.hears("the end\n");
      await server.logged(`left ${name}: end of input`);
    });

    for (const [what, options, says] of [
      ["a pass phrase", () => ["--pass-file", passFile()], "open sesame"],
      ["a name", () => ["--names"], "ann"],
    ] as const)
      test(`${what} that was cut off is none`, async () => {
        const server = await start(...options());
        const cut = await through(server, version);
        await cut.say(says);
        cut.wire.end();
        await server.logged(`refused ${cut.name}: cut off (0 here)`);
        const whole = await through(server, version);
        await whole.say(says);
        whole.peer.endInput();
        await server.logged(/left [^\n]*: end of input/);
      });
  });

function passFile(): string {
  const file = join(newFolder(), "pass");
  writeFileSync(file, "open sesame\n");
  return file;
}

/** Programs that send lines and end, each in its own way. */
const CLIENTS: Record<string, (port: number) => string> = {
  openssl: (port) =>
    `printf 'hello\\n' | timeout 2 openssl s_client -quiet -connect 127.0.0.1:${port}`,
  ncat: (port) => `printf 'hello\\n' | ncat --ssl 127.0.0.1 ${port}`,
  socat: (port) => `printf 'hello\\n' | socat -t0.2 - OPENSSL:127.0.0.1:${port},verify=0`,
  python3: (port) =>
    `python3 -c "import socket, ssl
context = ssl._create_unverified_context()
ssl_socket = context.wrap_socket(socket.create_connection(('127.0.0.1', ${port})))
ssl_socket.sendall(b'hello\\n')
ssl_socket.close()"`,
};

for (const [name, command] of Object.entries(CLIENTS))
  testWith("openssl", name)(
    `${name}, which may end without close_notify, loses nothing`,
    async () => {
      const server = await start();
      const bob = await server.join({ tls: trusting() });
      new Program(["sh", "-c", command(server.port)]);
      await bob.hears("hello\n");
      await server.logged(/left \S+: (cut off|end of input) \(1 here\)/);
      expect(bob.text).toBe("hello\n");
    },
  );
