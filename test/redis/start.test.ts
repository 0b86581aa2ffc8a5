/** What the server says at its start of a Redis that will not do, or that may forget. */

import { describe, expect } from "bun:test";
import { connect } from "node:net";

import type { ListenOptions } from "../../lib/linechat.ts";
import { makeCertificates } from "../certificates.ts";
import {
  atEnd,
  endAfterEach,
  newFolder,
  Program,
  ROOT,
  runToEnd,
  serverCommand,
  ServerProgram,
  testBeside,
} from "../harness.ts";
import { besideWith, freePort } from "../harness/tools.ts";
import { RedisServer, testOverRedis } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

/** Why a server does not open; the rest of the line. */
async function refusal(url: string, options: Partial<ListenOptions> = {}): Promise<string> {
  const opened = SharedServer.open({ url }, options);
  return opened.then(
    () => "none",
    (error: Error) => error.message,
  );
}

/** Answers each command as `replies` has it, in RESP. */
function pretend(replies: Record<string, string>): string {
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
  atEnd(() => listener.stop(true));
  return `redis://127.0.0.1:${listener.port}`;
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const TLS_HINT = "is TLS (rediss://) right, and its certificate trusted (NODE_EXTRA_CA_CERTS)?";
const CANNOT_SHARE = "cannot share the room linechat: ";
const NO_XADD = "ERR The user executing the script can't run this command or subcommand";

describe("a server does not start with", () => {
  const MOVED = "-MOVED 1234 10.0.0.6:6379\r\n";
  /** What the Redis answers, and why it will not do. */
  const answers: Record<string, readonly [replies: Record<string, string>, why: string]> = {
    "what is no Redis": [
      { INFO: "HTTP/1.1 400 Bad Request\r\n" },
      `cannot use redis at HOST: it does not answer as Redis does; ${TLS_HINT}`,
    ],
    "one that is too old": [
      { INFO: bulk("redis_version:6.0.16\r\n") },
      "cannot use redis at HOST: it is too old, 6.0.16: Redis 6.2 or later is needed",
    ],
    "a cluster that has the room elsewhere": [
      { INFO: bulk("redis_version:7.0.15\r\n"), EVALSHA: MOVED },
      `${CANNOT_SHARE}it is a cluster that has the room on another node, 10.0.0.6:6379`,
    ],
  };
  for (const [what, [replies, why]] of Object.entries(answers))
    testBeside(what, async () => {
      const url = pretend(replies);
      expect(await refusal(url)).toBe(why.replace("HOST", new URL(url).host));
    });

  testBeside("no Redis there", async () => {
    expect(await refusal("redis://127.0.0.1:1")).toBe(
      "cannot use redis at 127.0.0.1:1: connection refused",
    );
  });

  testBeside("one that lets connections wait, or takes them and says nothing", async () => {
    const code = `const { createServer } = require("node:net");
      const server = createServer().listen(0, "127.0.0.1", () => {
        console.log(server.address().port);
        process.kill(process.pid, "SIGSTOP");
      });`;
    const asleep = new Program([process.execPath, "-e", code]);
    const [, port] = await asleep.printed(/(\d+)\n/);
    const url = `redis://127.0.0.1:${port}`;
    const silent = refusal(url);
    await Bun.sleep(100); // Its connection is among the first.
    // Once its backlog is full, the system answers no more.
    const waiting = Array.from({ length: 600 }, () =>
      connect(Number(port), "127.0.0.1").on("error", () => {}),
    );
    atEnd(() => waiting.forEach((socket) => socket.destroy()));
    await Bun.sleep(200);
    for (const why of await Promise.all([silent, refusal(url)]))
      expect(why).toBe(`cannot use redis at 127.0.0.1:${port}: no answer for 5 s; ${TLS_HINT}`);
  });

  testOverRedis("a wrong password, and none where one is needed; the log has none", async () => {
    const redis = await RedisServer.start("--requirepass", "p@ss:w/d%");
    const at = `127.0.0.1:${redis.port}`;
    const start = `cannot use redis at ${at}: `;
    const why = "it wants a password, which REDIS_PASSWORD may hold";
    expect(await refusal(redis.url)).toBe(start + why);
    expect(await refusal(`redis://:wrong@${at}`)).toBe(`${start}wrong user or password`);
    const words = serverCommand("--redis", redis.url, "--host", "127.0.0.1", "0");
    const server = new Program(words, { REDIS_PASSWORD: "p@ss:w/d%" });
    await server.printed("listening", "stderr");
    const address = `redis://default:${encodeURIComponent("p@ss:w/d%")}@${at}/3`;
    const other = await ServerProgram.start("--redis", address);
    for (const { stderr } of [server, other]) expect(stderr).not.toMatch(/p@ss|p%40ss/);
  });

  testOverRedis(
    "what this user may not use, a key of another kind, a full Redis, a replica",
    async () => {
      const redis = await RedisServer.start();
      const replica = await RedisServer.start("--replicaof", "127.0.0.1", `${redis.port}`);
      const as = (user: string) => redis.url.replace("//", `//${user}:any@`);
      const history = { history: { bytes: 1024 } };
      const server = await SharedServer.open(redis, history);
      for (const user of ["guest +@connection", "eve +@all -xadd", "carl +@all -evalsha"]) {
        const [name = "", ...rules] = user.split(" ");
        await redis.ask("ACL", "SETUSER", name, "on", "nopass", "~*", ...rules);
      }
      const asked = ["guest", "carl", "eve"].map((user) => refusal(as(user), history));
      const [guest, carl, eve] = await Promise.all(asked);
      expect(guest).toContain(": NOPERM ");
      expect(carl).toStartWith(`${CANNOT_SHARE}NOPERM `);
      // It leaves no trace with the others.
      expect(eve).toBe(CANNOT_SHARE + NO_XADD);
      const entries = JSON.stringify(await redis.ask("XRANGE", "linechat:{linechat}", "-", "+"));
      expect(new Set(entries.match(/(?<="about","\S+ )\S+/g)).size).toBe(1);
      expect(server.stderr).not.toContain("redis is away");
      const otherAt = (url: string) => ({ redis: { url: new URL(url), room: "other" } });
      const other = otherAt(redis.url);
      expect(await refusal(replica.url, otherAt(replica.url))).toContain(": READONLY ");
      await redis.ask("SET", "linechat:{other}:servers", "mine");
      expect(await refusal(redis.url, other)).toBe(
        "cannot share the room other: WRONGTYPE Operation against a key holding the wrong kind of value",
      );
      await redis.ask("DEL", "linechat:{other}:servers");
      await redis.ask("SET", "linechat:{other}:lines", "mine");
      expect(await refusal(redis.url, other)).toStartWith(
        "cannot share the room other: WRONGTYPE ",
      );
      await redis.ask("CONFIG", "SET", "maxmemory", "1");
      expect(await refusal(redis.url)).toStartWith(`${CANNOT_SHARE}OOM `);
    },
  );

  testOverRedis(
    "one that takes no line as long as --max-line, if this user may ask for that",
    async () => {
      const redis = await RedisServer.start("--proto-max-bulk-len", "1mb");
      const options = { lineBytesMax: 2 << 20 };
      expect(await refusal(redis.url, options)).toEndWith(
        ": --max-line needs a proto-max-bulk-len of 2097152, not 1048576",
      );
      await redis.ask("ACL", "SETUSER", "eve", "on", ">p", "~*", "+@all", "-config");
      const eve = { url: `redis://eve:p@127.0.0.1:${redis.port}` };
      const server = await SharedServer.open(eve, options);
      const [ann, bob] = [await server.join(), await server.join()];
      await ann.sayAll(Buffer.from(`${"x".repeat((1 << 20) + 9)}\nafter\n`));
      expect(await bob.hearsAll()).toBe("* server out of sync; please reconnect\n");
      expect(server.stderr).toContain("out of sync: redis takes no line that is so long");
      await server.logged("shares the room again");
      const [carl, dora] = [await server.join({ says: "hello\n" }), await server.join()];
      carl.say("and on\n");
      await dora.hears("and on\n");
    },
  );

  testBeside("an address that is none; a room without a Redis", async () => {
    const run = (...words: string[]) => runToEnd(serverCommand(...words, "0"));
    for (const url of ["http://10.0.0.5", "redis://h/1?a=b"])
      expect((await run("--redis", url)).stderr).toContain("--redis takes an address like");
    const alone = await run("--room", "x");
    expect(alone.stderr).toBe("linechat-server: --room needs --redis (see --help)\n");
    const odd = await run("--redis", "redis://h", "--room", "a}b");
    expect(odd.stderr).toContain("--room takes a name of letters, digits, dots, - and _");
  });
});

testOverRedis("a server that cannot listen takes its leave of the others", async () => {
  const redis = await RedisServer.start();
  const server = await SharedServer.open(redis);
  const where = ["--host", "127.0.0.1", `${server.port}`];
  const { code, stderr } = await runToEnd(serverCommand("--redis", redis.url, ...where));
  expect([code, stderr]).toEqual([1, expect.stringContaining("address already in use")]);
  const fields = (await redis.ask("HKEYS", "linechat:{linechat}:servers")) as string[];
  expect(fields.toSorted()).toEqual([expect.stringMatching(/^[\da-f]{12}$/), "last", "options"]);
});

testOverRedis("a user who may do what the README says, and no more, will do", async () => {
  const redis = await RedisServer.start();
  const readme = await Bun.file(`${ROOT}/lib/redis/README.md`).text();
  const [, rules, keys] = /A user with `(.*?)` and keys `(.*?)`/.exec(readme) ?? [];
  await redis.ask("ACL", "SETUSER", "eve", "on", ">p", ...`${rules} ${keys}`.split(" "));
  const eve = { url: `redis://eve:p@127.0.0.1:${redis.port}` };
  const options = { names: true, history: { bytes: 1024 } };
  const [one, other] = await SharedServer.openTwo(eve, options);
  const [ann, bob] = [await one.joinNamed("ann"), await other.joinNamed("bob")];
  const long = "x".repeat(9000);
  ann.say(`${long}\n`);
  await bob.hears(`ann: ${long}\n`);
  expect(one.stderr).not.toContain("redis is away");
});

testOverRedis(
  "the log says what Redis may forget, and which server this is in which room",
  async () => {
    const redis = await RedisServer.start(
      ...["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"],
    );
    const { stderr: log } = await SharedServer.open(redis, {
      redis: { url: new URL(redis.url), room: "kitchen" },
    });
    const name = `redis at 127.0.0.1:${redis.port} may forget: `;
    expect(log).toContain(`${name}appendonly is no, so all members are disconnected when`);
    expect(log).toContain(`${name}maxmemory-policy is allkeys-lru, so all members`);
    expect(log).toMatch(/sharing the room kitchen, as server [\da-f]{12}\n/);
  },
);

describe("--names, --max-line and --history are those of the room", () => {
  const ALONE = { lineBytesMax: 1024, history: { bytes: 64 << 10, lines: 5 } };
  const MARK = "* end of history\n";

  testOverRedis(
    "a server with others is refused at its start, and told which; --buffer may differ",
    async () => {
      const redis = await RedisServer.start();
      const first = await SharedServer.open(redis, { names: true });
      await SharedServer.open(redis, { names: true, logBytes: 1 << 20 });
      expect(await refusal(redis.url, ALONE)).toBe(
        `${CANNOT_SHARE}the other servers run with --max-line 64K --names, format 2, this one with --max-line 1K --history 5, format 2`,
      );
      await first.joinNamed("ann");
      expect(first.stderr).not.toMatch(/away|out of sync/);
    },
  );

  testOverRedis(
    "a room in which no server is up takes those of the next one, and begins without history",
    async () => {
      const redis = await RedisServer.start();
      const stopped = await SharedServer.open(redis, { history: { bytes: 64 << 10, lines: 9 } });
      const killed = await ServerProgram.start("--redis", redis.url, "--history", "9");
      const [ann, bob] = [await stopped.join(), await killed.join()];
      const long = `${"x".repeat(9000)}\n`;
      ann.say(`before\n${long}`);
      await bob.hears(long);
      await stopped.stop();
      killed.kill("SIGKILL");
      // It looks for some 5 s whether the one that was killed is up.
      const next = await SharedServer.open(redis, ALONE);
      const witness = await next.join();
      await next.join({ says: "after\n" });
      await witness.hears("after\n");
      const newcomer = await next.join();
      await newcomer.hears(MARK);
      expect([witness.text, newcomer.text]).toEqual([`${MARK}after\n`, `after\n${MARK}`]);
      expect(await redis.ask("XLEN", "linechat:{linechat}:lines")).toBe(0);
    },
  );

  testOverRedis(
    "a server that slept while the room was opened with other options stays out of it",
    async () => {
      const redis = await RedisServer.start();
      const sleeper = await ServerProgram.start("--redis", redis.url);
      const ann = await sleeper.join();
      sleeper.kill("SIGSTOP");
      const next = await SharedServer.open(redis, ALONE);
      sleeper.kill("SIGCONT");
      expect(await ann.hearsAll()).toBe("* server out of sync; please reconnect\n");
      await sleeper.logged("cannot share the room: the other servers run with --max-line 1K");
      await next.stop();
      await sleeper.logged("shares the room again");
    },
  );
});

besideWith("redis-server", "openssl")("over TLS, its certificate verified", async () => {
  const { file } = makeCertificates(newFolder());
  const port = freePort();
  const tls = { port, "auth-clients": "no", "ca-cert-file": file("ca.pem") };
  const own = { "cert-file": file("server.pem"), "key-file": file("server.key") };
  const options = Object.entries({ ...tls, ...own });
  await RedisServer.start(...options.flatMap(([name, value]) => [`--tls-${name}`, `${value}`]));
  const url = `rediss://localhost:${port}`;
  expect(await refusal(url)).toMatch(/^cannot use redis at localhost:\d+: .*certificate.*; is TLS/);
  const words = serverCommand("--redis", url, "--host", "127.0.0.1", "0");
  const server = new Program(words, { NODE_EXTRA_CA_CERTS: file("ca.pem") });
  await server.printed("listening", "stderr");
});
