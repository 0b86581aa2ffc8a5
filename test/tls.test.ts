import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";

import { connect } from "../lib/client/connect.ts";
import type { Connection } from "../lib/client/connection.ts";
import { listen } from "../lib/server/listen.ts";
import { loadTls } from "../lib/program/files.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { endAfterEach, Peer, Program, ServerProgram } from "./harness.ts";

const MIB = 1 << 20;
let certificates: Certificates;
let pem: (name: string) => string;

beforeAll(() => {
  certificates = makeCertificates();
  pem = certificates.file;
});
endAfterEach();

const start = (...options: string[]) => startWith("server", ...options);

function startWith(name: string, ...options: string[]): Promise<ServerProgram> {
  return ServerProgram.start(
    "--tls-cert",
    pem(`${name}.pem`),
    "--tls-key",
    pem(`${name}.key`),
    ...options,
  );
}

/** A verified connection of lib/client/connect.ts. */
function join(server: ServerProgram, show?: string): Promise<Connection> {
  // Read without loadTls, which refuses a certificate that has expired.
  const read = (name: string) => readFileSync(pem(name), "utf8");
  const shown = show ? { cert: read(`${show}.pem`), key: read(`${show}.key`) } : {};
  return connect({ host: "localhost", port: server.port, tls: { ca: read("ca.pem"), ...shown } });
}

const say = (to: Connection, text: string) => to.write(new TextEncoder().encode(text));

async function hear(from: Connection, until: string): Promise<string> {
  let text = "";
  while (!text.includes(until)) {
    const bytes = await from.read();
    if (bytes === undefined) return text;
    text += new TextDecoder().decode(bytes);
  }
  return text;
}

/** Programs that speak TLS, each as a member. */
const PEERS: Record<string, (port: number) => string[]> = {
  "openssl s_client": (port) => [
    "openssl",
    "s_client",
    "-quiet",
    "-verify_return_error",
    "-CAfile",
    pem("ca.pem"),
    "-connect",
    `127.0.0.1:${port}`,
  ],
  "ncat --ssl": (port) => [
    "ncat",
    "--ssl-verify",
    "--ssl-trustfile",
    pem("ca.pem"),
    "localhost",
    String(port),
  ],
  socat: (port) => ["socat", "-", `OPENSSL:localhost:${port},cafile=${pem("ca.pem")}`],
};

test("openssl, ncat, socat and linechat hear each other over TLS", async () => {
  const server = await start();
  const linechat = await join(server);
  const members = Object.entries(PEERS).map(([name, command]) => ({
    name,
    program: new Program(command(server.port)),
  }));
  await server.members(members.length + 1);
  for (const { name, program } of members) {
    program.say(`hello from ${name}\n`);
    expect(await hear(linechat, "\n")).toBe(`hello from ${name}\n`);
    for (const other of members)
      if (other.name !== name) await other.program.printed(`hello from ${name}\n`);
  }
  await say(linechat, "hello from linechat\n");
  for (const { program } of members) await program.printed("hello from linechat\n");
});

test("client.ts verifies, shows a certificate, and says which check failed", async () => {
  const server = await start("--tls-ca", pem("ca.pem"));
  const client = (...options: string[]) =>
    new Program([
      process.execPath,
      "client.ts",
      "--tls",
      ...options,
      "localhost",
      String(server.port),
    ]);
  const shown = [
    "--tls-ca",
    pem("ca.pem"),
    "--tls-cert",
    pem("client.pem"),
    "--tls-key",
    pem("client.key"),
  ];
  const [ann, bob] = [client(...shown), client(...shown)];
  await server.members(2);
  ann.say("hello over TLS\n");
  await bob.printed("hello over TLS\n");
  ann.endInput();
  expect(await ann.exited).toBe(0);

  const untrusting = client();
  expect(await untrusting.exited).toBe(1);
  expect(untrusting.stderr).toStartWith(
    `linechat-client: cannot connect to localhost:${server.port}: `,
  );
  expect(untrusting.stderr).toContain("not signed by a CA that is trusted here");
  const mistaken = client(...shown, "--tls-server-name", "other.example");
  expect(await mistaken.exited).toBe(1);
  expect(mistaken.stderr).toContain("its certificate is for another name than other.example");
});

