/** The specification: each promise of the README, kept by the real server over real sockets. */

import { describe, expect, test } from "bun:test";

import { endAfterEach, Peer, ServerProgram } from "./harness.ts";

endAfterEach();

const MIB = 1 << 20;

/** Numbered lines of a given size, LF included. */
function numberedLines(count: number, lineBytes: number, name = "n"): Buffer {
  const lines = Buffer.alloc(count * lineBytes, "x");
  for (let n = 0; n < count; n++) {
    lines.write(`${name} ${n} `, n * lineBytes);
    lines[(n + 1) * lineBytes - 1] = 10;
  }
  return lines;
}

describe("promise 1, whole lines", () => {
  test("a line cut at any byte across two writes arrives whole, never mixed with another's", async () => {
    const server = await ServerProgram.start();
    const listener = await server.join();
    const [ann, bob] = [await server.join(), await server.join()];
    const line = "cut here\r\n";
    for (let cut = 1; cut < line.length; cut++) {
      ann.say(line.slice(0, cut));
      bob.say(`between ${cut}\n`);
      await listener.hears(`between ${cut}\n`);
      ann.say(line.slice(cut));
      await bob.hearsBytes(cut * line.length);
    }
    bob.say("end\n");
    await listener.hears("end\n");
    const heard = listener.text.split(/(?<=\n)/);
    expect(heard.filter((one) => one === line)).toHaveLength(line.length - 1);
    expect(heard.filter((one) => !one.startsWith("between") && one !== line)).toEqual(["end\n"]);
  });

  test("many lines in one write, empty ones, CR LF, NUL and invalid UTF-8 arrive byte for byte", async () => {
    const server = await ServerProgram.start();
    const [talker, listener] = [await server.join(), await server.join()];
    const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const said = Buffer.concat([
      Buffer.from("\n\n\r\none\ntwo\r\n\0\n"),
      Buffer.from([0xff, 0xfe, 0x80, 0xc3, 0x28, 10]),
      allBytes,
      Buffer.from("\nend\n"),
    ]);
    talker.say(said);
    await listener.hearsBytes(said.length);
    expect(listener.heard.equals(said)).toBe(true);
  });

  test("two that send at once never mix their lines", async () => {
    const server = await ServerProgram.start();
    const listener = await server.join();
    const talkers = [await server.join(), await server.join()];
    const said = talkers.map((_, n) => numberedLines(20_000, 50, `talker${n}`));
    talkers.forEach((talker, n) => talker.say(said[n] ?? ""));
    await listener.hearsBytes(2 * 20_000 * 50);
    const lines = listener.text.split(/(?<=\n)/);
    for (const n of [0, 1]) {
      const fromOne = lines.filter((line) => line.startsWith(`talker${n} `)).join("");
      expect(fromOne === said[n]?.toString("latin1")).toBe(true);
    }
  });
});

describe("promise 2, one order", () => {
  test("all members get one same order of lines, without their own", async () => {
    const server = await ServerProgram.start();
    const listeners = [await server.join(), await server.join()];
    const talkers = [await server.join(), await server.join(), await server.join()];
    for (let n = 0; n < 200; n++)
      talkers.forEach((talker, who) => talker.say(`${who} says ${n}\n`));
    const bytes = Array.from({ length: 200 }, (_, n) => 3 * `0 says ${n}\n`.length);
    await Promise.all(listeners.map((one) => one.hearsBytes(bytes.reduce((a, b) => a + b))));
    const order = listeners[0]?.text ?? "";
    expect(listeners[1]?.text).toBe(order);
    for (const [who, talker] of talkers.entries()) {
      const others = order
        .split(/(?<=\n)/)
        .filter((line) => !line.startsWith(`${who} `))
        .join("");
      await talker.hearsBytes(others.length);
      expect(talker.text).toBe(others);
    }
  });
});

