/** The client as a filter: bytes, ends, memory, signals, and the descriptors it shares with others. */

import { expect, test } from "bun:test";
import { Readable } from "node:stream";

import { prefixLines, sendAll } from "../../lib/client/pipe.ts";
import { endAfterEach, Program, ServerProgram, startClient, testBeside } from "../harness.ts";
import { Fifo } from "../harness/fifo.ts";
import { Host } from "../harness/host.ts";
import { numberedLines } from "../harness/tools.ts";

endAfterEach();

const MIB = 1 << 20;
/** A MiB of them. */
const LINES = numberedLines(16_384, 64);
const O_NONBLOCK = 0o4000;
const NO_STDIN = "cannot read stdin (--recv-only does not read it)";

/** A command of the shell, in which `"$0"` is Bun. */
function shell(command: string): Program {
  return new Program(["bash", "-c", command, process.execPath]);
}

/** A client in a command of the shell, which stands for `@` there, and the server's end. */
async function play(command: string, options = "") {
  const host = await Host.open();
  const client = `"$0" client.ts ${options} 127.0.0.1 ${host.port}`;
  return { program: shell(command.replace("@", client)), guest: await host.guest() };
}

test("the event loop turns while stdin is always ready, and what was sent keeps no memory", async () => {
  const always = async function* () {
    for (let piece = 0; piece < 1000; piece++) yield new Uint8Array(64 << 10).fill(piece);
  };
  let turned = false;
  setImmediate(() => (turned = true));
  const pieces: Uint8Array[] = [];
  const send = async (piece: Uint8Array) => {
    expect(piece).toHaveLength(64 << 10);
    return pieces.push(piece) < 1000 && !turned;
  };
  expect(await sendAll(always(), send)).toBe(false);
  expect(pieces.length).toBeLessThan(100);
  pieces.pop(); // It was not sent.
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(0);
});

test("each line gets its prefix, wherever the chunks are cut, and any bytes pass", async () => {
  const text = "one\n\nt\r\nw\xff\xc3\no $& \0\nend";
  const p = Buffer.from("é$&: ").toString("latin1");
  const prefixed = `${p}one\n${p}\n${p}t\r\n${p}w\xff\xc3\n${p}o $& \0\n${p}end`;
  for (let size = 1; size <= text.length; size++) {
    const chunks = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
    const sent = Readable.from(chunks.map((chunk) => Buffer.from(chunk, "latin1")));
    const out = await Array.fromAsync(prefixLines(sent, "é$&: "));
    expect(Buffer.concat(out).toString("latin1")).toBe(prefixed);
  }
});

testBeside("--recv-only leaves stdin alone, --send-only prints nothing", async () => {
  const server = await ServerProgram.start();
  const peer = await server.join();
  const receiving = startClient(server.port, "--recv-only");
  receiving.say("unsent\n");
  receiving.endInput();
  const sending = startClient(server.port, "--send-only");
  await server.members(3);
  peer.say("* hello\n");
  await receiving.printed("* hello\n");
  sending.say("sent\n");
  sending.endInput();
  expect([await sending.exited, sending.stdout, sending.stderr]).toEqual([0, "", ""]);
  await receiving.printed("sent\n");
  await peer.hears("sent\n");
  expect(peer.text).toBe("sent\n");
});

for (const options of ["", "--reconnect"]) {
  testBeside(`a huge stdin that nobody takes does not make it grow (${options})`, async () => {
    const { program: client, guest } = await play("exec @", options);
    guest.say("bob: hi\n");
    await client.printed("bob: hi\n"); // It has joined.
    guest.pause();
    let blocks = 1;
    // Its stdin takes more as long as there is room on the way.
    while (blocks < 300 && (await Promise.race([client.sayAll(LINES), Bun.sleep(500)]))) blocks++;
    expect(blocks).toBeLessThan(100);
    expect(client.memoryBytes()).toBeLessThan(120e6);
    client.endInput();
    guest.resume();
    await guest.endOfInput();
    expect(guest.heard.equals(Buffer.concat(Array(blocks).fill(LINES)))).toBe(true);
  });

  testBeside(`a slow stdout does not, and all comes out (${options})`, async () => {
    const fifo = new Fifo();
    const { program: client, guest } = await play(`exec @ >"${fifo.path}"`, options);
    const taken = guest.sayAll(Buffer.concat(Array(100).fill(LINES)));
    let text = "";
    while (text.length < 50 * MIB) text += await fifo.reads("\n");
    expect(client.memoryBytes()).toBeLessThan(100e6);
    client.endInput();
    await guest.endOfInput();
    while (text.length < 100 * MIB) text += await fifo.reads("\n");
    expect(await taken).toBe(true);
    guest.endInput();
    expect([await fifo.reads(), await client.exited]).toEqual(["", 0]);
    expect(text === LINES.toString().repeat(100)).toBe(true);
  });
}