test("client.ts without the certificate that is asked for does not get in", async () => {
  const server = await start("--tls-ca", pem("ca.pem"));
  const command = ["--tls", "--tls-ca", pem("ca.pem"), "localhost", String(server.port)];
  const client = new Program([process.execPath, "client.ts", ...command]);
  expect(await client.exited).toBe(1);
  expect(client.stderr).toMatch(/^linechat-client: [^\n]+\n$/);
  expect(server.stderr).not.toContain("joined");
});

describe("the promises hold over TLS", () => {
  test("a half-closed client that reads slowly gets 8 MiB owed to it, then EOF", async () => {
    const server = await start("--buffer", "16M");
    const slow = await join(server);
    const talker = await join(server);
    const said = Buffer.alloc(8 * MIB, "0123456789abcde\n");
    await talker.write(said);
    await say(talker, "end\n");
    const probe = await join(server);
    await server.members(3);
    await say(talker, "probe\n");
    await hear(probe, "probe\n");
    slow.endOutput();
    let heardBytes = 0;
    let last = "";
    for (let bytes = await slow.read(); bytes; bytes = await slow.read()) {
      heardBytes += bytes.length;
      last = new TextDecoder().decode(bytes.subarray(-10));
      await Bun.sleep(1);
    }
    expect(heardBytes).toBe(said.length + "end\nprobe\n".length);
    expect(last).toBe("end\nprobe\n");
  });

  test("a reader that has stopped during a flood is dropped, and the others have everything", async () => {
    const server = await start("--buffer", "1M", "--patience", "300ms");
    const [reader, , talker] = [await join(server), await join(server), await join(server)];
    await server.members(3);
    const said = Buffer.alloc(32 * MIB, "0123456789abcde\n");
    const flood = talker.write(said);
    let heardBytes = 0;
    while (heardBytes < said.length) heardBytes += (await reader.read())?.length ?? Number.NaN;
    expect(heardBytes).toBe(said.length);
    expect(await flood).toBe(true);
    await server.printed(/left \S+: too slow, /, "stderr");
  });

  test("one more than --max-clients is told so", async () => {
    const server = await start("--max-clients", "1");
    await join(server);
    await server.members(1);
    expect(await hear(await join(server), "\n")).toBe("* room is full\n");
  });

  test("a line too long ends its connection with the reason", async () => {
    const server = await start("--max-line", "16");
    const talker = await join(server);
    await say(talker, "0123456789abcdefgh\n");
    expect(await hear(talker, "\n")).toBe("* line longer than 16 bytes\n");
    expect(await talker.read()).toBeUndefined();
  });

  test("SIGTERM hands everybody what they are owed, then EOF", async () => {
    const server = await start();
    const [ann, bob] = [await join(server), await join(server)];
    await server.members(2);
    await say(ann, "hello\n");
    expect(await hear(bob, "\n")).toBe("hello\n");
    server.kill("SIGTERM");
    expect([await ann.read(), await bob.read()]).toEqual([undefined, undefined]);
    expect(await server.exited).toBe(0);
  });
});

describe("with --tls-ca only clients that the CA has certified come in", () => {
  test("one that shows its certificate does", async () => {
    const server = await start("--tls-ca", pem("ca.pem"));
    const ann = await join(server, "client");
    const ncat = new Program([
      "ncat",
      "--ssl",
      "--ssl-cert",
      pem("client.pem"),
      "--ssl-key",
      pem("client.key"),
      "127.0.0.1",
      String(server.port),
    ]);
    await server.members(2);
    await say(ann, "certified\n");
    await ncat.printed("certified\n");
  });

  for (const [what, show] of [
    ["no certificate", undefined],
    ["a stranger's", "stranger"],
    ["an expired one", "expired"],
  ] as const)
    test(`one with ${what} does not, and hears nothing`, async () => {
      const server = await start("--tls-ca", pem("ca.pem"));
      const member = await join(server, "client");
      const outsider = join(server, show);
      await server.printed(/refused \S+: the handshake failed/, "stderr");
      await say(member, "secret\n");
      const heard = await outsider.then((one) => hear(one, "secret")).catch(() => "");
      expect(heard).toBe("");
      expect(server.stderr.split(" joined ")).toHaveLength(2);
    });
});

