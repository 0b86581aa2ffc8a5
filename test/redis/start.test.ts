/** What the server says at its start of a Redis that will not do, or that may forget. */

import { expect } from "bun:test";

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
import { RedisServer, testOverRedis as test } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

/** Why a server does not open. */
function refusal(url: string, options: Partial<ListenOptions> = {}): Promise<string> {
  return SharedServer.open({ url }, options).then(
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

const CANNOT_SHARE = "cannot share the room linechat: ";

testBeside("a server does not start with what is no Redis, or one that will not do", async () => {
  const version = (text: string) => `$${text.length + 16}\r\nredis_version:${text}\r\n\r\n`;
  const moved = { INFO: version("7.0.15"), EVALSHA: "-MOVED 1234 10.0.0.6:6379\r\n" };
  const written = { INFO: version("7.0.15"), EVALSHA: "-READONLY It is a replica.\r\n" };
  const nowhere = "redis://127.0.0.1:1";
  for (const [url, why, options = {}] of [
    [nowhere, "cannot use redis at HOST: connection refused"],
    [
      nowhere,
      "--redis keeps a --history of at most 64M (see --help)",
      { history: { bytes: (64 << 20) + 1 } },
    ],
    [
      nowhere,
      "--redis takes a --max-line of at most 16M (see --help)",
      { lineBytesMax: (16 << 20) + 1, logBytes: 1 << 30 },
    ],
    [pretend(written), `${CANNOT_SHARE}READONLY It is a replica.`],
    [
      pretend({ INFO: "HTTP/1.1 400 Bad Request\r\n" }),
      "cannot use redis at HOST: it does not answer as Redis does; is TLS (rediss://) right, and its certificate trusted (NODE_EXTRA_CA_CERTS)?",
    ],
    [
      pretend({ INFO: version("6.0.16") }),
      "cannot use redis at HOST: it is too old, 6.0.16: Redis 6.2 or later is needed",
    ],
    [
      pretend(moved),
      `${CANNOT_SHARE}it is a cluster that has the room on another node, 10.0.0.6:6379`,
    ],
  ] as [string, string, Partial<ListenOptions>?][])
    expect(await refusal(url, options)).toBe(why.replace("HOST", new URL(url).host));
});

test("a server needs the right password, in its environment or the address; the log has none", async () => {
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

test("a server that may not add, finds a key of another kind, or no memory, does not start, and leaves no trace", async () => {
  const redis = await RedisServer.start();
  const server = await SharedServer.open(redis);
  await redis.ask("ACL", "SETUSER", "eve", "on", "nopass", "~*", "+@all", "-xadd");
  expect(await refusal(redis.url.replace("//", "//eve:any@"))).toBe(
    `${CANNOT_SHARE}ERR The user executing the script can't run this command or subcommand`,
  );
  await redis.ask("SET", "linechat:{other}:lines", "mine");
  const other = { redis: { url: new URL(redis.url), room: "other" } };
  expect(await refusal(redis.url, other)).toBe(
    "cannot share the room other: WRONGTYPE Operation against a key holding the wrong kind of value",
  );
  expect(await redis.ask("XLEN", "linechat:{linechat}")).toBe(1);
  expect(server.stderr).not.toContain("redis is away");
  await redis.ask("CONFIG", "SET", "maxmemory", "1");
  expect(await refusal(redis.url)).toStartWith(`${CANNOT_SHARE}OOM `);
});

test("--max-line is what Redis takes; if this user may not ask for that, members are told in time", async () => {
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
});

test("a server with other --names, --max-line or --history than the others is refused, and told which; --buffer may differ", async () => {
  const redis = await RedisServer.start();
  const first = await SharedServer.open(redis, { names: true });
  await SharedServer.open(redis, { names: true, logBytes: 1 << 20 });
  const history = { bytes: 64 << 10, lines: 5 };
  expect(await refusal(redis.url, { lineBytesMax: 1024, history })).toBe(
    `${CANNOT_SHARE}the other servers run with --max-line 64K --names, format 2, this one with --max-line 1K --history 5, format 2`,
  );
  await first.joinNamed("ann");
  expect(first.stderr).not.toMatch(/away|out of sync/);
});

test("a server that cannot listen takes its leave of the others", async () => {
  const redis = await RedisServer.start();
  const server = await SharedServer.open(redis);
  const where = ["--host", "127.0.0.1", `${server.port}`];
  const { code, stderr } = await runToEnd(serverCommand("--redis", redis.url, ...where));
  expect([code, stderr]).toEqual([1, expect.stringContaining("address already in use")]);
  const fields = (await redis.ask("HKEYS", "linechat:{linechat}:servers")) as string[];
  expect(fields.toSorted()).toEqual([expect.stringMatching(/^[\da-f]{12}$/), "last", "options"]);
});

test("a user who may do what the README says, and no more, will do", async () => {
  const redis = await RedisServer.start();
  const readme = await Bun.file(`${ROOT}/lib/redis/README.md`).text();
  const [, rules, keys] = /A user with `(.*?)` and keys `(.*?)`/.exec(readme) ?? [];
  await redis.ask("ACL", "SETUSER", "eve", "on", ">p", ...`${rules} ${keys}`.split(" "));
  const eve = { url: `redis://eve:p@127.0.0.1:${redis.port}` };
  const options = { names: true, history: { bytes: 1024 } };
  const [one, other] = await SharedServer.openTwo(eve, options);
  const [ann, bob] = [await one.joinNamed("ann"), await other.joinNamed("bob")];
  const long = "\xff".repeat(9000); // No UTF-8, and more than is kept with an entry.
  ann.say(Buffer.from(`${long}\n`, "latin1"));
  await bob.hears(`ann: ${long}\n`);
  expect(one.stderr).not.toContain("redis is away");
});

test("servers with other rooms hear nothing of each other; the log says what Redis may forget", async () => {
  const redis = await RedisServer.start(
    ...["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"],
  );
  const open = (room: string) =>
    SharedServer.open(redis, { redis: { url: new URL(redis.url), room } });
  const [one, other, third] = [await open("kitchen"), await open("lib"), await open("lib")];
  const [ann, bob, eve] = [await one.join(), await other.join(), await third.join()];
  ann.say("for nobody\n");
  eve.say("for bob\n");
  await bob.hears("for bob\n");
  expect(bob.text).toBe("for bob\n");
  const name = `redis at 127.0.0.1:${redis.port} may forget: `;
  expect(one.stderr).toContain(`${name}appendonly is no, so all members are disconnected when`);
  expect(one.stderr).toContain(`${name}maxmemory-policy is allkeys-lru, so all members`);
  expect(one.stderr).toMatch(/sharing the room kitchen, as server [\da-f]{12}\n/);
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
