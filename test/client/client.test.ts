import { expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { endAfterEach, newFolder, Program, ServerProgram, startClient } from "../harness.ts";
import { Fifo } from "../harness/fifo.ts";

endAfterEach();

const MIB = 1 << 20;

/** The client with its stdout in a named pipe. */
function startInto(fifo: Fifo, port: number, options = ""): Program {
  const command = `exec "$0" client.ts ${options} 127.0.0.1 ${port} >"${fifo.path}"`;
  return new Program(["sh", "-c", command, process.execPath]);
}

test("stdin is sent, what others send goes to stdout, and nothing else does", async () => {
  const server = await ServerProgram.start();
  const [ann, bob] = [startClient(server.port), startClient(server.port)];
  await server.members(2);
  ann.say("hello\nhalf ");
  await bob.printed("hello\n");
  bob.say("hi ann\n");
  await ann.printed("hi ann\n");
  ann.say("a line\n");
  ann.endInput();
  await bob.printed("half a line\n");
  expect(await ann.exited).toBe(0);
  expect(ann.stdout).toBe("hi ann\n");
  expect(bob.stdout).toBe("hello\nhalf a line\n");
  expect(ann.stderr).toBe("");
});

test("at the end of stdin it goes on printing what was sent before, until the server closes", async () => {
  const server = await ServerProgram.start("--buffer", "16M");
  const [talker, listener] = [await server.join(), await server.join()];
  const fifo = new Fifo();
  const client = startInto(fifo, server.port);
  await server.members(3);
  talker.say(Buffer.alloc(6 * MIB, "0123456789abcde\n"));
  await listener.hearsBytes(6 * MIB);
  client.say("bye\n");
  client.endInput();
  await talker.hears("bye\n");
  expect(await fifo.reads()).toHaveLength(6 * MIB);
  expect(await client.exited).toBe(0);
});

test("a huge stdin does not make it grow while the server takes nothing", async () => {
  const deaf = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.pause() },
  });
  const client = startClient(deaf.port);
  let said = 0;
  // Its stdin takes more as long as there is room on the way.
  for (let block = 0; block < 300; block++) {
    if (!(await Promise.race([client.sayAll(Buffer.alloc(MIB, "x")), Bun.sleep(500)]))) break;
    said += MIB;
  }
  expect(said).toBeLessThan(100 * MIB);
  expect(await client.memoryBytes()).toBeLessThan(120e6);
  deaf.stop(true);
});

test("a slow stdout does not make it grow, and everything comes out in the end", async () => {
  const server = await ServerProgram.start("--buffer", "1M");
  const talker = await server.join();
  const fifo = new Fifo();
  const client = startInto(fifo, server.port, "--recv-only");
  await server.members(2);
  const said = 100 * MIB;
  const taken = talker.sayAll(Buffer.alloc(said, "0123456789abcde\n"));
  let bytes = 0;
  for (; bytes < said / 2; bytes += (await fifo.reads("\n")).length);
  expect(await client.memoryBytes()).toBeLessThan(100e6);
  for (; bytes < said; bytes += (await fifo.reads("\n")).length);
  expect(await taken).toBe(true);
  server.kill("SIGTERM");
  expect(await fifo.reads()).toBe("");
  expect([bytes, await client.exited]).toEqual([said, 0]);
});

test.each(["", "--reconnect"])("a large stream stays the same, byte for byte (%s)", async (how) => {
  const server = await ServerProgram.start();
  const lines = join(newFolder(), "lines");
  const numbered = Array.from(
    { length: 1 << 16 },
    (_, line) => `${line} ${"x".repeat(line % 900)}\n`,
  );
  writeFileSync(lines, numbered.join(""));
  const at = `${how} 127.0.0.1 ${server.port}`;
  const run = (command: string) => new Program(["bash", "-c", command, process.execPath]);
  const count = statSync(lines).size;
  const compare = `{ head -c ${count} | cmp - ${lines} && echo same; }`;
  const receiving = run(`"$0" client.ts --quiet --recv-only ${at} | ${compare}`);
  await server.members(1);
  const sending = run(`cat ${lines} | "$0" client.ts --quiet --send-only ${at}`);
  expect([await sending.exited, sending.stderr]).toEqual([0, ""]);
  await receiving.printed("same\n");
  (await server.join()).say("so that it writes once more\n");
  expect([await receiving.exited, receiving.stderr]).toEqual([0, ""]);
});

