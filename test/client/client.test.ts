import { describe, expect, test } from "bun:test";

import { endAfterEach, memoryBytes, Program, ServerProgram, startClient } from "../harness.ts";

endAfterEach();

const MIB = 1 << 20;

test("stdin is said, what others say goes to stdout, and nothing else does", async () => {
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

test("at the end of stdin it goes on printing what was said before, until the server closes", async () => {
  const server = await ServerProgram.start("--buffer", "16M");
  const talker = await server.join();
  const client = `"$0" client.ts 127.0.0.1 ${server.port}`;
  const reader = new Program([
    "sh",
    "-c",
    `sleep 0.5 | ${client} | (read -r line; sleep 0.3; wc -c)`,
    process.execPath,
  ]);
  await server.members(2);
  talker.say(Buffer.alloc(6 * MIB, "0123456789abcde\n"));
  await reader.printed(/\d+\n/);
  expect(await reader.exited).toBe(0);
  expect(Number(reader.stdout)).toBe(6 * MIB - 16);
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
  const shell = `"$0" client.ts --recv-only 127.0.0.1 ${server.port} & echo $! >&2; wait`;
  const reader = new Program(["sh", "-c", `(${shell}) | (sleep 1; wc -c)`, process.execPath]);
  await server.members(2);
  const said = 100 * MIB;
  const taken = talker.sayAll(Buffer.alloc(said, "0123456789abcde\n"));
  await Bun.sleep(600);
  const pid = Number(reader.stderr);
  expect(await memoryBytes(pid)).toBeLessThan(120e6);
  expect(await taken).toBe(true);
  talker.endInput();
  await server.printed(`left ${talker.name}: end of input`, "stderr");
  server.kill("SIGTERM");
  await reader.printed(/\d+\n/);
  expect(Number(reader.stdout)).toBe(said);
});

test("when stdout is closed it ends quietly", async () => {
  const server = await ServerProgram.start();
  const talker = await server.join();
  const client = new Program([
    "sh",
    "-c",
    `"$0" client.ts --recv-only 127.0.0.1 ${server.port} | head -1`,
    process.execPath,
  ]);
  await server.members(2);
  talker.say("one\n");
  await client.printed("one\n");
  for (let n = 0; n < 3; n++) {
    talker.say("more\n");
    await Bun.sleep(10);
  }
  await server.members(1);
  expect(await client.exited).toBe(0);
  expect([client.stdout, client.stderr]).toEqual(["one\n", ""]);
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

describe("exit codes", () => {
  test("0 when the server ends", async () => {
    const server = await ServerProgram.start();
    const client = startClient(server.port);
    await server.members(1);
    server.kill("SIGTERM");
    expect(await client.exited).toBe(0);
    expect(client.stderr).toBe("");
  });

  test("1 when the connection breaks, with a line that says so", async () => {
    const server = await ServerProgram.start();
    const client = startClient(server.port);
    await server.members(1);
    const stop = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { data: (socket) => socket.terminate() },
    });
    const broken = startClient(stop.port);
    broken.say("hi\n");
    expect(await broken.exited).toBe(1);
    expect(broken.stderr).toBe(
      `linechat-client: lost the connection to 127.0.0.1:${stop.port}: reset by the server\n`,
    );
    stop.stop(true);
    client.kill("SIGTERM");
    await client.exited;
  });

  test("130 at SIGINT", async () => {
    const server = await ServerProgram.start();
    const client = startClient(server.port);
    await server.members(1);
    client.kill("SIGINT");
    expect(await client.exited).toBe(130);
  });
});
