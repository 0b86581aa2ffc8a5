/** What the server says at its start of a Redis that will not do, or that may forget. */

import { describe, expect, setDefaultTimeout, test as anyTest } from "bun:test";
import { connect } from "node:net";

import { makeCertificates } from "../certificates.ts";
import {
  endAfterEach,
  newFolder,
  Program,
  ROOT,
  runToEnd,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { testWith } from "../harness/tools.ts";
import { freePort, RedisServer } from "./redis-server.ts";

endAfterEach();
setDefaultTimeout(20_000);

const test = testWith("redis-server");

const run = async (url: string, environment: Record<string, string> = {}) => {
  const words = ["--redis", url, "--host", "127.0.0.1", "0"];
  const program = new Program(serverCommand(...words), environment);
  return { code: await program.exited, stderr: program.stderr };
};

/** Answers each command as `replies` has it, in RESP. */
function pretend(replies: Record<string, string>): { url: string; [Symbol.dispose](): void } {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        for (const [, name = ""] of bytes.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g))
          socket.write(replies[name.toUpperCase()] ?? "+OK\r\n");
      },
    },
  });
  return { url: `redis://127.0.0.1:${listener.port}`, [Symbol.dispose]: () => listener.stop(true) };
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

describe("one line, and exit code 1, of", () => {
  anyTest("no Redis there", async () => {
    expect(await run("redis://127.0.0.1:1")).toEqual({
      code: 1,
      stderr: "linechat-server: cannot use redis at 127.0.0.1:1: connection refused\n",
    });
    const { stderr } = await run("redis://no.such.host.invalid");
    expect(stderr).toMatch(/^linechat-server: cannot use redis at no.such.host.invalid: .+\n$/);
  });

  test("a wrong password, and none where one is needed", async () => {
    await using redis = await RedisServer.start("--requirepass", "p@ss:w/d%");
    const at = `127.0.0.1:${redis.port}`;
    const start = `linechat-server: cannot use redis at ${at}: `;
    expect((await run(redis.url)).stderr).toBe(
      `${start}it wants a password, which REDIS_PASSWORD may hold\n`,
    );
    expect((await run(`redis://:wrong@${at}`)).stderr).toBe(`${start}wrong user or password\n`);
    expect((await run(redis.url, { REDIS_PASSWORD: "wrong" })).code).toBe(1);
  });

  anyTest("what is no Redis", async () => {
    using http = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    const { code, stderr } = await run(`redis://127.0.0.1:${http.port}`);
    expect([code, stderr]).toEqual([
      1,
      `linechat-server: cannot use redis at 127.0.0.1:${http.port}: it does not answer as Redis does; is TLS (rediss://) right, and its certificate trusted (NODE_EXTRA_CA_CERTS)?\n`,
    ]);
  });

  anyTest("one that is too old", async () => {
    using old = pretend({ INFO: bulk("redis_version:6.0.16\r\nrole:master\r\n") });
    expect((await run(old.url)).stderr).toContain("it is too old, 6.0.16: Redis 6.2 or later");
  });

  anyTest("a cluster that has the room elsewhere", async () => {
    const MOVED = "-MOVED 1234 10.0.0.6:6379\r\n";
    using cluster = pretend({ INFO: bulk("redis_version:7.0.15\r\n"), EVALSHA: MOVED });
    expect((await run(cluster.url)).stderr).toContain(
      "it is a cluster that has the room on another node, 10.0.0.6:6379\n",
    );
  });

  test("something else under its key; a user who may not do what is needed", async () => {
    await using redis = await RedisServer.start();
    await redis.ask("SET", "linechat:{linechat}:servers", "mine");
    expect((await run(redis.url)).stderr).toEndWith(
      ": WRONGTYPE Operation against a key holding the wrong kind of value\n",
    );
    await redis.ask("ACL", "SETUSER", "guest", "on", "nopass", "~*", "+@connection");
    const { code, stderr } = await run(redis.url.replace("//", "//guest:any@"));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/: NOPERM .*\n$/)]);
  });

  test("a read-only replica", async () => {
    await using redis = await RedisServer.start();
    await using replica = await RedisServer.start("--replicaof", "127.0.0.1", `${redis.port}`);
    expect((await run(replica.url)).stderr).toContain(": READONLY ");
  });

  test("one that takes nothing, or does not let this user do it", async () => {
    await using redis = await RedisServer.start();
    const start = "linechat-server: cannot share the room linechat: ";
    await redis.ask("ACL", "SETUSER", "eve", "on", ">p", "~*", "+@all", "-evalsha");
    const { stderr } = await run(`redis://eve:p@127.0.0.1:${redis.port}`);
    expect(stderr).toStartWith(`${start}NOPERM `);
    await redis.ask("CONFIG", "SET", "maxmemory", "1");
    const full = await run(redis.url);
    expect(full).toEqual({ code: 1, stderr: expect.stringContaining(`${start}OOM `) });
  });

  test("nothing, with a user who may do what the README says and no more", async () => {
    await using redis = await RedisServer.start();
    const readme = await Bun.file(`${ROOT}/lib/redis/README.md`).text();
    const rules = /A user with `(.*?)` and keys `(.*?)`/
      .exec(readme)
      ?.slice(1)
      .join(" ")
      .split(" ");
    await redis.ask("ACL", "SETUSER", "eve", "on", ">p", ...(rules ?? []));
    const eve = `redis://eve:p@127.0.0.1:${redis.port}`;
    const server = await ServerProgram.start("--redis", eve, "--names", "--history", "9");
    const ann = await server.connectNamed("ann");
    ann.say("hello\n");
    expect(server.stderr).not.toContain("redis is away");
  });

  test("one that takes no line as long as --max-line; not if nobody may ask for that", async () => {
    await using redis = await RedisServer.start("--proto-max-bulk-len", "1mb");
    const words = ["--host", "127.0.0.1", "--max-line", "2M"];
    const small = await runToEnd(serverCommand("--redis", redis.url, ...words, "0"));
    expect(small.stderr).toBe(
      `linechat-server: cannot use redis at 127.0.0.1:${redis.port}: --max-line needs a proto-max-bulk-len of 2228224, not 1048576\n`,
    );
    await redis.ask("ACL", "SETUSER", "eve", "on", ">p", "~*", "+@all", "-config");
    const eve = `redis://eve:p@127.0.0.1:${redis.port}`;
    const server = await ServerProgram.start("--redis", eve, ...words);
    const [ann, bob] = [await server.join(), await server.join()];
    await ann.sayAll(Buffer.from(`${"x".repeat((1 << 20) + 9)}\nafter\n`));
    expect(await bob.hearsAll()).toBe("* server out of sync; please reconnect\n");
    expect(server.stderr).toContain("out of sync: redis takes no line that is so long");
    await server.logged("shares the room again");
    const carl = await server.join({ says: "hello\n" });
    const dora = await server.join();
    carl.say("and on\n");
    await dora.hears("and on\n");
  });

  anyTest("one that lets connections wait, or takes them and says nothing", async () => {
    const start = "linechat-server: cannot use redis at 127.0.0.1:";
    const code = `const { createServer } = require("node:net");
      const server = createServer().listen(0, "127.0.0.1", () => {
        console.log(server.address().port);
        process.kill(process.pid, "SIGSTOP");
      });`;
    const asleep = new Program([process.execPath, "-e", code]);
    const [, port] = await asleep.printed(/(\d+)\n/);
    const silent = await run(`redis://127.0.0.1:${port}`);
    expect(silent.stderr).toStartWith(`${start}${port}: no answer for 5 s`);
    // Once its backlog is full, the system answers no more.
    const waiting = Array.from({ length: 600 }, () =>
      connect(Number(port), "127.0.0.1").on("error", () => {}),
    );
    await Bun.sleep(200);
    const full = await run(`redis://127.0.0.1:${port}`);
    expect(full.stderr).toStartWith(`${start}${port}: no answer for 5 s`);
    asleep.kill("SIGKILL");
    for (const socket of waiting) socket.destroy();
  });

  anyTest("an address that is none; a room without a Redis", async () => {
    for (const url of ["10.0.0.5", "http://10.0.0.5", "redis://", "redis://h/x", "redis://h/1?a=b"])
      expect(await run(url)).toEqual({
        code: 2,
        stderr: expect.stringContaining("--redis takes an"),
      });
    const alone = await runToEnd(serverCommand("--room", "x", "0"));
    expect(alone.stderr).toBe("linechat-server: --room needs --redis (see --help)\n");
    const odd = await runToEnd(serverCommand("--redis", "redis://h", "--room", "a}b", "0"));
    expect(odd.stderr).toContain("--room takes a name of letters, digits, dots, - and _");
  });
});