test("it ends at its next write when its reader has gone, without a word", async () => {
  const server = await ServerProgram.start();
  const talker = await server.join();
  const command = (options: string, reader: string) =>
    `"$0" client.ts ${options} 127.0.0.1 ${server.port} | ${reader}; echo "exit \${PIPESTATUS[0]}"`;
  for (const [options, code] of [
    ["--recv-only", 0],
    // As every filter, and not because of its input, which goes on.
    ["", 141],
    ["--reconnect --quiet", 141],
  ] as const) {
    const reader = "{ grep -m1 ready; exec <&-; echo closed; }";
    const program = new Program(["bash", "-c", command(options, reader), process.execPath]);
    await server.members(2);
    talker.say("not yet\nready\n");
    await program.printed("ready\nclosed\n");
    talker.say("more\n");
    await program.printed(`exit ${code}\n`);
    expect(program.stderr).toBe("");
    await server.members(1);
  }
});

test("with --send-only it goes on although nobody reads its stdout", async () => {
  const server = await ServerProgram.start();
  const peer = await server.join();
  const client = `"$0" client.ts --send-only 127.0.0.1 ${server.port} | true`;
  const program = new Program(["bash", "-o", "pipefail", "-c", client, process.execPath]);
  await server.members(2);
  peer.say("nobody reads this\n");
  program.say("sent\n");
  await peer.hears("sent\n");
  program.endInput();
  expect([await program.exited, program.stderr]).toEqual([0, ""]);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s ends it at once, even if nobody reads what it prints",
  async (signal) => {
    const server = await ServerProgram.start();
    const talker = await server.join();
    const client = startInto(new Fifo(), server.port);
    await server.members(2);
    talker.say(Buffer.alloc(4 * MIB, "0123456789abcde\n"));
    client.say("still here\n");
    await talker.hears("still here\n");
    client.kill(signal);
    expect(await client.exited).toBe(signal === "SIGTERM" ? 143 : 130);
  },
);

test.each([
  ["all", 1],
  ["a part", 8 * MIB],
])(
  "SIGINT ends it at once while it waits for a server that has stopped and taken %s",
  async (_, bytes) => {
    const server = await ServerProgram.start();
    const client = startClient(server.port);
    await server.members(1);
    server.kill("SIGSTOP");
    void client.sayAll(Buffer.alloc(bytes, "\n"));
    client.endInput();
    client.kill("SIGINT");
    expect([await client.exited, client.stderr]).toEqual([130, ""]);
  },
);

test("under nohup SIGHUP does not end it; without, it does", async () => {
  const server = await ServerProgram.start();
  const hangUp = async (command: string) => {
    const client = new Program(["sh", "-c", command, process.execPath]);
    await server.members(1);
    client.kill("SIGHUP");
    return client;
  };
  const client = `exec "$0" client.ts 127.0.0.1 ${server.port}`;
  expect(await (await hangUp(client)).exited).toBe(129);
  await server.members(0);
  const kept = await hangUp(`trap "" HUP; ${client}`);
  kept.kill("SIGTERM");
  expect(await kept.exited).toBe(143);
});

test("--recv-only leaves stdin alone, --send-only prints nothing", async () => {
  const server = await ServerProgram.start();
  const peer = await server.join();
  const ears = startClient(server.port, "--recv-only");
  const mouth = startClient(server.port, "--send-only");
  await server.members(3);
  ears.say("unsaid\n");
  ears.endInput();
  mouth.say("said\n");
  await ears.printed("said\n");
  peer.say("hello\n");
  await ears.printed("hello\n");
  mouth.say("again\n");
  mouth.endInput();
  expect(await mouth.exited).toBe(0);
  expect(mouth.stdout).toBe("");
  await peer.hears("said\nagain\n");
  expect(peer.text).toBe("said\nagain\n");
});
