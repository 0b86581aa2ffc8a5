import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";

import { readProxyHeader } from "../../lib/server/proxy-protocol.ts";
import { type Certificates, makeCertificates } from "../certificates.ts";
import { endAfterEach, Peer, runToEnd, serverCommand, ServerProgram } from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { Random } from "../simulation/random.ts";

endAfterEach();

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const TCP4 = "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
const SOURCE4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 0x04, 1, 187];
const SOURCE6 = [...Buffer.from("20010db8000000000000000000000007", "hex"), ...Buffer.alloc(16)];
const MAPPED = [...Buffer.from("00000000000000000000ffffc0000207", "hex"), ...Buffer.alloc(16)];
const PORTS = [0xdc, 0x04, 1, 187];
/** An SSL TLV and one that nobody knows. */
const TLVS = [0x20, 0, 5, 1, 0, 0, 0, 0, 0xe0, 0, 3, 97, 98, 99];

const binary = (command: number, family: number, rest: readonly number[]) =>
  Buffer.from([
    ...Buffer.from(SIGNATURE, "latin1"),
    command,
    family,
    rest.length >> 8,
    rest.length & 255,
    ...rest,
  ]);
const read = (header: string | Uint8Array) =>
  readProxyHeader(Buffer.from(header as string, "latin1"));
const LOCAL = binary(0x20, 0, []);
const client = { address: "192.0.2.7", port: 56_324 };
const client6 = { address: "2001:db8::7", port: 56_324 };

const GOOD: [name: string, header: string | Uint8Array, client: unknown][] = [
  ["TCP4", TCP4, client],
  ["TCP6", "PROXY TCP6 2001:DB8:0:0:0::7 ::1 56324 443\r\n", client6],
  ["TCP6 with an IPv4 address", "PROXY TCP6 ::ffff:192.0.2.7 ::1 56324 443\r\n", client],
  ["TCP6 with one in hexadecimal", "PROXY TCP6 ::ffff:c000:207 ::1 56324 443\r\n", client],
  ["UNKNOWN", "PROXY UNKNOWN\r\n", undefined],
  ["UNKNOWN with anything", "PROXY UNKNOWN ffff::1 what ever\r\n", undefined],
  ["v2, TCP over IPv4", binary(0x21, 0x11, SOURCE4), client],
  ["v2, TCP over IPv6", binary(0x21, 0x21, [...SOURCE6, ...PORTS]), client6],
  ["v2, IPv4 in IPv6", binary(0x21, 0x21, [...MAPPED, ...PORTS]), client],
  ["v2 with TLVs", binary(0x21, 0x11, [...SOURCE4, ...TLVS]), client],
  ["v2, LOCAL", binary(0x20, 0x00, []), undefined],
  ["v2, LOCAL, with an address", binary(0x20, 0x11, SOURCE4), undefined],
  ["v2, LOCAL, of a family that nobody knows", binary(0x20, 0x77, SOURCE4), undefined],
  ["v2, unspecified", binary(0x21, 0x00, []), undefined],
  ["v2, a Unix socket", binary(0x21, 0x31, Array(216).fill(65)), undefined],
  ["v2, UDP", binary(0x21, 0x12, SOURCE4), undefined],
  ["v2, as long as it may be", binary(0x21, 0x11, [...SOURCE4, ...Array(4068).fill(0)]), client],
];