describe("promise 3, no silent loss", () => {
  test("a flood to readers of any speed loses nothing; the sender is slowed", async () => {
    const server = await ServerProgram.start("--buffer", "256K");
    const [fast, slow] = [await server.join(), await server.join({ stopped: true })];
    const talker = await server.join();
    // More than the log and the kernel together hold for one who does not read.
    const said = numberedLines(320_000, 100);
    let taken = false;
    const flood = talker.sayAll(said).then(() => (taken = true));
    while (slow.heardBytes < said.length) {
      const ahead = Math.min(slow.heardBytes + (200 << 10), said.length);
      await fast.hearsBytes(ahead);
      if (slow.heardBytes < MIB) expect(taken).toBe(false);
      await slow.sip();
    }
    await flood;
    await fast.hearsBytes(said.length);
    expect(fast.heard.equals(said)).toBe(true);
    expect(slow.heard.equals(said)).toBe(true);
  });

  test("the last line is relayed at the end of input, an LF added", async () => {
    const server = await ServerProgram.start();
    const [talker, listener] = [await server.join(), await server.join()];
    talker.say("first\nlast words");
    talker.endInput();
    await listener.hears("first\nlast words\n");
    expect(await talker.endOfInput()).toBe(true);
  });
});

describe("promise 4, bounded memory", () => {
  test("1 GiB past a reader that has stopped: under 200 MB, and the others have all of it", async () => {
    const server = await ServerProgram.start("--patience", "500ms");
    const readers = [
      await server.join({ countOnly: true }),
      await server.join({ countOnly: true }),
    ];
    const stopped = await server.join({ stopped: true });
    const talker = await server.join();
    const block = numberedLines(16_384, 64);
    let memoryBytes = 0;
    for (let n = 0; n < 1024; n++) {
      expect(await talker.sayAll(block)).toBe(true);
      if (n % 64 === 0) memoryBytes = Math.max(memoryBytes, await server.memoryBytes());
    }
    await Promise.all(readers.map((reader) => reader.hearsBytes(1024 * MIB, 20_000)));
    memoryBytes = Math.max(memoryBytes, await server.memoryBytes());
    expect(memoryBytes).toBeLessThan(200e6);
    await server.logged(`left ${stopped.name}: too slow, `);
    expect(server.stderr).not.toContain(`left ${readers[0]?.name}`);
  }, 30_000);

  test("a line of exactly the limit is relayed, one byte more ends the connection with the reason", async () => {
    const server = await ServerProgram.start();
    const [talker, listener] = [await server.join(), await server.join()];
    const line = Buffer.alloc(65_536, "x");
    line[65_535] = 10;
    talker.say(line);
    await listener.hearsBytes(65_536);
    expect(listener.heard.equals(line)).toBe(true);
    talker.say("x");
    talker.say(line);
    await talker.hears("* line longer than 65536 bytes\n");
    expect(await talker.endOfInput()).toBe(true);
    await server.logged(`left ${talker.name}: line too long (1 here)`);
    const other = await server.join();
    listener.say("still here\n");
    await other.hears("still here\n");
    other.say("nothing of it\n");
    await listener.hears("nothing of it\n");
    expect(listener.heardBytes).toBe(65_536 + "nothing of it\n".length);
  });

  test("the reason arrives although the client goes on sending at full speed", async () => {
    const server = await ServerProgram.start("--max-line", "1K");
    const talker = await server.join();
    const flood = talker.flood(Buffer.alloc(MIB, "x"));
    await talker.hears("* line longer than 1024 bytes\n");
    expect(await talker.endOfInput()).toBe(true);
    await talker.end();
    await flood;
    expect(talker.text).toBe("* line longer than 1024 bytes\n");
  });
});

