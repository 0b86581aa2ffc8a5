/** A conversation that outlives its connections: when there is another, and what goes over it. */

import { describe, expect, spyOn, test } from "bun:test";

import { openConnection } from "../../lib/client/connect.ts";
import type { SocketConnection } from "../../lib/client/connection.ts";
import { Reconnecting, retryDelayMs } from "../../lib/client/reconnect.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { endAfterEach, testBeside } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { freePort } from "../harness/tools.ts";
import { Watched } from "../harness/watched.ts";
import { follow } from "./follow.ts";

endAfterEach();

interface How {
  dial?: (openHere: () => Promise<SocketConnection>) => Promise<SocketConnection>;
  tries?: "always" | "once joined" | "never";
  sends?: boolean;
  name?: string;
}

/** A conversation that never waits for the next try, and what it reports. */
function converse(port: number, { dial, tries = "always", sends = true, name = "" }: How = {}) {
  const openHere = () => openConnection({ host: "127.0.0.1", port });
  const changes = new Watched();
  const noted: string[] = [];
  const shown: string[] = [];
  const lostMs: number[] = [];
  let skipWait: (() => void) | undefined;
  const note = (event: string) => {
    noted.push(event);
    changes.changed();
  };
  const terminal = {
    status(activity: string, skip?: () => void) {
      if (activity !== "") shown.push(activity);
      if (activity.startsWith("retrying")) setImmediate(() => skip?.());
      else skipWait = skip;
      changes.changed();
    },
    joined() {},
    lost: (sinceMs: number) => void lostMs.push(sinceMs),
  };
  const connect = () => dial?.(openHere) ?? openHere();
  const room = new Reconnecting({ connect, tries, part: { sends, name }, note, terminal });
  return {
    ...follow(room),
    ...{ room, noted, shown, lostMs, at: `127.0.0.1:${port}` },
    notes: (event: string) => changes.until(event, () => noted.includes(event)),
    waitsForPerson: () => changes.until("a wait", () => skipWait),
  };
}

