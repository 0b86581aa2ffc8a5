/**
 * `bun run bench --redis`: how long a line takes from a member of one server to one of another, and
 * through two small relays instead; what a line costs each server and Redis, and one server alone;
 * how many lines three servers carry; and how one machine's throughput grows from one server to four.
 * Each figure is measured once, with every line counted.
 */

import { type DialectName, DIALECTS } from "../bench/dialects.ts";
import { Histogram } from "../bench/histogram.ts";
import { usageOf } from "../bench/usage.ts";
import { serverCommand, ServerProgram } from "../harness.ts";
import { RedisServer } from "./redis-server.ts";

const LINE_BYTES = 64;
const LINES_PER_SECOND = 1_000;
/** So many lines are on their way in a flood, to each listener. */
const WINDOW_LINES = 20_000;
const LISTENERS = 100;
const NOTHING: Buffer = Buffer.alloc(0);

/** What is measured, and what came of it. */
type Row = [what: string, figures: string];

/** @param measureMs how long each figure is measured */
export async function benchOverRedis(measureMs: number): Promise<void> {
  const rows: Row[] = [];
  const redis = await RedisServer.start("--appendfsync", "everysec");
  const servers = await startServers(redis, 3);
  const [one, other] = servers;
  const ports = servers.map(({ port }) => port);
  const relay = [process.execPath, "test/redis/relay.ts", redis.url];
  const relays = await Promise.all([ServerProgram.run(relay), ServerProgram.run(relay)]);
  const [first, last] = relays;
  rows.push(["one server to another", await latency(one?.port, other?.port, measureMs)]);
  rows.push(["one small relay to another", await latency(first?.port, last?.port, measureMs)]);
  await Promise.all(relays.map((relay) => relay.end()));
  rows.push(["flood over three servers", (await flood(ports, ports, measureMs)).figures]);
  await end(servers);

  for (const count of [1, 2]) {
    const shared = await startServers(redis, count);
    rows.push([`cost a line, ${count} over Redis`, await cost(shared, redis, measureMs)]);
    await end(shared);
  }
  const alone = await ServerProgram.start();
  rows.push(["cost a line, alone", await cost([alone], undefined, measureMs)]);
  rows.push(["one server alone", await latency(alone.port, alone.port, measureMs)]);
  await end([alone]);
  rows.push(["publish/subscribe", await latency(redis.port, redis.port, measureMs, "redis")]);

  for (const count of [1, 2, 3, 4]) {
    const shared = await startServers(redis, count, "--reuse-port");
    const at = (clients: number) => Array.from({ length: clients }, () => shared[0]?.port ?? 0);
    rows.push([`${count} on one port`, (await flood(at(4), at(LISTENERS), measureMs)).figures]);
    await end(shared);
  }
  await redis.end();
  for (const [what, figures] of rows) console.log(`${what.padEnd(36)}${figures}`);
}

/** What a line costs in processor time, on its way from the first server to the last. */
async function cost(
  servers: readonly ServerProgram[],
  redis: RedisServer | undefined,
  measureMs: number,
): Promise<string> {
  const ports = servers.map(({ port }) => port);
  const [first, last] = [ports.slice(0, 1), ports.slice(-1)];
  const pids = [...servers.map(({ pid }) => pid), ...(redis ? [redis.pid] : [])];
  await flood(first, last, measureMs / 4);
  const before = pids.map((pid) => usageOf(pid).cpuMs);
  const { lines } = await flood(first, last, measureMs);
  const names = [...servers.map((_, at) => `server ${at + 1}`), "Redis"];
  const costs = pids.map((pid, at) => {
    const micros = ((usageOf(pid).cpuMs - (before[at] ?? 0)) * 1000) / lines;
    return `${names[at]} ${micros.toFixed(3)} µs`;
  });
  return costs.join(", ");
}

async function startServers(redis: RedisServer, count: number, ...options: string[]) {
  const words = ["--redis", redis.url, "--host", "127.0.0.1", ...options];
  const servers = [await ServerProgram.run(serverCommand(...words, "0"))];
  const port = options.includes("--reuse-port") ? `${servers[0]?.port}` : "0";
  while (servers.length < count)
    servers.push(await ServerProgram.run(serverCommand(...words, port)));
  return servers;
}

async function end(servers: readonly ServerProgram[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()));
}

