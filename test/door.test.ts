import { beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { listen } from "../lib/server/listen.ts";
import { endAfterEach, Peer, Program, ServerProgram } from "./harness.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "linechat-door-"));
});
endAfterEach();

describe("addresses", () => {
  test("one that is denied is closed at once, and logged once a second at most", async () => {
    const server = await ServerProgram.start("--deny", "127.0.0.0/8");
    for (let n = 0; n < 20; n++) {
      const peer = await Peer.connect(server.port).catch(() => undefined);
      await peer?.closed();
    }
    await server.printed(/refused 127\.0\.0\.1:\d+: not allowed \(0 here\)/, "stderr");
    expect(server.stderr.split("not allowed").length - 1).toBeLessThanOrEqual(3);
    expect(server.stderr).not.toContain("joined");
  });

  test("--allow lets in only whom it names, --deny wins", async () => {
    const server = await ServerProgram.start(
      "--allow",
      "127.0.0.1",
      "--allow",
      "::1",
      "--deny",
      "10.0.0.0/8",
    );
    await server.join();
    await server.members(1);
  });

  test("one has so many clients, and a place again when one has left", async () => {
    const server = await ServerProgram.start("--max-clients-per-address", "2");
    const ann = await server.join();
    await server.join();
    const third = await Peer.connect(server.port).catch(() => undefined);
    await third?.closed();
    await server.printed(/refused \S+: too many from its address \(2 here\)/, "stderr");
    ann.endInput();
    await server.printed(`left ${ann.name}: end of input`, "stderr");
    await ann.closed();
    await server.join();
    await server.members(2);
  });
});

describe("the pass phrase", () => {
  const SECRET = "correct horse battery staple";
  const start = (...options: string[]) => {
    writeFileSync(join(folder, "pass"), `${SECRET}\n`);
    return ServerProgram.start("--pass-file", join(folder, "pass"), ...options);
  };

  test("lets in who says it first, by LF or CR LF, in pieces or together with more", async () => {
    const server = await start();
    const listener = await Peer.connect(server.port);
    listener.say(`${SECRET}\r\n`);
    await server.members(1);
    const witness = await Peer.connect(server.port);
    witness.say(`${SECRET}\n`);
    await server.members(2);
    const pieces = await Peer.connect(server.port);
    pieces.say(SECRET.slice(0, 5));
    listener.say("not yet for it\n");
    await witness.hears("not yet for it\n");
    pieces.say(`${SECRET.slice(5)}\nfirst words\nmore `);
    await listener.hears("first words\n");
    pieces.say("words\n");
    await listener.hears("more words\n");
    listener.say("for it\n");
    await pieces.hears("for it\n");
    expect(pieces.text).toBe("for it\n");
  });

  test("wrong, it is answered and its lines go nowhere; the log does not show it", async () => {
    const server = await start();
    const listener = await Peer.connect(server.port);
    listener.say(`${SECRET}\n`);
    await server.members(1);
    for (const wrong of ["correct horse\nspam\n", `${SECRET} \n`, "\n", `${"x".repeat(2000)}`]) {
      const intruder = await Peer.connect(server.port);
      intruder.say(wrong);
      expect(await intruder.endOfInput()).toBe(true);
      expect(intruder.text).toBe("* wrong pass phrase\n");
      await intruder.end();
    }
    const ending = await Peer.connect(server.port);
    ending.say(SECRET);
    ending.endInput();
    expect(await ending.endOfInput()).toBe(true);
    expect(ending.text).toBe("* wrong pass phrase\n");
    expect(listener.text).toBe("");
    await server.printed(/refused \S+: wrong pass phrase \(1 here\)/, "stderr");
    expect(server.stderr).not.toContain("horse");
  });

  test("not said in time, it ends the connection", async () => {
    const refusals: string[] = [];
    const server = await listen({
      host: "127.0.0.1",
      port: 0,
      passPhrase: new TextEncoder().encode(SECRET),
      guestMs: 200,
      onRefuse: (_, why) => refusals.push(why),
    });
    const silent = await Peer.connect(server.port);
    await silent.hears("* no pass phrase within 200ms\n");
    expect(await silent.endOfInput()).toBe(true);
    expect(refusals).toEqual(["no pass phrase within 200ms"]);
    await silent.end();
    await server.stop();
  });

  test("in the clear on more than this machine, the start-up log says so", async () => {
    const warning = "the pass phrase travels in the clear: there is no TLS on";
    expect((await start()).stderr).not.toContain(warning);
    writeFileSync(join(folder, "pass"), SECRET);
    const open = await ServerProgram.run([
      process.execPath,
      "server.ts",
      "--pass-file",
      join(folder, "pass"),
      "0",
    ]);
    expect(open.stderr).toContain(`${warning} [::]:${open.port}\n`);
  });

  test("has to be one line in a file that can be read", async () => {
    const file = join(folder, "pass");
    const run = async () => {
      const program = new Program([process.execPath, "server.ts", "--pass-file", file, "0"]);
      return { code: await program.exited, stderr: program.stderr };
    };
    expect(await run()).toEqual({
      code: 1,
      stderr: `linechat-server: cannot read ${file}: no such file\n`,
    });
    for (const wrong of ["", "\n", "two\nlines\n", "x".repeat(1025)]) {
      writeFileSync(file, wrong);
      const message = `linechat-server: ${file} is to hold one line of 1 to 1024 bytes\n`;
      expect(await run()).toEqual({ code: 1, stderr: message });
    }
  });
});