for (const [options, end, code] of [
  ["--recv-only", "", 0],
  // As every filter, and not because of its input, which goes on.
  ["", "", 141],
  ["--reconnect --quiet", "", 141],
  // When all is sent, only the end tells whether all has arrived.
  ["", "endInput", 0],
  ["", "reset", 1],
] as const)
  testBeside(`when its reader has gone it ends with ${code} (${options}${end})`, async () => {
    const command = '@ | head -n 1; echo "exit ${PIPESTATUS[0]}"';
    const { program, guest } = await play(command, options);
    if (end) program.endInput();
    if (end) await guest.endOfInput();
    guest.say("ready\n");
    await program.printed("ready\n");
    guest.say("more\n");
    if (end) guest[end]();
    // It ends at its next write.
    for (; !end && !program.stdout.includes("exit"); await Bun.sleep(10)) guest.say("more\n");
    await program.printed(`exit ${code}\n`);
    expect(program.stdout).toBe(`ready\nexit ${code}\n`);
    expect(program.stderr).toMatch(code === 1 ? /reset by the server\n$/ : /^$/);
  });

for (const [signal, code, isRead] of [
  ["SIGTERM", 143, false],
  ["SIGINT", 130, false],
  ["SIGINT", 130, true],
  ["SIGHUP", 129, true],
] as const)
  testBeside(`${signal} ends it at once amid floods, with a reader: ${isRead}`, async () => {
    const out = isRead ? "" : `>"${new Fifo().path}"`;
    const { program: client, guest } = await play(`exec @ ${out}`);
    guest.say(Buffer.alloc(4 * MIB, "0123456789abcde\n"));
    client.say("still here\n");
    await guest.hears("still here\n");
    guest.pause();
    client.say("\n".repeat(8 * MIB));
    client.kill(signal);
    expect([await client.exited, client.stderr]).toEqual([code, ""]);
  });

for (const options of ["", "--reconnect --name x"])
  testBeside(`it leaves pipes in blocking mode, which others share (${options})`, async () => {
    const command = "cat | { echo pid $BASHPID; exec @; } 2>&1 | cat";
    const { program, guest } = await play(command, options);
    const [, pid] = await program.printed(/pid (\d+)/);
    guest.say("received\n");
    await program.printed("received");
    program.say("sent\n");
    await guest.hears("sent\n");
    for (const descriptor of [0, 1, 2]) {
      const info = await Bun.file(`/proc/${pid}/fdinfo/${descriptor}`).text();
      const [, octal = "7777"] = /flags:\s+(\d+)/.exec(info) ?? [];
      expect(Number.parseInt(octal, 8) & O_NONBLOCK).toBe(0);
    }
  });

testBeside("what cannot be read or written is told in a line", async () => {
  const host = await Host.open();
  const at = `127.0.0.1 ${host.port}`;
  const full = "cannot write to stdout: no space left on device";
  await Promise.all(
    [
      [`${at} 0>/dev/null`, `${NO_STDIN}: bad file descriptor`],
      [`${at} </tmp`, `${NO_STDIN}: illegal operation on a directory`],
      [`--recv-only ${at} >/dev/full`, full],
      ["--help >/dev/full", full],
      ["--help 1</dev/null", "cannot write to stdout: bad file descriptor"],
    ].map(async ([words, message]) => {
      const client = shell(`exec "$0" client.ts ${words}`);
      if (words?.startsWith("--recv-only"))
        for (let n = 0; n < 3; n++) (await host.guest()).say("x\n");
      expect([await client.exited, client.stderr]).toEqual([1, `linechat-client: ${message}\n`]);
    }),
  );
});