const MALFORMED: [name: string, header: string | Uint8Array][] = [
  ["a port too high", "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n"],
  ["a port with a zero in front", "PROXY TCP4 192.0.2.7 10.0.0.1 056 443\r\n"],
  ["the other family", "PROXY TCP4 ::1 ::1 56324 443\r\n"],
  ["an address with an interface", "PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n"],
  ["no address", "PROXY TCP4 192.0.2.7 443\r\n"],
  ["two spaces", "PROXY  TCP4 192.0.2.7 10.0.0.1 56324 443\r\n"],
  ["LF alone", "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\n"],
  ["UNKNOWN and more", "PROXY UNKNOWNS\r\n"],
  ["no end", `PROXY TCP4 ${"1".repeat(200)}`],
  ["an end that comes late", `PROXY UNKNOWN ${"1".repeat(92)}\r\n`],
  ["v2, another version", binary(0x31, 0x11, SOURCE4)],
  ["v2, another command", binary(0x22, 0x11, SOURCE4)],
  ["v2, another family", binary(0x21, 0x41, SOURCE4)],
  ["v2, another transport", binary(0x21, 0x13, SOURCE4)],
  ["v2, half an address", binary(0x21, 0x21, SOURCE4)],
  ["v2, too long", binary(0x21, 0x11, [...SOURCE4, ...Array(4069).fill(0)])],
];

describe("a PROXY header", () => {
  for (const [name, header, expected] of GOOD)
    test(`${name}, wherever it is cut`, () => {
      const bytes = Buffer.from(header as string, "latin1");
      for (let end = 1; end < bytes.length; end++)
        expect(read(bytes.subarray(0, end))).toBeUndefined();
      const said = Buffer.concat([bytes, Buffer.from("PROXY more\n")]);
      expect(read(said)).toEqual({
        bytes: bytes.length,
        client: expected as typeof client,
        isLocal: name.includes("LOCAL"),
      });
    });

  for (const [name, header] of MALFORMED)
    test(`malformed: ${name}`, () => expect(() => read(header)).toThrow("malformed PROXY header"));

  test("none: known as soon as it can be", () => {
    for (const said of ["x", "PROX ", "PROXy ", "\r\n\r\n\n", "hello\n", "\x16\x03\x01"])
      expect(() => read(said)).toThrow("no PROXY header");
  });

  test("of random bytes behind any beginning never takes more than 4 KiB, and never fails otherwise", () => {
    const random = new Random(7);
    for (let round = 0; round < 3000; round++) {
      const [, header] = random.pick(GOOD);
      const start = Buffer.from(header as string, "latin1");
      const noise = Buffer.from(
        Array.from({ length: random.below(5000) }, () => random.below(256)),
      );
      const said = Buffer.concat([start.subarray(0, random.below(start.length)), noise]);
      try {
        const found = read(said);
        if (found === undefined) expect(said.length).toBeLessThan(4096);
        else expect(found.bytes).toBeLessThanOrEqual(4096);
      } catch (error) {
        expect(`${error}`).toMatch(/(no|malformed) PROXY header/);
      }
    }
  });
});