test("plain text on the TLS port is turned away; a hundred silent handshakes disturb nobody", async () => {
  const server = await start("--max-clients", "103");
  const [ann, bob] = [await join(server), await join(server)];
  await server.members(2);
  const silent = await Promise.all(Array.from({ length: 100 }, () => Peer.connect(server.port)));
  silent[0]?.say(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  const plain = await Peer.connect(server.port);
  plain.say("GET / HTTP/1.0\r\n\r\n");
  await plain.closed();
  await server.printed(`refused ${plain.name}: the handshake failed`, "stderr");
  await say(ann, "undisturbed\n");
  expect(await hear(bob, "\n")).toBe("undisturbed\n");
  // Silent ones take seats until their time is over.
  await join(server);
  expect(await hear(await join(server), "\n")).toBe("* room is full\n");
});

test("a handshake that stops half-way ends in time, and its seat is free again", async () => {
  const refusals: string[] = [];
  const server = await listen({
    host: "127.0.0.1",
    port: 0,
    membersMax: 1,
    guestMs: 200,
    tls: loadTls({ cert: pem("server.pem"), key: pem("server.key") }),
    onRefuse: (_, why) => refusals.push(why),
  });
  const half = await Peer.connect(server.port);
  half.say(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
  await half.closed();
  expect(refusals).toEqual(["no handshake within 200ms"]);
  const tls = loadTls({ ca: pem("ca.pem") });
  const member = await connect({ host: "localhost", port: server.port, tls });
  member.endOutput();
  expect(await member.read()).toBeUndefined();
  await server.stop();
});

test("SIGHUP has new connections use new certificates and disturbs no member; bad ones change nothing", async () => {
  for (const kind of ["pem", "key"]) copyFileSync(pem(`server.${kind}`), pem(`live.${kind}`));
  const server = await startWith("live");
  const ann = await join(server);
  const shown = async () => {
    const { stdout } = Bun.spawnSync(
      ["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`],
      { stdin: null },
    );
    return /subject=CN = (\w+)/.exec(stdout.toString())?.[1];
  };
  expect(await shown()).toBe("server");
  for (const kind of ["pem", "key"]) copyFileSync(pem(`second.${kind}`), pem(`live.${kind}`));
  server.kill("SIGHUP");
  await server.printed("certificates read anew", "stderr");
  expect(await shown()).toBe("second");

  writeFileSync(pem("live.key"), "no key");
  server.kill("SIGHUP");
  await server.printed(
    `certificates stay as they were: ${pem("live.key")} holds no private key in PEM`,
    "stderr",
  );
  expect(await shown()).toBe("second");
  const bob = await join(server);
  await server.members(2);
  await say(bob, "still here?\n");
  expect(await hear(ann, "\n")).toBe("still here?\n");
});

describe("files that will not do are one line before listening, exit code 1", () => {
  const run = async (cert: string, key: string) => {
    const program = new Program([
      process.execPath,
      "server.ts",
      "--tls-cert",
      cert,
      "--tls-key",
      key,
      "0",
    ]);
    return { code: await program.exited, stderr: program.stderr };
  };

  test("missing, a directory, not PEM, and a key that does not fit", async () => {
    const [cert, key] = [pem("server.pem"), pem("server.key")];
    const none = pem("none.pem");
    writeFileSync(pem("text.pem"), "just text\n");
    const cases: [string, string, string][] = [
      [none, key, `cannot read ${none}: no such file`],
      [pem(""), key, `cannot read ${pem("")}: it is a directory`],
      [pem("text.pem"), key, `${pem("text.pem")} holds no certificate in PEM`],
      [cert, pem("text.pem"), `${pem("text.pem")} holds no private key in PEM`],
      [
        cert,
        pem("client.key"),
        `the key in ${pem("client.key")} does not fit the certificate in ${cert}`,
      ],
    ];
    for (const [certFile, keyFile, message] of cases)
      expect(await run(certFile, keyFile)).toEqual({
        code: 1,
        stderr: `linechat-server: ${message}\n`,
      });
  });

  test.skipIf(process.getuid?.() === 0)("unreadable", async () => {
    copyFileSync(pem("server.key"), pem("locked.key"));
    chmodSync(pem("locked.key"), 0);
    const { stderr } = await run(pem("server.pem"), pem("locked.key"));
    expect(stderr).toBe(`linechat-server: cannot read ${pem("locked.key")}: permission denied\n`);
  });
});