/** The next guest of a host, to which it sends something and then the end of input. */
async function dismiss(host: Host, message = ""): Promise<string> {
  const guest = await host.guest();
  guest.say(message);
  guest.endInput();
  return await guest.hearsAll();
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

testBeside("the delay begins anew once it has joined, and not after a refusal", async () => {
  const host = await Host.open();
  const { shown, noted, at } = converse(host.port);
  for (let n = 0; n < 4; n++) await dismiss(host, "* room is full\n");
  await dismiss(host, "bob: hi\n");
  await host.guest();
  const [, , third, fourth, last] = shown.filter((activity) => activity !== "connecting");
  expect([third, last]).toEqual(["retrying in 2 s", "retrying in 1 s"]);
  expect(fourth).toMatch(/^retrying in [34] s$/);
  expect(noted.slice(0, 2)).toEqual(["the server says: room is full", `connected to ${at}`]);
});

for (const how of ["end of input", "reset"])
  testBeside(`after ${how} what is sent goes over the next connection`, async () => {
    const host = await Host.open();
    const { send, room, seen, noted, lostMs, ended, at, receives } = converse(host.port);
    const first = await host.guest();
    first.say("bob: hi\n");
    await send("one\n");
    await first.hears("one\n");
    if (how === "reset") first.reset();
    else first.endInput();
    const second = await host.guest();
    second.say("bob: again\n");
    await receives("bob: again\n");
    await send("two\nthree\n");
    room.endOutput();
    expect(await second.hearsAll()).toBe("two\nthree\n");
    second.endInput();
    expect([await ended, seen.received]).toEqual(["all went well", "bob: hi\nbob: again\n"]);
    const lost = `lost the connection to ${at}: reset by the server`;
    expect(noted).toEqual([
      ...[`connected to ${at}`, how === "reset" ? lost : `${at} closed the connection`],
      `reconnected to ${at} after 0 s`,
    ]);
    expect(lostMs).toEqual([2000]);
  });

testBeside("it tries on while nobody answers, and counts what is lost", async () => {
  const host = await Host.open();
  let tries = 0;
  const { send, room, noted, shown, ended, at } = converse(host.port, {
    dial: (openHere) =>
      [1, 2].includes(tries++) ? Promise.reject(new UserError("no luck")) : openHere(),
  });
  const sent = send("sent\nhalf");
  const first = await host.guest();
  await first.hears("sent\nhalf"); // After half a second, as it was not refused.
  first.endInput();
  const second = await host.guest();
  second.say("received\n");
  expect(await sent).toBe(true);
  await send(" a line, of which nothing comes\n");
  room.endOutput();
  expect(await second.hearsAll()).toBe("");
  second.endInput();
  expect(await ended).toBe("at least 1 line was lost");
  expect(noted).toEqual([
    ...[`connected to ${at}`, `${at} closed the connection`],
    ...["a line was cut off; its rest is not sent", "no luck", `reconnected to ${at} after 0 s`],
  ]);
  expect(shown.filter((activity) => activity === "connecting")).toHaveLength(4);
});

testBeside("what comes before it has joined is passed on with what shows that", async () => {
  const host = await Host.open();
  const { receives, seen } = converse(host.port, { name: "ann" });
  const guest = await host.guest();
  guest.say("* say your name first (here: bob)\n");
  await guest.hears("ann\n");
  guest.say("bob: before\n* end of history\n");
  await receives("* say your name first (here: bob)\nbob: before\n* end of history\n");
  expect(seen.pieces).toBe(1);
});

testBeside("half a line received does not mix with the next", async () => {
  const host = await Host.open();
  const { room, seen, noted, ended, receives } = converse(host.port);
  await dismiss(host, "whole\nhalf a li");
  const second = await host.guest();
  for (const part of ["another\nla", "st\nno newline"]) second.say(part);
  await receives("last\n");
  room.endOutput();
  await second.hearsAll();
  second.endInput();
  expect([await ended, seen.received]).toEqual([
    ...["all went well", "whole\nanother\nlast\nno newline"],
  ]);
  expect(noted).toContain("the line that was being received is lost");
});

testBeside("a person that was idle is back only when a key asks for it", async () => {
  const host = await Host.open();
  const { waitsForPerson, shown, lostMs, receives } = converse(host.port, { tries: "once joined" });
  await dismiss(host, "bob: hi\n* idle for 5m\n");
  const skip = await waitsForPerson();
  expect([shown.at(-1), lostMs]).toEqual(["not connected", [2000]]);
  skip();
  (await host.guest()).say("bob: hi again\n");
  await receives("bob: hi again\n");
});

testBeside("a person is connected again only after having joined, or never", async () => {
  const host = await Host.open();
  const early = converse(host.port, { tries: "once joined" });
  await dismiss(host, "* room is full\n");
  expect(await early.ended).toBe("the server says: room is full");
  const never = converse(host.port, { tries: "never" });
  await dismiss(host, "bob: hi\n");
  expect(await never.ended).toBe(`${never.at} closed the connection before everything was sent`);
});

describe("after the end of stdin, when all is sent,", () => {
  testBeside("a lost connection is the end, and a failure", async () => {
    const host = await Host.open();
    for (const away of [false, true]) {
      const unlucky = () => Promise.reject(new UserError("no luck"));
      const tries = [(openHere: () => Promise<SocketConnection>) => openHere()];
      const dial: How["dial"] = (openHere) => tries.pop()?.(openHere) ?? unlucky();
      const { room, ended, at, receives, notes } = converse(host.port, { dial });
      const guest = await host.guest();
      guest.say("bob: hi\n");
      await receives("bob: hi\n");
      if (!away) room.endOutput();
      if (!away) await guest.hearsAll();
      guest.reset();
      if (away) await notes("no luck");
      room.endOutput();
      const lost = `lost the connection to ${at}: reset by the server`;
      expect(await ended).toBe(away ? "no luck" : lost);
    }
  });

  testBeside("it still waits for a server that is not there, until it was in a room", async () => {
    for (const lines of ["", "done\n"]) {
      const { send, room, noted, notes, ended, at } = converse(freePort());
      if (lines) void send(lines);
      room.endOutput();
      const refused = `cannot connect to ${at}: connection refused`;
      await notes(refused);
      const host = await Host.open(Number(at.split(":")[1]));
      const guest = await host.guest();
      expect(await guest.hearsAll()).toBe(lines);
      guest.endInput();
      expect([await ended, noted]).toEqual(["all went well", [refused, `connected to ${at}`]]);
    }
  });
});

testBeside("a client that only receives connects again, and is told each reason once", async () => {
  const host = await Host.open();
  const { noted, at, receives } = converse(host.port, { sends: false });
  for (let n = 0; n < 3; n++) await dismiss(host);
  (await host.guest()).say("bob: hi\n");
  await receives("bob: hi\n");
  expect(noted).toEqual([`${at} closed the connection`, `connected to ${at}`]);
});

describe("a server that refuses", () => {
  testBeside(
    "with a message, late, gets each line once, in order, up to what follows later",
    async () => {
      const host = await Host.open();
      const { send, room, seen, noted, ended } = converse(host.port);
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
      room.endOutput();
      expect(await guest.hearsAll()).toBe("one\ntwo\nthree\n");
      guest.endInput();
      expect(await ended).toBe("all went well");
      expect(seen.received).toBe(
        "* room is full\n* say your name first\n* too many connections from 127.0.0.1\n",
      );
      expect(noted.filter((event) => event === "what was sent is sent again")).toHaveLength(2);
    },
  );

  for (const message of ["* the name ann is taken\n", ""])
    testBeside(`or without one has not let the client in: ${JSON.stringify(message)}`, async () => {
      const host = await Host.open();
      const { send, seen, noted, at, receives } = converse(host.port);
      const sent = send("ann: is anybody here?\n");
      for (let tries = 0; tries < 2; tries++) expect(await dismiss(host, message)).toBe("");
      const guest = await host.guest();
      guest.say("bob: hi\n");
      await receives("bob: hi\n");
      await guest.hears("ann: is anybody here?\n");
      expect([await sent, seen.received]).toEqual([true, "bob: hi\n"]);
      const why = message
        ? "the server says: the name ann is taken"
        : `${at} closed the connection`;
      expect(noted).toEqual([why, `connected to ${at}`]);
    });

  testBeside("for good, is left alone; and so is one to which no other try would get", async () => {
    const host = await Host.open();
    const refused = converse(host.port);
    await dismiss(host, "* wrong pass phrase\n");
    expect(await refused.ended).toBe("the server says: wrong pass phrase (see --pass-file)");
    const unverified = new UserError("its certificate cannot be verified", { permanent: true });
    const { ended } = converse(host.port, { dial: () => Promise.reject(unverified) });
    expect(await ended).toBe(unverified.message);
  });
});