describe("the log says", () => {
  test("what Redis may forget, and which server this is in which room", async () => {
    await using redis = await RedisServer.start(
      ...["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"],
    );
    const server = await ServerProgram.start("--redis", redis.url, "--room", "kitchen");
    const name = `redis at 127.0.0.1:${redis.port} may forget: `;
    expect(server.stderr).toContain(
      `${name}appendonly is no, so all members are disconnected when`,
    );
    expect(server.stderr).toContain(`${name}maxmemory-policy is allkeys-lru, so all members`);
    expect(server.stderr).toMatch(/sharing the room kitchen, as server [\w-]{12}\n/);
  });

  test("nothing of a password, which may come from REDIS_PASSWORD or the address", async () => {
    await using redis = await RedisServer.start("--requirepass", "p@ss:w/d%");
    const words = serverCommand("--redis", redis.url, "--host", "127.0.0.1", "0");
    const server = new Program(words, { REDIS_PASSWORD: "p@ss:w/d%" });
    await server.printed("listening", "stderr");
    const address = `redis://default:${encodeURIComponent("p@ss:w/d%")}@127.0.0.1:${redis.port}/3`;
    const other = await ServerProgram.start("--redis", address);
    for (const { stderr } of [server, other]) expect(stderr).not.toMatch(/p@ss|p%40ss/);
  });
});

