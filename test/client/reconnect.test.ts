/** A conversation that outlives its connections: when there is another, and what goes over it. */

import { describe, expect, spyOn, test } from "bun:test";

import { openConnection } from "../../lib/client/connect.ts";
import type { SocketConnection } from "../../lib/client/connection.ts";
import { Reconnecting, type ReconnectOptions, retryDelayMs } from "../../lib/client/reconnect.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { endAfterEach, type Peer, testBeside } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { eventually } from "../harness/watched.ts";
import { follow } from "./follow.ts";

endAfterEach();

interface How {
  /** Which tries to connect come to nothing. */
  fails?: (tries: number) => boolean;
  failure?: UserError;
  tries?: ReconnectOptions["tries"];
  sends?: boolean;
  /** Called at each wait for the next try; by default, ends it. */
  onWait?: (skip: () => void, tries: number) => void;
}

/** A conversation with a host that never waits for the next try, and what it reports. */
async function converse(how: How = {}) {
  const { fails, failure = new UserError("no luck"), tries = "always", onWait, sends = true } = how;
  const host = await Host.open();
  const made: WeakRef<SocketConnection>[] = [];
  let tried = 0;
  const connect = async () => {
    if (fails?.(++tried)) throw failure;
    const connection = await openConnection({ host: "127.0.0.1", port: host.port });
    made.push(new WeakRef(connection));
    return connection;
  };
  const noted: string[] = [];
  const shown: string[] = [];
  const lostMs: number[] = [];
  const terminal = {
    status(activity: string, skip?: () => void) {
      // The time as what is left until then.
      const left = (second: string) => `${(60 + Number(second) - new Date().getSeconds()) % 60} s`;
      if (activity !== "") shown.push(activity.replace(/\d\d:\d\d:(\d\d)$/, (_, s) => left(s)));
      if (skip) setImmediate(() => (onWait ?? skip)(skip, tried));
    },
    joined() {},
    lost: (sinceMs: number) => void lostMs.push(sinceMs),
  };
  const room = new Reconnecting({
    ...{ connect, tries, terminal },
    note: (event) => void noted.push(event),
    part: { sends, name: "" },
  });
  const { seen, ended, receives, send } = follow(room);
  return {
    ...{ host, room, seen, ended, receives, send, noted, shown, lostMs, made },
    at: `127.0.0.1:${host.port}`,
    /** The next connection, which receives a line, so that the client knows that it has joined. */
    async joins(line = "bob: hi\n"): Promise<Peer> {
      const guest = await host.guest();
      guest.say(line);
      await receives(line);
      return guest;
    },
    /** The next connection, to which the host sends something and then the end of input; what it got. */
    async isDismissed(message = ""): Promise<string> {
      const guest = await host.guest();
      guest.say(message);
      guest.endInput();
      return await guest.hearsAll();
    },
    /** At the end of stdin: what the connection got, how it ended, and what was received in all. */
    async finishes(guest: Peer): Promise<string[]> {
      room.endOutput();
      const got = await guest.hearsAll();
      guest.endInput();
      return [got, await ended, seen.received];
    },
  };
}

test("the delay between two tries doubles up to half a minute, and differs by up to a half", () => {
  const delays = Array.from({ length: 9 }, (_, failures) => retryDelayMs(failures, 1));
  expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  expect([retryDelayMs(5000, 1), retryDelayMs(1, 0), retryDelayMs(1, 0.5)]).toEqual([
    ...[30_000, 500, 750],
  ]);
  const random = spyOn(Math, "random").mockReturnValue(0.5);
  expect(retryDelayMs(0)).toBe(375);
  random.mockRestore();
});

testBeside("a refusal is told once, and the delay starts over only after joining", async () => {
  const { send, shown, noted, seen, at, joins, isDismissed } = await converse();
  const sent = send("ann: is anybody here?\n");
  for (let n = 0; n < 4; n++) expect(await isDismissed("* room is full\n")).toBe("");
  const guest = await joins();
  await guest.hears("ann: is anybody here?\n");
  guest.endInput();
  await joins("bob: again\n");
  const [, , third, fourth, last] = shown.filter((activity) => activity !== "connecting");
  expect(third).toMatch(/^retrying at [12] s$/);
  expect(fourth).toMatch(/^retrying at [2-4] s$/);
  expect(last).toMatch(/^retrying at [01] s$/);
  expect(noted.slice(0, 2)).toEqual(["the server says: room is full", `connected to ${at}`]);
  expect([await sent, seen.received]).toEqual([true, "bob: hi\nbob: again\n"]);
});

testBeside("what is sent goes over the next connection; what is lost is told", async () => {
  const talk = await converse({ fails: (tries) => tries === 2 });
  const { host, at, send, receives, noted } = talk;
  const first = await talk.joins();
  await send("sent\nhalf");
  await first.hears("sent\nhalf");
  first.say("half a li");
  first.endInput();
  const second = await host.guest();
  second.say("bob: again\nno newline");
  await receives("bob: again\n");
  await send(" a line, of which nothing comes\nnext\n");
  expect(await talk.finishes(second)).toEqual([
    ...["next\n", "at least 1 line was lost", "bob: hi\nbob: again\nno newline"],
  ]);
  expect(noted).toEqual([
    ...[`connected to ${at}`, `${at} closed the connection`],
    ...["a line was cut off; its rest is not sent", "the line that was being received is lost"],
    ...["no luck", expect.stringContaining(`reconnected to ${at} after `)],
  ]);
  const tries = talk.shown.filter((activity) => activity === "connecting");
  expect([tries.length, talk.lostMs]).toEqual([3, [2000]]);
});

