/** What happens to a room when its Redis, a connection to it, or one of its servers fails; `bun run soak --redis` does it for longer. */

import { expect } from "bun:test";

import { endAfterEach, Peer, ServerProgram } from "../harness.ts";
import { Between } from "../harness/between.ts";
import { browserTests, enter } from "../harness/browser.ts";
import { figuresOf } from "../harness/figures.ts";
import { numberedLines } from "../harness/tools.ts";
import { webUrl } from "../harness/web-peer.ts";
import { Random } from "../simulation/random.ts";
import { Crowd } from "../soak/crowd.ts";
import {
  FAULTS,
  forget,
  openProgram,
  openRoom,
  type RedisFault,
  type Scene,
  SMALL,
  undergo,
  WAYS_TO_FORGET,
} from "./faults.ts";
import { RedisServer, testOverRedis as test } from "./redis-server.ts";
import { SharedServer } from "./shared-server.ts";

endAfterEach();

const STREAM = "linechat:{linechat}";
const MARK = "* end of history\n";

/** @param hasProgram whether the last server is a program, which can sleep */
async function openScene({ hasProgram = false } = {}): Promise<Scene> {
  const room = await openRoom<SharedServer | ServerProgram>((at) =>
    hasProgram && at instanceof Between ? openProgram(at) : SharedServer.open(at, SMALL),
  );
  return { ...room, crowd: await Crowd.gather(room.servers, 3, 3), random: new Random(1) };
}

/** No line is lost, and the log has of each fault what it is to have. */
async function areTakenWell(scene: Scene, faults: readonly RedisFault[]): Promise<void> {
  const before = scene.servers.map(({ stderr }) => stderr.length);
  await undergo(scene, faults);
  const log = scene.servers.map(({ stderr }, at) => stderr.slice(before[at])).join("");
  const reports = [...log.matchAll(/redis is away: (.*)/g)].map(([, why = ""]) => why);
  const reasons = faults.flatMap(({ why }) => why ?? []);
  for (const report of reports)
    expect(reasons.some((why) => why.test(report)) || report).toBe(true);
  for (const why of reasons) expect(reports.some((report) => why.test(report)) || why).toBe(true);
  const isDown = faults.some(({ name }) => name.includes("considered down"));
  expect(log.includes("considered down")).toBe(isDown);
  expect(log).not.toContain("out of sync");
}

test("no line is lost, and none comes twice, while one fault after the other is soon over", async () =>
  areTakenWell(
    await openScene(),
    FAULTS.filter(({ isLong }) => !isLong),
  ));

for (const fault of FAULTS.filter(({ isLong }) => isLong))
  test(`no line is lost, and none comes twice, while ${fault.name}`, async () =>
    areTakenWell(await openScene({ hasProgram: true }), [fault]));

for (const [what, loses] of Object.entries(WAYS_TO_FORGET))
  test(`all members are disconnected, and the room goes on, after ${what}`, async () => {
    const scene = await openScene();
    await forget(scene, loses);
    // Each is another server from then on, and the old ones are gone.
    const fields = (await scene.redis.ask("HKEYS", `${STREAM}:servers`)) as string[];
    expect(fields.filter((name) => /^[\da-f]{12}$/.test(name)).length).toBe(scene.servers.length);
    await undergo({ ...scene, crowd: await Crowd.gather(scene.servers, 3, 3) }, []);
  });

test("a room in which no server is up takes the options of the next one, and begins without history", async () => {
  const redis = await RedisServer.start();
  const stopped = await SharedServer.open(redis, { history: { bytes: 64 << 10, lines: 9 } });
  const sleeper = await ServerProgram.start("--redis", redis.url, "--history", "9");
  const [ann, bob] = [await stopped.join(), await sleeper.join()];
  const long = `${"x".repeat(9000)}\n`;
  ann.say(`before\n${long}`);
  await bob.hears(long);
  await stopped.stop();
  sleeper.kill("SIGSTOP");
  // It looks for some 5 s whether the one that sleeps is up.
  const next = await SharedServer.open(redis, { history: { bytes: 64 << 10, lines: 5 } });
  const witness = await next.join();
  await next.join({ says: "after\n" });
  await witness.hears("after\n");
  const newcomer = await next.join();
  await newcomer.hears(MARK);
  expect([witness.text, newcomer.text]).toEqual([`${MARK}after\n`, `after\n${MARK}`]);
  expect(await redis.ask("XLEN", `${STREAM}:lines`)).toBe(0);
  // The one that slept stays out of it as long as there are others.
  sleeper.kill("SIGCONT");
  expect(await bob.hearsAll()).toEndWith("* server out of sync; please reconnect\n");
  await sleeper.logged(/cannot share the room: the other servers run with .* --history 5/);
  await next.stop();
  await sleeper.logged("shares the room again");
});

