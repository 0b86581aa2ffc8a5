/** A conversation that outlives its connections: when there is another, and what goes over it. */

import { describe, expect, spyOn, test } from "bun:test";

import { openConnection } from "../../lib/client/connect.ts";
import type { SocketConnection } from "../../lib/client/connection.ts";
import { Reconnecting, retryDelayMs } from "../../lib/client/reconnect.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { endAfterEach, startClient, testBeside } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { Watched } from "../harness/watched.ts";

endAfterEach();

interface How {
  dial?: (openHere: () => Promise<SocketConnection>) => Promise<SocketConnection>;
  tries?: "always" | "once joined" | "never";
  sends?: boolean;
  name?: string;
}

/** A conversation that is read to its end, and never waits for the next try; and what it reports. */
function converse(port: number, { dial, tries, sends = true, name = "" }: How = {}) {
  const openHere = () => openConnection({ host: "127.0.0.1", port });
  const changes = new Watched();
  const seen = {
    noted: [] as string[],
    shown: [] as string[],
    received: "",
    lostMs: [0].slice(1),
    pieces: 0,
  };
  let skipWait: (() => void) | undefined;
  const notes = {
    note: (event: string) => void seen.noted.push(event),
    status(activity: string, skip?: () => void) {
      if (activity !== "") seen.shown.push(activity);
      if (activity.startsWith("retrying")) setImmediate(() => skip?.());
      else skipWait = skip;
      changes.changed();
    },
    lost: (sinceMs: number) => void seen.lostMs.push(sinceMs),
  };
  const part = { sends, name };
  const room = new Reconnecting(() => dial?.(openHere) ?? openHere(), part, notes, tries);
  const readAll = async () => {
    for (let bytes = await room.read(); bytes; bytes = await room.read()) {
      seen.received += Buffer.from(bytes).toString();
      seen.pieces++;
      changes.changed();
    }
    return "all went well";
  };
  const ended = readAll().catch((error: Error) => error.message);
  return {
    room,
    seen,
    at: `127.0.0.1:${port}`,
    /** Resolves to how it ended. */
    ended,
    send: (text: string) => room.write(Buffer.from(text)),
    receives: (text: string) => changes.until(text, () => seen.received.includes(text)),
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

describe("the delay between two tries", () => {
  test("doubles up to half a minute", () => {
    const delays = Array.from({ length: 9 }, (_, failures) => retryDelayMs(failures, 1));
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(retryDelayMs(5000, 1)).toBe(30_000);
  });

  test("differs from client to client, by up to a half", () => {
    expect([retryDelayMs(1, 0), retryDelayMs(1, 0.5)]).toEqual([500, 750]);
    const random = spyOn(Math, "random").mockReturnValue(0.5);
    expect(retryDelayMs(0)).toBe(375);
    random.mockRestore();
  });

  test("begins anew after a connection on which it has joined, and not after a refusal", async () => {
    const host = await Host.open();
    const client = converse(host.port);
    for (let n = 0; n < 4; n++) await dismiss(host, "* room is full\n");
    await dismiss(host, "bob: hi\n");
    await host.guest();
    const waits = client.seen.shown.filter((activity) => activity !== "connecting");
    const [, , third, fourth, last] = waits;
    expect([third, last]).toEqual(["retrying in 2 s", "retrying in 1 s"]);
    expect(fourth).toMatch(/^retrying in [34] s$/);
    expect(client.seen.noted.slice(0, 2)).toEqual([
      ...["the server says: room is full", `connected to ${client.at}`],
    ]);
  });
});

test.each(["end of input", "reset"])(
  "after %s what is sent goes over the next connection",
  async (how) => {
    const host = await Host.open();
    const { send, room, seen, ended, at, receives } = converse(host.port);
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
    expect(seen.noted).toEqual([
      `connected to ${at}`,
      how === "reset"
        ? `lost the connection to ${at}: reset by the server`
        : `${at} closed the connection`,
      `reconnected to ${at} after 0 s`,
    ]);
    expect(seen.lostMs).toEqual([2000]);
  },
);

test("it keeps trying while nobody answers, tells each reason once, and counts what is lost", async () => {
  const host = await Host.open();
  let tries = 0;
  const { send, room, seen, ended, at } = converse(host.port, {
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
  expect(seen.noted).toEqual([
    ...[`connected to ${at}`, `${at} closed the connection`],
    ...["a line was cut off; its rest is not sent", "no luck", `reconnected to ${at} after 0 s`],
  ]);
  expect(seen.shown.filter((activity) => activity === "connecting")).toHaveLength(4);
});

test("nothing that the system has taken is sent twice, nothing else is lost, and lines stay whole", async () => {
  const lines = Array.from({ length: 400_000 }, (_, n) => `line ${n} ${"x".repeat(n % 40)}`);
  const host = await Host.open();
  const { send, room, ended, seen } = converse(host.port);
  const first = await host.guest();
  first.say("* ann joined (2 here)\n");
  const sent = send(`${lines.join("\n")}\n`);
  await first.hearsBytes(1 << 20);
  // So that the system takes only a part of what it is given, some line being cut.
  first.pause();
  // This end of input tells the client to go; and what the system has taken still arrives.
  first.endInput();
  first.resume();
  const second = await host.guest();
  await sent;
  room.endOutput();
  const [before, after] = await Promise.all([first.hearsAll(), second.hearsAll()]);
  second.endInput();
  const end = await ended;

  const whole = before.split("\n");
  const cut = whole.pop();
  const rest = after.split("\n").slice(0, -1);
  expect(Math.min(whole.length, rest.length)).toBeGreaterThan(0);
  expect(whole).toEqual(lines.slice(0, whole.length));
  expect(rest).toEqual(lines.slice(lines.length - rest.length));
  expect(whole.length + rest.length).toBe(lines.length - (cut === "" ? 0 : 1));
  expect(lines[whole.length]).toStartWith(cut ?? "");
  expect(seen.noted.includes("a line was cut off; its rest is not sent")).toBe(cut !== "");
  expect(end).toBe(cut === "" ? "all went well" : "at least 1 line was lost");
});

test("what came before it has joined is passed on together with what shows that, such as history", async () => {
  const host = await Host.open();
  const { receives, seen } = converse(host.port, { name: "ann" });
  const guest = await host.guest();
  guest.say("* say your name first (here: bob)\n");
  await guest.hears("ann\n");
  guest.say("bob: before\n* end of history\n");
  await receives("* say your name first (here: bob)\nbob: before\n* end of history\n");
  expect(seen.pieces).toBe(1);
});

test("half a line received does not mix with the next", async () => {
  const host = await Host.open();
  const { room, seen, ended, receives } = converse(host.port);
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
  expect(seen.noted).toContain("the line that was being received is lost");
});

test("a person that was idle for too long is back only when a key asks for it", async () => {
  const host = await Host.open();
  const { waitsForPerson, seen, receives } = converse(host.port, { tries: "once joined" });
  await dismiss(host, "bob: hi\n* idle for 5m\n");
  const skip = await waitsForPerson();
  expect([seen.shown.at(-1), seen.lostMs]).toEqual(["not connected", [2000]]);
  skip();
  (await host.guest()).say("bob: hi again\n");
  await receives("bob: hi again\n");
});

test("a person is asked whether to connect again only once it has joined, or never", async () => {
  const host = await Host.open();
  const early = converse(host.port, { tries: "once joined" });
  await dismiss(host, "* room is full\n");
  expect(await early.ended).toBe("the server says: room is full");
  const never = converse(host.port, { tries: "never" });
  await dismiss(host, "bob: hi\n");
  expect(await never.ended).toBe(`${never.at} closed the connection before everything was sent`);
});

describe("after the end of stdin, when all is sent,", () => {
  test("a lost connection is the end, and a failure", async () => {
    const host = await Host.open();
    for (const away of [false, true]) {
      let tries = 0;
      const dial = (openHere: () => Promise<SocketConnection>) =>
        tries++ === 0 ? openHere() : Promise.reject(new UserError("no luck"));
      const client = converse(host.port, { dial });
      const guest = await host.guest();
      guest.say("bob: hi\n");
      await client.receives("bob: hi\n");
      if (!away) {
        client.room.endOutput();
        await guest.hearsAll();
      }
      guest.reset();
      if (away) {
        while (!client.seen.noted.includes("no luck")) await Bun.sleep(1);
        client.room.endOutput();
      }
      const lost = `lost the connection to ${client.at}: reset by the server`;
      expect(await client.ended).toBe(away ? "no luck" : lost);
    }
  });

  test("a server's end that came first shows that not everything was received there", async () => {
    const socket = {
      open(one: Bun.Socket) {
        one.write("bob: hi\n");
        one.shutdown();
      },
      data() {},
    };
    using host = Bun.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket });
    const { room, send, ended, at } = converse(host.port);
    const sent = send("received by nobody\n");
    room.endOutput();
    expect(await ended).toBe(`${at} closed the connection before everything was sent`);
    expect(await sent).toBe(true);
  });

  testBeside("it still waits for a server that is not there, until it was in a room", async () => {
    const absent = await Host.open();
    absent.close();
    const options = ["--reconnect", "--send-only"];
    const [service, sender] = [0, 1].map(() => startClient(absent.port, ...options));
    if (!service || !sender) throw new Error("two were started");
    sender.say("done\n");
    const at = `127.0.0.1:${absent.port}`;
    for (const client of [service, sender]) {
      client.endInput();
      await client.printed(`cannot connect to ${at}: connection refused\n`, "stderr");
    }
    const host = await Host.open(absent.port);
    const guests = [await host.guest(), await host.guest()];
    const sent = await Promise.all(guests.map((guest) => guest.hearsAll()));
    expect(sent.sort()).toEqual(["", "done\n"]);
    for (const guest of guests) guest.endInput();
    for (const client of [service, sender]) {
      expect(await client.exited).toBe(0);
      expect(client.stderr).toBe(
        `cannot connect to ${at}: connection refused\nconnected to ${at}\n`,
      );
    }
  });
});

test("a client that only receives connects again and again, and is told each reason once", async () => {
  const host = await Host.open();
  const { seen, at, receives } = converse(host.port, { sends: false });
  for (let n = 0; n < 3; n++) await dismiss(host);
  (await host.guest()).say("bob: hi\n");
  await receives("bob: hi\n");
  expect(seen.noted).toEqual([`${at} closed the connection`, `connected to ${at}`]);
});

describe("a server that refuses with a message", () => {
  test("late, gets each line once, in order, up to what follows later", async () => {
    const host = await Host.open();
    const { send, room, seen, ended } = converse(host.port);
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
    expect(seen.noted.filter((event) => event === "what was sent is sent again")).toHaveLength(2);
  });

  test.each(["* the name ann is taken\n", ""])(
    "or none has not let the client in: nothing is sent, nothing is passed on (%j)",
    async (message) => {
      const host = await Host.open();
      const { send, seen, at, receives } = converse(host.port);
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
      expect(seen.noted).toEqual([why, `connected to ${at}`]);
    },
  );

  test("for good, is left alone; and so is one to which no other try would get", async () => {
    const host = await Host.open();
    const refused = converse(host.port);
    await dismiss(host, "* wrong pass phrase\n");
    expect(await refused.ended).toBe("the server says: wrong pass phrase");
    const unverified = new UserError("its certificate cannot be verified", { permanent: true });
    const { ended } = converse(host.port, { dial: () => Promise.reject(unverified) });
    expect(await ended).toBe(unverified.message);
  });

  test("a line that is too long: it is lost, and told, and what was not taken yet is sent", async () => {
    const host = await Host.open();
    const { send, room, ended, seen } = converse(host.port);
    void send("far too long");
    const guest = await host.guest();
    await guest.hears("far too long");
    guest.say("* line longer than 9 bytes\n");
    guest.endInput();
    const second = await host.guest();
    void send(" a line\ntwo\n");
    second.say("bob: hi\n");
    room.endOutput();
    expect(await second.hearsAll()).toBe("two\n");
    second.endInput();
    expect(await ended).toBe("at least 1 line was lost");
    expect(seen.noted.slice(1, 3)).toEqual([
      ...["the server says: line longer than 9 bytes", "what was sent before that is lost"],
    ]);
  });
});

testBeside("with --quiet it says nothing of all this", async () => {
  const host = await Host.open();
  const client = startClient(host.port, "--reconnect", "--quiet");
  (await host.guest()).endInput();
  const second = await host.guest();
  client.endInput();
  await second.hearsAll();
  second.endInput();
  expect([await client.exited, client.stderr]).toEqual([0, ""]);
});