/** Says a line each ms, and measures from when it was due to when it is heard. */
async function latency(
  talkAt = 0,
  hearAt = 0,
  measureMs: number,
  dialectName: DialectName = "plain",
): Promise<string> {
  const dialect = DIALECTS[dialectName];
  const line = Buffer.from(`${"x".repeat(LINE_BYTES - 1)}\n`);
  const heardBytes = dialect.hear(line).length;
  const latencies = new Histogram();
  const count = Math.floor((measureMs * LINES_PER_SECOND) / 1000);
  let startMs = Number.POSITIVE_INFINITY;
  let skip = true;
  let bytes = 0;
  let heard = 0;
  const done = Promise.withResolvers<void>();
  const listener = await connect(hearAt, (chunk) => {
    if (skip) return;
    bytes += chunk.length;
    for (; heard < Math.floor(bytes / heardBytes); heard++)
      latencies.add(performance.now() - startMs - (heard * 1000) / LINES_PER_SECOND);
    if (heard >= count) done.resolve();
  });
  listener.write(dialect.greeting);
  const talker = await connect(talkAt, () => {});
  talker.write(dialect.talkerGreeting ?? dialect.greeting);
  await Bun.sleep(500);
  skip = false;
  startMs = performance.now();
  for (let said = 0; said < count; await Bun.sleep(1)) {
    const due = Math.min(count, ((performance.now() - startMs) * LINES_PER_SECOND) / 1000);
    for (; said < due; said++) talker.write(dialect.say(line));
  }
  await Promise.race([done.promise, Bun.sleep(5_000)]);
  for (const socket of [listener, talker]) socket.terminate();
  if (heard < count) return `${count - heard} of ${count} lines did not come`;
  const [p50, p99] = [0.5, 0.99].map((share) => latencies.quantile(share).toFixed(2));
  return `p50 ${p50} ms, p99 ${p99} ms`;
}

/**
 * One talks at each of some ports, as fast as it is heard, and one listens at each of others, until all
 * was heard; returns how many lines were sent, and what came of them.
 */
async function flood(talkAt: readonly number[], listenAt: readonly number[], measureMs: number) {
  const block = Buffer.from(`${"x".repeat(LINE_BYTES - 1)}\n`.repeat(64));
  const heardBytes = listenAt.map(() => 0);
  const hear = (at: number) => (chunk: Buffer) =>
    (heardBytes[at] = (heardBytes[at] ?? 0) + chunk.length);
  const listeners = await Promise.all(listenAt.map((port, at) => connect(port, hear(at))));
  const talkers = await Promise.all(
    talkAt.map(async (port) => ({ socket: await connect(port, () => {}), rest: NOTHING })),
  );
  await Bun.sleep(300);
  heardBytes.fill(0); // A line that was said elsewhere before may have come only now.
  let saidBytes = 0;
  const slowest = () => Math.min(...heardBytes);
  const startMs = performance.now();
  const say = (talker: (typeof talkers)[number], bytes: Buffer) => {
    const taken = talker.socket.write(bytes, 0, bytes.length);
    talker.rest = bytes.subarray(Math.max(0, taken));
  };
  while (performance.now() - startMs < measureMs) {
    for (const talker of talkers) {
      if (talker.rest.length > 0) say(talker, talker.rest);
      if (talker.rest.length > 0 || saidBytes - slowest() > WINDOW_LINES * LINE_BYTES) continue;
      saidBytes += block.length;
      say(talker, block);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - startMs) / 1000;
  const deliveredBytes = heardBytes.reduce((sum, bytes) => sum + bytes, 0);
  for (let waits = 0; slowest() < saidBytes && waits < 500; waits++) {
    for (const talker of talkers) if (talker.rest.length > 0) say(talker, talker.rest);
    await Bun.sleep(10);
  }
  for (const socket of [...listeners, ...talkers.map((talker) => talker.socket)])
    socket.terminate();
  const lost = heardBytes.reduce((sum, bytes) => sum + (saidBytes - bytes) / LINE_BYTES, 0);
  const perSecond = deliveredBytes / LINE_BYTES / seconds;
  const [all, each] = [perSecond, perSecond / listenAt.length].map((count) =>
    Math.round(count).toLocaleString("en"),
  );
  const figures = `${all} lines/s delivered, ${each} to each listener, ${lost} lost`;
  return { lines: saidBytes / LINE_BYTES, figures };
}

function connect(port: number, onBytes: (chunk: Buffer) => void): Promise<Bun.Socket<undefined>> {
  return Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_, chunk) => void onBytes(chunk), error() {} },
  });
}