test("a server that is killed, while the clock of Redis is set back, takes only its own members, and leaves nothing", async () => {
  const redis = await RedisServer.start();
  const dying = await ServerProgram.start("--redis", redis.url, "--names", "--announce");
  const options = { names: true, announce: true, metrics: { host: "127.0.0.1", port: 0 } };
  const quiet = await SharedServer.open(redis, options);
  const bob = await quiet.joinNamed("bob");
  for (const name of ["ann", "carl"]) await dying.connectNamed(name);
  await bob.hears("* carl joined\n");
  // Ids go on from that of the last entry, as after a clock that was an hour ahead.
  await redis.ask("XSETID", STREAM, `${Date.now() + 3_600_000}-0`);
  dying.kill("SIGKILL");
  const early = await Peer.connect(quiet.port, { says: "ann\n" });
  expect(await early.hearsAll()).toEndWith("* the name ann is taken\n");
  await quiet.logged(/^server \S{12} is considered down$/m);
  await bob.hears("* ann left\n* carl left\n");
  const names = (await redis.ask("HKEYS", `${STREAM}:names`)) as string[];
  expect(names.filter((name) => /ann|carl/.test(name))).toEqual([]);
  await quiet.joinNamed("ann");
  const newcomer = await SharedServer.open(redis, options);
  await newcomer.figures.becomes("linechat_stream_servers", 2);
  expect(newcomer.stderr).not.toContain("considered down");
});

test("while Redis is away, senders are slowed; figures and health tell it, and how far behind the room is; a stop, what is lost", async () => {
  const redis = await RedisServer.start();
  const one = await ServerProgram.start("--redis", redis.url, "--metrics", "0");
  const other = await SharedServer.open(redis);
  const { becomes, exceeds, figure, health } = await figuresOf(one);
  const [ann, bob] = [await one.join(), await other.join()];
  await becomes("linechat_stream_up", 1);
  await becomes("linechat_stream_servers", 2);
  await becomes("linechat_stream_pending_bytes", 0);
  expect(await health()).toBe("200 ok");
  const killedMs = performance.now();
  await redis.kill();
  await one.logged("redis is away");
  expect(await health()).toBe("503 redis is away");
  ann.say("waits\n");
  await becomes("linechat_stream_pending_bytes", 6);
  await becomes("linechat_stream_up", 0);
  const lag = (await figure("linechat_stream_lag_seconds")) ?? 0;
  await exceeds("linechat_stream_lag_seconds", lag + 0.2);
  const late = (await figure("linechat_stream_lag_seconds")) ?? 0;
  expect(late).toBeLessThan((performance.now() - killedMs) / 1000);
  const flood = numberedLines(16_384, 1024);
  void ann.sayAll(flood);
  let [before, pending] = [-1, 0];
  while (pending > before || pending < 1 << 20) {
    await Bun.sleep(200);
    [before, pending] = [pending, (await figure("linechat_stream_pending_bytes")) ?? 0];
  }
  expect(pending).toBeLessThan(3 << 20);
  await redis.start();
  await bob.hearsBytes(6 + flood.length);
  await one.logged("redis is back");
  expect(await health()).toBe("200 ok");
  await becomes("linechat_stream_lag_seconds", 0);
  await becomes("linechat_stream_pending_bytes", 0);
  await redis.kill();
  ann.say("a\nb\nc\n");
  await becomes("linechat_stream_pending_bytes", 6);
  expect(await one.stop()).toBe(0);
  expect(one.stderr).toContain("lines lost, as they have no place: 3\n");
});

test("--names: lost answers, and a Redis that was killed, give no name to two members of the room", async () => {
  const redis = await RedisServer.start();
  const between = await Between.open(redis.port);
  const [one, other] = [
    await SharedServer.open(redis, { names: true }),
    await SharedServer.open(between, { names: true }),
  ];
  const witness = await one.joinNamed("witness");
  between.swallows = true;
  const ann = await Peer.connect(other.port, { says: "ann\nfirst\n" });
  while (!(await redis.ask("HEXISTS", "linechat:{linechat}:names", "ann"))) await Bun.sleep(10);
  between.swallows = false;
  between.cut();
  await witness.hears("ann: first\n");
  expect(await (await Peer.connect(one.port, { says: "ann\n" })).hearsAll()).toEndWith(
    "* the name ann is taken\n",
  );
  await redis.kill();
  ann.endInput();
  await Peer.connect(one.port, { says: "bob\nsecond\n" });
  await redis.start();
  await ann.endOfInput();
  // The name is given back once all that was said under it has its place.
  while (one.count(/^joined ann /) === 0) {
    await Peer.connect(one.port, { says: "ann\nthird\n" });
    await Bun.sleep(50);
  }
  await witness.hears("ann: third\n");
  expect(witness.text).toEndWith("bob: second\nann: third\n");
});

browserTests("redis-server")(
  "a browser whose server is out of sync says so, and comes back",
  async () => {
    const redis = await RedisServer.start();
    const server = await ServerProgram.start("--redis", redis.url, "--web", "0");
    const tab = await enter(await webUrl(server), "ann");
    await redis.ask("CONFIG", "SET", "maxmemory", "1");
    await redis.ask("FLUSHALL");
    await tab.shows("server out of sync; please reconnect");
    await tab.shows("this server is not in the room at the moment");
    await redis.ask("CONFIG", "SET", "maxmemory", "0");
    await server.logged("shares the room again");
    await tab.shows("what was sent in between is missing");
    const peer = await server.join();
    await tab.isHere();
    await tab.says("here again");
    await peer.hears("ann: here again\n");
  },
);