describe("promise 5, no slow reader stalls the room for long", () => {
  test("a reader that has stopped is disconnected after the patience, and the room goes on", async () => {
    const server = await ServerProgram.start("--buffer", "1M", "--patience", "300ms");
    const [reader, stopped] = [await server.join(), await server.join({ stopped: true })];
    const talker = await server.join();
    const said = numberedLines(200_000, 100);
    talker.say(said);
    await reader.hearsBytes(said.length);
    expect(reader.heard.equals(said)).toBe(true);
    const [, behind] = await server.logged(
      new RegExp(`left ${stopped.name}: too slow, (\\d+) bytes behind \\(2 here\\)`),
    );
    expect(Number(behind)).toBeGreaterThan(MIB / 2);
    stopped.resume();
    expect(await stopped.closed()).toBe("error");
  });

  test("without patience the sender is never slowed, and a reader that is a whole log behind is disconnected", async () => {
    const server = await ServerProgram.start("--buffer", "1M", "--patience", "0");
    const [reader, stopped] = [await server.join(), await server.join({ stopped: true })];
    const talker = await server.join();
    const block = numberedLines(1024, 256);
    let longestMs = 0;
    for (let n = 1; n <= 80; n++) {
      const since = performance.now();
      expect(await talker.sayAll(block)).toBe(true);
      await reader.hearsBytes(n * block.length);
      longestMs = Math.max(longestMs, performance.now() - since);
    }
    const [, behind] = await server.logged(
      new RegExp(`left ${stopped.name}: too slow, (\\d+) bytes behind`),
    );
    expect(Number(behind)).toBeGreaterThan(MIB / 2);
    // The least that patience is for: a reader is asked every 100 ms whether it takes more.
    expect(longestMs).toBeLessThan(1000);
  });

  test("with one client flooding, the single lines of another come through", async () => {
    const server = await ServerProgram.start();
    const countOnly = { countOnly: true };
    const [flooder, talker] = [await server.join(countOnly), await server.join(countOnly)];
    const listener = await server.join(countOnly);
    const flood = flooder.flood(Buffer.alloc(MIB, "0123456789abcde\n"));
    await listener.hearsBytes(8 * MIB);
    for (let n = 1; n <= 20; n++) {
      talker.say("me\n");
      // Everybody else's lines are all that the flooder hears.
      await flooder.hearsBytes(3 * n, 2000);
    }
    await flooder.end();
    await flood;
  });

  test("a client that resets harms nobody", async () => {
    const server = await ServerProgram.start();
    const [talker, listener] = [await server.join(), await server.join()];
    for (let n = 0; n < 20; n++) {
      const rude = await server.join();
      rude.say("half a li");
      rude.reset();
      await server.logged(`left ${rude.name}: reset`);
    }
    talker.say("all well\n");
    await listener.hears("all well\n");
    expect(listener.text).toBe("all well\n");
  });
});

describe("promise 6, a clean end", () => {
  test("a half-closed client that reads slowly gets 8 MiB that are pending, while others send on, then EOF", async () => {
    const server = await ServerProgram.start("--buffer", "16M");
    const slow = await server.join({ stopped: true });
    const talker = await server.join();
    const said = numberedLines(8 * 8192, 128);
    talker.say(said);
    talker.say("the last before its EOF\n");
    const probe = await server.join();
    talker.say("probe\n");
    await probe.hears("probe\n");
    slow.say("bye");
    slow.endInput();
    await probe.hears("bye\n");
    talker.say("too late for it\n");
    await probe.hears("too late for it\n");
    const expected = Buffer.concat([said, Buffer.from("the last before its EOF\nprobe\n")]);
    for (let sip = 1; slow.heardBytes < expected.length; sip++) {
      await slow.sip();
      talker.say(`sip ${sip}\n`);
      await probe.hears(`sip ${sip}\n`);
    }
    slow.resume();
    expect(await slow.endOfInput()).toBe(true);
    expect(slow.heard.equals(expected)).toBe(true);
    await server.logged(`left ${slow.name}: end of input`);
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const)
    test(`${signal} under load hands everybody the same whole lines, then EOF, and exits 0`, async () => {
      const server = await ServerProgram.start();
      const readers = [await server.join(), await server.join()];
      const talker = await server.join();
      const flood = talker.flood(numberedLines(10_000, 100));
      await readers[0]?.hearsBytes(2 * MIB);
      const exited = server.stop(signal);
      for (const reader of readers) expect(await reader.endOfInput()).toBe(true);
      for (const peer of [...readers, talker]) await peer.end();
      await flood;
      expect(await exited).toBe(0);
      const [one, other] = readers.map((reader) => reader.heard);
      expect(one?.length).toBeGreaterThan(2 * MIB);
      expect(one?.at(-1)).toBe(10);
      expect(other?.equals(one ?? Buffer.alloc(0))).toBe(true);
    });

  test("a second signal exits at once", async () => {
    const server = await ServerProgram.start();
    await server.join({ stopped: true });
    const [reader, talker] = [await server.join({ countOnly: true }), await server.join()];
    talker.say(numberedLines(100_000, 100));
    await reader.hearsBytes(8 * MIB); // By now a lot is pending for the one that has stopped.
    server.kill("SIGTERM");
    await server.logged("stopping");
    const since = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - since).toBeLessThan(1500);
  });
});