describe("a Unix socket", () => {
  const start = (path: string, ...options: string[]) =>
    new Program([process.execPath, "server.ts", "--unix", path, ...options]);
  const listening = async (path: string, ...options: string[]) => {
    const server = start(path, ...options);
    await server.printed(`listening on ${path}\n`, "stderr");
    return server;
  };

  test("takes members, nobody else's by default, and goes with a clean end", async () => {
    const path = join(folder, "room");
    const server = await listening(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const socat = new Program(["socat", "-", `UNIX-CONNECT:${path}`]);
    await server.printed("joined unix:1 (1 here)", "stderr");
    const nc = new Program(["nc", "-N", "-U", path]);
    await server.printed("joined unix:2 (2 here)", "stderr");
    socat.say("hello\n");
    await nc.printed("hello\n");
    nc.say("last words");
    nc.endInput();
    await socat.printed("last words\n");
    await server.printed("left unix:2: end of input (1 here)", "stderr");
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test("is where client.ts goes with --unix, with a pass phrase too", async () => {
    const path = join(folder, "room");
    const passFile = join(folder, "pass");
    writeFileSync(passFile, "open sesame\n");
    const server = await listening(path, "--pass-file", passFile);
    const client = (...options: string[]) =>
      new Program([process.execPath, "client.ts", "--unix", path, ...options]);
    const [ann, bob] = [client("--pass-file", passFile), client("--pass-file", passFile)];
    await server.printed("(2 here)", "stderr");
    ann.say("hello\n");
    await bob.printed("hello\n");
    const stranger = client();
    stranger.say("let me in\n");
    expect(await stranger.exited).toBe(0);
    expect(stranger.stdout).toBe("* wrong pass phrase\n");
    const nowhere = new Program([process.execPath, "client.ts", "--unix", join(folder, "none")]);
    expect(await nowhere.exited).toBe(1);
    expect(nowhere.stderr).toBe(
      `linechat-client: cannot connect to ${join(folder, "none")}: no such socket\n`,
    );
  });

  test("has the mode that was asked for", async () => {
    const path = join(folder, "room");
    await listening(path, "--unix-mode", "666");
    expect(statSync(path).mode & 0o777).toBe(0o666);
  });

  test("replaces one that a killed server has left, not a live one, nor any other file", async () => {
    const path = join(folder, "room");
    const killed = await listening(path);
    const second = start(path);
    expect(await second.exited).toBe(1);
    expect(second.stderr).toBe(
      `linechat-server: cannot listen on ${path}: a server listens there already\n`,
    );
    killed.kill("SIGKILL");
    await killed.exited;
    expect(existsSync(path)).toBe(true);
    await listening(path);

    const file = join(folder, "file");
    writeFileSync(file, "precious");
    const other = start(file);
    expect(await other.exited).toBe(1);
    expect(other.stderr).toBe(
      `linechat-server: cannot listen on ${file}: it exists and is no socket\n`,
    );
    expect(await Bun.file(file).text()).toBe("precious");
  });

  test("that cannot be made is one line", async () => {
    const missing = join(folder, "none", "room");
    const program = start(missing);
    expect(await program.exited).toBe(1);
    expect(program.stderr).toBe(
      `linechat-server: cannot listen on ${missing}: no such directory\n`,
    );
    const mistake = new Program([
      process.execPath,
      "server.ts",
      "--unix",
      join(folder, "a"),
      "8080",
    ]);
    expect(await mistake.exited).toBe(2);
    expect(mistake.stderr).toContain('unexpected argument "8080"');
  });
});

describe("pace", () => {
  test("a paste over the rate arrives whole over the seconds it takes, a second's worth at once", async () => {
    const server = await ServerProgram.start("--max-rate", "100");
    const [talker, listener] = [await server.join(), await server.join()];
    const said = Array.from({ length: 250 }, (_, n) => `line ${n}\n`).join("");
    const since = performance.now();
    talker.say(said);
    talker.endInput();
    await listener.hears("line 99\n");
    expect(performance.now() - since).toBeLessThan(900);
    listener.say("others are not slowed\n");
    await talker.hears("others are not slowed\n");
    await listener.hears("line 249\n");
    expect(performance.now() - since).toBeGreaterThan(1400);
    expect(listener.text).toBe(said);
    expect(await talker.endOfInput()).toBe(true);
  });
});

describe("silence", () => {
  test("who says no line for --idle is told so and gets EOF; who talks stays", async () => {
    const server = await ServerProgram.start("--idle", "400ms");
    const [silent, talker] = [await server.join(), await server.join()];
    const talking = setInterval(() => talker.say("still here\n"), 100);
    silent.say("no line end");
    await silent.hears("* idle for 400ms\n");
    expect(await silent.endOfInput()).toBe(true);
    await server.printed(`left ${silent.name}: idle (1 here)`, "stderr");
    clearInterval(talking);
    await talker.hears("* idle for 400ms\n");
  });
});

test("with one client flooding, the single lines of another come through", async () => {
  const server = await ServerProgram.start();
  const [flooder, talker] = [
    await server.join({ countOnly: true }),
    await server.join({ countOnly: true }),
  ];
  const listener = await server.join({ countOnly: true });
  const block = Buffer.alloc(1 << 20, "0123456789abcde\n");
  let sending = true;
  const flood = (async () => {
    while (sending && (await flooder.sayAll(block)));
  })();
  await listener.hearsBytes(8 << 20);
  for (let n = 1; n <= 20; n++) {
    talker.say("me\n");
    // Everybody else's lines are all that the flooder hears.
    await flooder.hearsBytes(3 * n, 2000);
  }
  sending = false;
  await flooder.end();
  await flood;
});