describe("behind a load balancer", () => {
  const start = (...options: string[]) =>
    ServerProgram.start("--proxy-protocol", "127.0.0.0/8", ...options);

  test("a client has the address of the header in the log, in rules and in counts", async () => {
    const server = await start("--deny", "192.0.2.9", "--max-clients-per-address", "1");
    const ann = await Peer.connect(server.port, { says: TCP4 });
    await server.logged(/ joined 192\.0\.2\.7:56324 \(1 here\)/);
    const denied = "PROXY TCP4 192.0.2.9 10.0.0.1 56324 443\r\n";
    const eve = await Peer.connect(server.port, { says: denied });
    expect(await eve.hearsAll()).toBe("* not allowed from 192.0.2.9\n");
    const again = await Peer.connect(server.port, { says: TCP4 });
    expect(await again.hearsAll()).toBe("* too many connections from 192.0.2.7\n");
    await Peer.connect(server.port, { says: TCP4.replace("2.7", "2.8") });
    await server.logged(/ joined 192\.0\.2\.8:56324 \(2 here\)/);
    ann.reset();
    await server.logged("left 192.0.2.7:56324: reset");
  });

  test("what follows the header at once is said, and a header in pieces is one", async () => {
    const server = await start();
    const listener = await Peer.connect(server.port, { says: TCP4 });
    await server.members(1);
    const v2 = binary(0x21, 0x21, [...SOURCE6, ...PORTS, ...TLVS]);
    const talker = await Peer.connect(server.port);
    for (const part of [v2.subarray(0, 3), v2.subarray(3, 20), v2.subarray(20)]) {
      talker.say(part);
      await Bun.sleep(20);
    }
    talker.say("PROXY is a line from here on\n");
    await listener.hears("PROXY is a line from here on\n");
    await server.logged(/ joined \[2001:db8::7\]:56324 /);
    const quick = await Peer.connect(server.port, { says: `${TCP4}hello\n` });
    await listener.hears("hello\n");
    await talker.hears("hello\n");
    expect(quick.text).toBe("");
    expect(listener.text).toBe("PROXY is a line from here on\nhello\n");
  });

  test("its own connections, LOCAL or UNKNOWN, have its own address", async () => {
    const server = await start();
    for (const header of [Buffer.concat([LOCAL, Buffer.from("hello\n")]), "PROXY UNKNOWN\r\n"]) {
      const peer = await Peer.connect(server.port);
      peer.say(header);
      await server.logged(` joined ${peer.name} `);
    }
    const slow = await Peer.connect(server.port);
    slow.say(LOCAL);
    await Bun.sleep(20);
    slow.say("hello\n");
    await server.logged(` joined ${slow.name} `);
  });

  test("it may look whether somebody is there, and nobody takes note of that", async () => {
    const server = await start();
    for (const leave of ["endInput", "reset"] as const) {
      const look = await Peer.connect(server.port);
      look.say(LOCAL);
      await Bun.sleep(20);
      look[leave]();
      await look.closed();
    }
    await Peer.connect(server.port, { says: TCP4 });
    await server.members(1);
    expect(server.count(/ (joined|left|refused) /)).toBe(1);
  });

  test("without a header, with another, or too late, it is refused and logged", async () => {
    const server = await start();
    const witness = await Peer.connect(server.port, { says: TCP4 });
    await server.members(1);
    for (const [said, word] of [
      ["hello\n", "no PROXY header"],
      ["PROXY TCP5 1 2 3 4\r\n", "malformed PROXY header"],
    ] as const) {
      const peer = await Peer.connect(server.port, { says: said });
      expect(await peer.hearsAll()).toBe(`* ${word}\n`);
      await server.logged(` refused ${peer.name}: ${word} (1 here)`);
    }
    const silent = await Peer.connect(server.port);
    silent.endInput();
    expect(await silent.hearsAll()).toBe("* no PROXY header\n");
    const last = await Peer.connect(server.port, { says: `${TCP4}the end\n` });
    await witness.hears("the end\n");
    expect(witness.text).toBe("the end\n");
    await last.end();
  });

  test("from anywhere else a header is a line like any other", async () => {
    const server = await ServerProgram.start("--proxy-protocol", "127.0.0.9");
    const listener = await server.join();
    const talker = await server.join();
    talker.say(TCP4);
    await listener.hears(TCP4);
  });

  test("those whose header is awaited hold a seat, and a stop ends them", async () => {
    const server = await start("--max-clients", "2");
    const waiting = [await Peer.connect(server.port), await Peer.connect(server.port)];
    const late = await Peer.connect(server.port, { says: TCP4 });
    expect(await late.hearsAll()).toBe("* room is full\n");
    for (const peer of waiting) peer.say(TCP4.slice(0, 20));
    server.kill("SIGTERM");
    for (const peer of waiting) await peer.endOfInput();
    expect(await server.exited).toBe(0);
    expect(server.stderr).toMatch(/refused .*: server stopping/);
  });

  test("is not a matter of paths", async () => {
    const command = serverCommand("--unix", "room", "--proxy-protocol", "10.0.0.1");
    const { code, stderr } = await runToEnd(command);
    expect([code, stderr]).toEqual([
      2,
      "linechat-server: --proxy-protocol does not go with --unix (--help shows how)\n",
    ]);
  });
});