describe("how fast, how long silent", () => {
  test("a paste over --max-rate arrives whole over the seconds it takes, a second's worth at once", async () => {
    const server = await ServerProgram.start("--max-rate", "100");
    const [talker, listener] = [await server.join(), await server.join()];
    const said = Array.from({ length: 250 }, (_, n) => `line ${n}\n`).join("");
    const since = performance.now();
    talker.say(said);
    talker.endInput();
    await listener.hears("line 99\n");
    listener.say("others are not slowed\n");
    await talker.hears("others are not slowed\n");
    expect(listener.text).not.toContain("line 249\n");
    await listener.hears("line 249\n");
    expect(performance.now() - since).toBeGreaterThan(1400);
    expect(listener.text).toBe(said);
    expect(await talker.endOfInput()).toBe(true);
  });

  test("a client that sends no line for --idle is told so and gets EOF; one that sends stays", async () => {
    const server = await ServerProgram.start("--idle", "1s");
    const [silent, talker] = [await server.join(), await server.join()];
    const talking = setInterval(() => talker.say("still here\n"), 100);
    silent.say("no line end");
    await silent.hears("* idle for 1s\n");
    expect(await silent.endOfInput()).toBe(true);
    await server.logged(`left ${silent.name}: idle (1 here)`);
    clearInterval(talking);
    expect(await talker.hearsAll()).toBe("* idle for 1s\n");
  });
});

describe("how many", () => {
  test("1,000 clients at once get every line", async () => {
    const server = await ServerProgram.start();
    const peers: Peer[] = [];
    for (let n = 0; n < 1000; n += 100)
      peers.push(...(await Promise.all(Array.from({ length: 100 }, () => server.join()))));
    const [talker, ...listeners] = peers;
    talker?.say("hello everybody\n");
    await Promise.all(listeners.map((one) => one.hears("hello everybody\n")));
    listeners[998]?.say("and hello\n");
    await talker?.hears("and hello\n");
    expect(talker?.text).toBe("and hello\n");
  });

  test("one more than --max-clients is told so and gets EOF; the next gets in once one has left", async () => {
    const server = await ServerProgram.start("--max-clients", "2");
    const [ann, bob] = [await server.join(), await server.join()];
    const refused = await Peer.connect(server.port);
    expect(await refused.endOfInput()).toBe(true);
    expect(refused.text).toBe("* room is full\n");
    await server.logged(`refused ${refused.name}: room is full (2 here)`);
    bob.endInput();
    await server.logged(`left ${bob.name}: end of input (1 here)`);
    const eve = await server.join();
    eve.say("in\n");
    await ann.hears("in\n");
  });
});

test("the log has each client that joins and leaves, on a line with the time", async () => {
  const server = await ServerProgram.start();
  const ann = await server.join();
  ann.endInput();
  await server.logged(`left ${ann.name}: end of input (0 here)\n`);
  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;
  expect(server.stderr).toMatch(
    new RegExp(
      [
        `^${time} up to \\d+ clients, the file limit being \\d+: [^\\n]*`,
        `${time} listening on 127\\.0\\.0\\.1:${server.port}`,
        `${time} joined ${ann.name} \\(1 here\\)`,
        `${time} left ${ann.name}: end of input \\(0 here\\)\\n$`,
      ].join("\\n"),
    ),
  );
  expect(server.stdout).toBe("");
});