testBeside("a person is connected again once joined; by a key if idle; or never", async () => {
  const early = await converse({ tries: "once joined" });
  await early.isDismissed("* room is full\n");
  expect(await early.ended).toBe("the server says: room is full");
  const never = await converse({ tries: "never" });
  await never.isDismissed("bob: hi\n");
  expect(await never.ended).toBe(`${never.at} closed the connection before everything was sent`);

  const { promise: waits, resolve: onWait } = Promise.withResolvers<() => void>();
  const idle = await converse({ tries: "once joined", onWait });
  await idle.isDismissed("bob: hi\n* idle for 5m\n");
  const skip = await waits;
  expect(idle.shown.at(-1)).toBe("not connected");
  skip();
  await idle.joins("bob: hi again\n");
  const leaver = await converse({ tries: "once joined", onWait: () => leaver.room.endOutput() });
  await leaver.isDismissed("bob: hi\n* idle for 5m\n");
  expect(await leaver.ended).toBe("all went well");
  const service = await converse({ onWait });
  await service.isDismissed("bob: hi\n* idle for 5m\n");
  await service.joins("bob: hi again\n");
});

describe("after the end of stdin, when all is sent,", () => {
  for (const [how, tries, waits, end] of [
    ["reset", "always", 0, "lost the connection to $at: reset by the server"],
    ["reset", "always", 1, "lost the connection to $at: reset by the server"],
    // Nobody knows whether the server has received what was sent last.
    ["endInput", "always", 1, "$at closed the connection before everything was sent"],
    ["reset", "always", 2, "no luck"],
    // A person knows what is missing.
    ["reset", "once joined", 1, "all went well"],
  ] as const)
    testBeside(`a lost connection was the last (${how}, ${tries}, wait ${waits})`, async () => {
      const { room, ended, at, joins } = await converse({
        tries,
        fails: (tried) => tried > 1,
        onWait: (skip, tried) => (tried === waits ? room.endOutput() : skip()),
      });
      const guest = await joins();
      if (waits === 0) room.endOutput();
      if (waits === 0) await guest.hearsAll();
      guest[how]();
      expect(await ended).toBe(end.replace("$at", at));
    });

  testBeside("it still waits for a server that is not there, until it was in a room", async () => {
    const { host, finishes, room, noted, at } = await converse({ fails: (tries) => tries === 1 });
    room.endOutput();
    expect(await finishes(await host.guest())).toEqual(["", "all went well", ""]);
    expect(noted).toEqual(["no luck", `connected to ${at}`]);
  });
});

testBeside("a client that only receives connects again, and is told each reason once", async () => {
  const { noted, at, joins, isDismissed } = await converse({ sends: false });
  for (let n = 0; n < 3; n++) await isDismissed();
  await joins();
  expect(noted).toEqual([`${at} closed the connection`, `connected to ${at}`]);
});

testBeside("connections that were lost are not kept, though there is nothing to send", async () => {
  const { isDismissed, made } = await converse({ sends: false });
  for (let n = 0; n < 40; n++) await isDismissed("bob: hi\n");
  await eventually("most to be gone", () => {
    Bun.gc(true);
    return made.filter((one) => one.deref()).length < 30;
  });
});

describe("a server that refuses", () => {
  testBeside("late gets each line once, in order, up to what follows later", async () => {
    const { host, send, finishes, noted, lostMs } = await converse();
    void send("one\ntwo\nthr");
    for (const [greeting, message] of [
      ["", "* room is full\n"],
      // One that has to be told something before it can refuse.
      ["* say your name first\n", "* too many connections from 127.0.0.1\n"],
    ] as const) {
      const guest = await host.guest();
      guest.say(greeting);
      await guest.hears("one\ntwo\nthr");
      guest.say(message);
      guest.endInput();
    }
    const guest = await host.guest();
    await guest.hears("one\ntwo\nthr");
    void send("ee\n");
    expect(await finishes(guest)).toEqual([
      ...["one\ntwo\nthree\n", "all went well"],
      "* room is full\n* say your name first\n* too many connections from 127.0.0.1\n",
    ]);
    expect(noted.filter((event) => event === "what was sent is sent again")).toHaveLength(2);
    expect(lostMs).toEqual([]); // It was in no room, and the delay goes on.
  });

  testBeside("for good, is left alone; and so is one to which no other try would get", async () => {
    const refused = await converse();
    await refused.isDismissed("* wrong pass phrase\n");
    expect(await refused.ended).toBe("the server says: wrong pass phrase (see --pass-file)");
    const failure = new UserError("its certificate cannot be verified", { permanent: true });
    const { ended } = await converse({ fails: () => true, failure });
    expect(await ended).toBe(failure.message);
  });
});