describe("--names, --max-line and --history are those of the room", () => {
  const ALONE = ["--max-line", "1K", "--history", "5"];

  test("a server with others is refused at its start, and told which; --buffer may differ", async () => {
    await using redis = await RedisServer.start();
    const share = (...options: string[]) => ServerProgram.start("--redis", redis.url, ...options);
    const first = await share("--names", "--room", "lib");
    await share("--names", "--room", "lib", "--buffer", "1M");
    const words = ["--redis", redis.url, "--room", "lib", ...ALONE, "0"];
    const { code, stderr } = await runToEnd(serverCommand(...words));
    expect([code, stderr]).toEqual([
      1,
      "linechat-server: cannot share the room lib: the other servers run with --max-line 64K --names, this one with --max-line 1K --history 5\n",
    ]);
    await first.connectNamed("ann");
    expect(first.stderr).not.toMatch(/away|out of sync/);
  });

  test("a room in which no server is up takes those of the next one, and begins without history", async () => {
    await using redis = await RedisServer.start();
    const share = (...options: string[]) => ServerProgram.start("--redis", redis.url, ...options);
    const [stopped, killed] = [await share("--history", "9"), await share("--history", "9")];
    const [ann, bob] = [await stopped.join(), await killed.join()];
    ann.say("before\n");
    await bob.hears("before\n");
    await stopped.stop();
    killed.kill("SIGKILL");
    // It looks for some 5 s whether the one that was killed is up.
    const next = await share(...ALONE);
    const witness = await next.join();
    await next.join({ says: "after\n" });
    await witness.hears("after\n");
    const newcomer = await next.join();
    await newcomer.hears("* end of history\n");
    const mark = "* end of history\n";
    expect([witness.text, newcomer.text]).toEqual([`${mark}after\n`, `after\n${mark}`]);
  });

  test("a server that slept while the room was opened with other options stays out of it", async () => {
    await using redis = await RedisServer.start();
    const share = (...options: string[]) => ServerProgram.start("--redis", redis.url, ...options);
    const sleeper = await share();
    const ann = await sleeper.join();
    sleeper.kill("SIGSTOP");
    const next = await share(...ALONE);
    sleeper.kill("SIGCONT");
    expect(await ann.hearsAll()).toBe("* server out of sync; please reconnect\n");
    await sleeper.logged("cannot share the room: the other servers run with --max-line 1K");
    await next.stop();
    await sleeper.logged("shares the room again");
  });
});

testWith("redis-server", "openssl")("over TLS, its certificate verified", async () => {
  const { file } = makeCertificates(newFolder());
  const port = await freePort();
  await using _ = await RedisServer.start(
    ...["--tls-port", `${port}`, "--tls-auth-clients", "no", "--tls-ca-cert-file", file("ca.pem")],
    ...["--tls-cert-file", file("server.pem"), "--tls-key-file", file("server.key")],
  );
  const url = `rediss://localhost:${port}`;
  const stranger = await run(url);
  expect(stranger.code).toBe(1);
  const words = serverCommand("--redis", url, "--host", "127.0.0.1", "0");
  const server = new Program(words, { NODE_EXTRA_CA_CERTS: file("ca.pem") });
  await server.printed("listening", "stderr");
});
