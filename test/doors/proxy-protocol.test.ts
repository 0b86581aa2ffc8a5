/** A PROXY header: which ones there are, whose a connection is then, and what comes behind it. */

import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { compose, Transform } from "node:stream";
import { connect as connectTls } from "node:tls";

import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { proxyProtocol, readProxyHeader } from "../../lib/doors/proxy-protocol.ts";
import { tls } from "../../lib/doors/tls.ts";
import type { Life } from "../../lib/room/socket.ts";
import { contextWith, openParts } from "../extras/open-parts.ts";
import { atEnd, endAfterEach, Peer } from "../harness.ts";
import { besideWith } from "../harness/tools.ts";
import { FakeSocket } from "../room/fake-socket.ts";
import { HTTP_ANSWER } from "../simulation/first-line.ts";
import { openDoors } from "./open-doors.ts";
import { material, openServer, trusting } from "./open-server.ts";

endAfterEach();

const testTls = besideWith("openssl");

const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const TCP4 = "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\n";
const SOURCE4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xdc, 0x04, 1, 187];
const SOURCE6 = [...Buffer.from("20010db8000000000000000000000007", "hex"), ...Buffer.alloc(16)];
const MAPPED = [...Buffer.from("00000000000000000000ffffc0000207", "hex"), ...Buffer.alloc(16)];
const PORTS = [0xdc, 0x04, 1, 187];
/** An SSL TLV and one that nobody knows. */
const TLVS = [0x20, 0, 5, 1, 0, 0, 0, 0, 0xe0, 0, 3, 97, 98, 99];

/** A header of version 2, as latin1. */
function binary(command: number, family: number, rest: readonly number[]): string {
  const head = [command, family, rest.length >> 8, rest.length & 255];
  return SIGNATURE + String.fromCharCode(...head, ...rest);
}
const read = (header: string) => readProxyHeader(Buffer.from(header, "latin1"));
const client = { address: "192.0.2.7", port: 56_324 };
const client6 = { address: "2001:db8::7", port: 56_324 };

const GOOD: [name: string, header: string, client: unknown][] = [
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
  ["v2, unspecified, of a stream", binary(0x21, 0x01, []), undefined],
  ["v2, a Unix socket", binary(0x21, 0x31, Array(216).fill(65)), undefined],
  ["v2, UDP", binary(0x21, 0x12, SOURCE4), undefined],
  ["v2, as long as it may be", binary(0x21, 0x11, [...SOURCE4, ...Array(4068).fill(0)]), client],
];

const MALFORMED: [name: string, header: string][] = [
  ["a port too high", "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n"],
  ["a port with a zero in front", "PROXY TCP4 192.0.2.7 10.0.0.1 056 443\r\n"],
  ["the other family", "PROXY TCP4 ::1 ::1 56324 443\r\n"],
  ["an address with an interface", "PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n"],
  ["no address", "PROXY TCP4 192.0.2.7 443\r\n"],
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
  test.each(GOOD)("%s, wherever it is cut", (_, header, expected) => {
    for (let end = 1; end < header.length; end++)
      expect(read(header.slice(0, end))).toBeUndefined();
    const found = { bytes: header.length, client: expected as typeof client };
    expect(read(`${header}PROXY more\n`)).toEqual(found);
  });

  test.each(MALFORMED)("malformed: %s", (_, header) =>
    expect(read(header)).toBe("malformed PROXY header"),
  );

  test("none: known as soon as it can be", () => {
    for (const said of ["x", "PROX ", "PROXy ", "\r\n\r\n\n", "hello\n", "\x16\x03\x01"])
      expect(read(said)).toBe("no PROXY header");
  });
});

/** What a load balancer sends for itself; in version 1 that is the only word for it. */
const OWN = [binary(0x20, 0, []), "PROXY UNKNOWN\r\n", binary(0x21, 0, [])];

describe("a load balancer", () => {
  const makeParts = () => proxyProtocol(["10.0.0.0/8"], contextWith());
  const open = (options: Parameters<typeof openDoors>[1] = {}) =>
    openDoors([makeParts().door], options);

  test.each(OWN)("joins by itself once it sends more, or after a while: %j", (header) => {
    const { accept, pass, events } = open();
    const [talks, waits, silent] = [accept(), accept(), accept()];
    talks.sends(`${header}hello\n`);
    for (const one of [waits, silent]) one.sends(header);
    waits.sends("hello\n");
    expect(events).toEqual(["joined 10.0.0.1:1", "joined 10.0.0.1:2"]);
    pass(1000);
    expect([events.at(-1), talks.received]).toEqual(["joined 10.0.0.1:3", "hello\n"]);
  });

  test.each(OWN)("may look by %j, and nobody takes note of that", (header) => {
    for (const options of [{}, { kind: "tls", clientsMax: 2 }] as const) {
      const { connections, accept, close, events } = open(options);
      const [ends, resets] = [accept(), accept()];
      for (const look of [ends, resets]) look.sends(header);
      ends.data.ended();
      expect([ends.closed, ends.reset]).toEqual([true, false]);
      close(resets);
      expect([connections.open, connections.arrivals.size, events]).toEqual([0, 0, []]);
    }
  });

  test.each<
    [what: string, act: (peer: FakeSocket, pass: (ms: number) => void) => void, why: string]
  >([
    ["that sends no header", (peer) => peer.sends("hello\n"), "no PROXY header"],
    ["that sends a wrong one", (peer) => peer.sends("PROXY TCP5 1\r\n"), "malformed PROXY header"],
    ["that ends before it", (peer) => peer.data.ended(), "no PROXY header"],
    ["that is late with it", (_, pass) => pass(1000), "no PROXY header within 1s"],
  ])("%s is refused", (_, act, why) => {
    const { accept, pass, events } = open();
    const peer = accept();
    act(peer, pass);
    expect([peer.received, peer.ended]).toEqual([`* ${why}\n`, true]);
    expect(events).toEqual([`refused 10.0.0.1:1: ${why}`]);
  });

  test("may send one header, and others none, which is not relayed", () => {
    const { accept, settle } = openParts([makeParts, firstBytes]);
    const listener = accept();
    const [elsewhere, twice] = [accept(), accept(new FakeSocket(9, "10.0.0.1"))];
    elsewhere.sends(TCP4);
    twice.sends(TCP4 + TCP4);
    settle();
    const refusal = "* speaks PROXY, this port does not\n";
    expect([elsewhere.received, twice.received]).toEqual([refusal, refusal]);
    expect(listener.received).toBe("");
  });
});