describe("over TLS the header comes before the handshake", () => {
  let certificates: Certificates | undefined;
  afterAll(() => certificates && rmSync(certificates.file(""), { recursive: true }));
  const pem = (name: string) => (certificates ??= makeCertificates()).file(name);
  const start = () =>
    ServerProgram.start(
      ...["--proxy-protocol", "127.0.0.1", "--tls-cert", pem("server.pem")],
      ...["--tls-key", pem("server.key")],
    );

  for (const how of [
    "in one piece with it",
    "in a piece of its own",
    "cut in two, the rest with it",
  ])
    testWith("openssl")(how, async () => {
      const server = await start();
      const [ann, bob] = [
        await throughProxy(server.port, how, pem("ca.pem")),
        await throughProxy(server.port, how, pem("ca.pem")),
      ];
      await server.members(2);
      expect(server.count(/ joined 192\.0\.2\.7:56324 /)).toBe(2);
      const said = `${"x".repeat(60_000)}\n`;
      ann.write(said);
      let heard = "";
      for await (const bytes of bob) if ((heard += bytes).length === said.length) break;
      expect(heard).toBe(said);
      server.kill("SIGTERM");
      ann.destroy();
      bob.destroy();
      expect(await server.exited).toBe(0);
    });

  testWith("openssl")(
    "what follows is no handshake, or there is no header: it is reset",
    async () => {
      const server = await start();
      const plain = await Peer.connect(server.port, { says: `${TCP4}GET / HTTP/1.0\r\n\r\n` });
      await plain.closed();
      await server.logged("refused 192.0.2.7:56324: the handshake failed: plain text (0 here)");
      const bare = await Peer.connect(server.port, { says: "GET / HTTP/1.0\r\n\r\n" });
      expect(await bare.closed()).toBe("error");
      await server.logged(`refused ${bare.name}: no PROXY header (0 here)`);
      const good = await throughProxy(server.port, "in one piece with it", pem("ca.pem"));
      await server.members(1);
      good.destroy();
      await server.members(0);
    },
  );
});

test("two servers share a port with --reuse-port, each with some of the clients", async () => {
  const one = await ServerProgram.start("--reuse-port");
  const words = ["--reuse-port", "--host", "127.0.0.1", `${one.port}`];
  const other = await ServerProgram.run(serverCommand(...words));
  for (let count = 0; count < 40; count++) await Peer.connect(one.port);
  for (const server of [one, other]) await server.logged(/ joined /);
  const refused = await runToEnd(serverCommand("--host", "127.0.0.1", `${one.port}`));
  expect(refused.stderr).toContain("the address is in use");
});

/** Speaks TLS behind a header, as through a load balancer. */
async function throughProxy(port: number, how: string, ca: string) {
  const plain = connect({ host: "127.0.0.1", port });
  let header = TCP4;
  const first = (part: number) => {
    plain.write(header.slice(0, part));
    header = header.slice(part);
  };
  if (how.includes("of its own")) first(header.length);
  if (how.includes("cut")) first(9);
  if (header !== TCP4) await Bun.sleep(50);
  const through = new Duplex({
    read() {},
    write(bytes: Buffer, _, done) {
      plain.write(Buffer.concat([Buffer.from(header), bytes]), () => done());
      header = "";
    },
    final: (done) => plain.end(done),
    destroy: (error, done) => done(plain.destroy() && error),
  });
  plain.on("data", (bytes) => through.push(bytes));
  plain.on("end", () => through.push(null));
  plain.on("error", () => {});
  const secure = connectTls({ socket: through, servername: "localhost", ca: readFileSync(ca) });
  secure.on("error", () => {});
  await new Promise((resolve) => secure.once("secureConnect", resolve));
  return secure;
}