/** A client that speaks TLS behind a header, of which a part goes out before its first bytes. */
async function throughProxy(port: number, early: number): Promise<Peer> {
  const plain = connect({ host: "127.0.0.1", port }).on("error", () => {});
  atEnd(() => plain.destroy());
  plain.write(TCP4.slice(0, early));
  let header = TCP4.slice(early);
  const headed = new Transform({
    transform(bytes: Buffer, _, done) {
      done(null, Buffer.concat([Buffer.from(header), bytes]));
      header = "";
    },
  });
  const secure = connectTls({ socket: compose(headed, plain), ...trusting() });
  await once(secure, "secureConnect");
  return new Peer(secure);
}

const BEHIND = { proxyProtocol: ["127.0.0.1"] };

testTls("over TLS, plain text is reset, and none without a header comes in", async () => {
  const { port, happened } = await openServer({ ...BEHIND, tls: material() });
  const plain = await Peer.connect(port, { says: `${TCP4}GET / HTTP/1.0\r\n\r\n` });
  await plain.closed();
  await happened("refused 192.0.2.7:56324: the handshake failed: plain text");
  const bare = await Peer.connect(port, { says: "GET / HTTP/1.0\r\n\r\n" });
  expect(await bare.closed()).toBe("error");
  await happened(`refused ${bare.name}: no PROXY header`);
  const direct = await Peer.connect(port, { tls: trusting() });
  expect(await direct.hearsAll()).toBe("* no PROXY header\n");
});

testTls("a handshake that begins in the segment of the header ends in order", async () => {
  const context = contextWith({ tls: material() });
  const doors = [proxyProtocol(["10.0.0.1"], context).door, tls(context).door];
  const { accept, pass, left } = openDoors(doors);
  const [socket, secure] = [accept(), new FakeSocket() as never as Bun.Socket<Life>];
  let by: Bun.SocketHandler<Life> | undefined;
  Object.assign(socket, { upgradeTLS: (how: { socket: typeof by }) => [(by = how.socket)] });
  socket.sends(`${TCP4}\x16\x03\x01\0\x04ab`);
  socket.sends("cd\x15\x03\x03\0\x02\x01\0"); // The rest of it, and close_notify.
  by?.open?.(secure);
  by?.handshake?.(secure, true, null);
  by?.end?.(secure);
  pass(0);
  expect(left).toEqual(["192.0.2.7:56324: end of input"]);
});

testTls("the header comes before addresses, TLS, telnet, pass phrase and name", async () => {
  const { port, happened } = await openServer({
    ...{ ...BEHIND, tls: material(), telnet: true, names: true },
    ...{ allow: ["192.0.2.0/24"], clientsPerAddressMax: 2 },
    passPhrase: Buffer.from("open sesame"),
  });
  const enter = async (sent: string, early = 0) => {
    const client = await throughProxy(port, early);
    client.say(Buffer.from(sent, "latin1"));
    return client;
  };
  const ann = await enter("\xff\xfb\x1fopen sesame\r\0ann\r\0");
  await happened("joined ann 192.0.2.7:56324");
  for (const [at, before] of ["", "open sesame\n", "open sesame\nbob\n"].entries()) {
    // All of the header may come before the first bytes of TLS, or a part of it.
    const early = [0, 9, TCP4.length][at];
    const browser = await enter(`${before}GET / HTTP/1.1\r\nCookie: secret\r\n\r\n`, early);
    const greeting = at > 0 ? "* say your name first (here: ann)\n" : "";
    expect(await browser.hearsAll()).toBe(greeting + HTTP_ANSWER);
    await browser.end();
  }
  // What only stands behind a name is a line.
  const line = `bob: GET /${"x".repeat(60_000)} HTTP/1.1`;
  await enter(`open sesame\r\n${line}\r\n`);
  await ann.hears(`${line}\n`);
  expect(await (await enter("")).hearsAll()).toBe("* too many connections from 192.0.2.7\n");
  expect(ann.text).toBe(`\xff\xfe\x1f* say your name first\n${line}\n`);
});
