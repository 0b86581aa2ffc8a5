import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { openConnection } from "../../lib/client/connect.ts";
import type { SocketConnection } from "../../lib/client/connection.ts";
import { Reconnecting, retryDelayMs } from "../../lib/client/reconnect.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { makeCertificates } from "../certificates.ts";
import {
  endAfterEach,
  newFolder,
  Peer,
  type Program,
  ServerProgram,
  startClient,
} from "../harness.ts";
import { Host } from "../harness/host.ts";
import { endTerminals, terminalTest, Tmux } from "../terminal/tmux.ts";

endAfterEach();
afterEach(endTerminals);

function startPipe(port: number, ...options: string[]): Program {
  return startClient(port, "--reconnect", ...options);
}

/** A conversation with a host, and what it reports: events that stay, and a status that changes. */
function converse(host: Host, dial?: () => Promise<SocketConnection>) {
  const noted: string[] = [];
  const shown: string[] = [];
  const notes = {
    note: (event: string) => void noted.push(event),
    status: (activity: string) => void (activity === shown.at(-1) || shown.push(activity)),
  };
  const connectHere = () => openConnection({ host: "127.0.0.1", port: host.port });
  const part = { sends: true, name: "" };
  const at = `127.0.0.1:${host.port}`;
  const room = new Reconnecting(dial ?? connectHere, part, notes);
  return { room, noted, shown, at };
}

describe("the delay between two tries", () => {
  test("doubles up to half a minute", () => {
    const delays = Array.from({ length: 9 }, (_, failures) => retryDelayMs(failures, 1));
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(retryDelayMs(5000, 1)).toBe(30_000);
  });

  test("differs from client to client, by up to a half", () => {
    expect(retryDelayMs(1, 0)).toBe(500);
    expect(retryDelayMs(1, 0.5)).toBe(750);
    for (let failures = 0; failures < 12; failures++) {
      const delay = retryDelayMs(failures);
      expect(delay).toBeWithin(retryDelayMs(failures, 0), retryDelayMs(failures, 1) + 1);
    }
  });
});

test.each(["end of input", "reset"])(
  "after %s what is sent goes over the next connection",
  async (how) => {
    const host = await Host.open();
    const client = startPipe(host.port);
    const first = await host.guest();
    client.say("one\n");
    await first.hears("one\n");
    if (how === "reset") first.reset();
    else first.endInput();
    await client.printed(how === "reset" ? "lost the connection" : " closed", "stderr");
    client.say("two\nthree\n");
    const second = await host.guest();
    await second.hears("two\nthree\n");
    second.say("heard\n");
    await client.printed("heard\n");
    client.endInput();
    expect(await second.hearsAll()).toBe("two\nthree\n");
    second.endInput();
    expect(await client.exited).toBe(0);
    const address = `127.0.0.1:${host.port}`;
    expect(client.stderr.replace(/ \d s$/m, " 1 s")).toBe(
      `connected to ${address}\n` +
        (how === "reset"
          ? `lost the connection to ${address}: reset by the server\n`
          : `${address} closed the connection\n`) +
        `reconnected to ${address} after 1 s\n`,
    );
  },
);

test("it keeps trying while nobody answers, and reports why and when", async () => {
  const host = await Host.open();
  let tries = 0;
  const { room, noted, shown, at } = converse(host, () =>
    [1, 2].includes(tries++)
      ? Promise.reject(new UserError("no luck"))
      : openConnection({ host: "127.0.0.1", port: host.port }),
  );
  const received = room.read();
  const first = await host.guest();
  const sent = room.write(Buffer.from("sent\nhalf"));
  await first.hears("sent\nhalf");
  first.endInput();
  const second = await host.guest();
  second.say("received\n");
  expect(Buffer.from((await received) ?? "").toString()).toBe("received\n");
  expect(await sent).toBe(true);
  expect(noted).toEqual([
    ...[`connected to ${at}`, `${at} closed the connection`],
    ...["a line was cut off; its rest is not sent", "no luck"],
    expect.stringMatching(RegExp(`^reconnected to ${at} after \\d s$`)),
  ]);
  const first3 = shown.filter((line) => !/^retrying in [0-9] s$/.test(line));
  expect(first3.filter((line) => line !== "")).toEqual(Array(4).fill("connecting"));
  expect([shown[2], shown.at(-1)]).toEqual(["retrying in 1 s", ""]);
  room.endOutput();
  await second.hearsAll();
  second.endInput();
  await expect(room.read()).rejects.toThrow("at least 1 line was lost");
});

test("nothing that the system has taken is sent twice, nothing else is lost, and lines stay whole", async () => {
  const lines = Array.from(
    { length: 400_000 },
    (_, index) => `line ${index} ${"x".repeat(index % 40)}`,
  );
  const host = await Host.open();
  const client = startPipe(host.port, "--send-only");
  const first = await host.guest();
  const input = client.sayAll(Buffer.from(`${lines.join("\n")}\n`));
  await first.hearsBytes(1 << 20);
  // So that the system takes only a part of what it is given, some line being cut.
  first.pause();
  // This end of input tells the client to go; and what the system has taken still arrives.
  first.endInput();
  first.resume();
  const second = await host.guest();
  await input;
  client.endInput();
  const [before, after] = await Promise.all([first.hearsAll(), second.hearsAll()]);
  second.endInput();
  const code = await client.exited;

  const whole = before
    .slice(0, before.lastIndexOf("\n") + 1)
    .split("\n")
    .slice(0, -1);
  const cut = before.slice(before.lastIndexOf("\n") + 1);
  const rest = after.split("\n").slice(0, -1);
  expect(whole.length).toBeGreaterThan(0);
  expect(rest.length).toBeGreaterThan(0);
  expect(whole).toEqual(lines.slice(0, whole.length));
  expect(rest).toEqual(lines.slice(lines.length - rest.length));
  expect(whole.length + rest.length).toBe(lines.length - (cut === "" ? 0 : 1));
  expect(lines[whole.length]).toStartWith(cut);
  expect(client.stderr.includes("a line was cut off; its rest is not sent")).toBe(cut !== "");
  expect(code).toBe(cut === "" ? 0 : 1);
});

test("half a line received does not mix with the next", async () => {
  const host = await Host.open();
  const client = startPipe(host.port);
  const first = await host.guest();
  first.say("whole\nhalf a li");
  first.endInput();
  const second = await host.guest();
  second.say("another\nla");
  second.say("st\nno newline");
  await client.printed("last\n");
  client.endInput();
  await second.hearsAll();
  second.endInput();
  expect(await client.exited).toBe(0);
  expect(client.stdout).toBe("whole\nanother\nlast\nno newline");
  expect(client.stderr).toContain("the line that was being received is lost\n");
});

test("a person that was idle for too long is back only when a key asks for it", async () => {
  const host = await Host.open();
  const dial = () => openConnection({ host: "127.0.0.1", port: host.port });
  const waits = Promise.withResolvers<[activity: string, skip: () => void]>();
  const lost: number[] = [];
  const notes = {
    note() {},
    status(activity: string, skip?: () => void) {
      if (skip) waits.resolve([activity, skip]);
    },
    lost: (sinceMs: number) => void lost.push(sinceMs),
  };
  const first = { connection: await dial(), tries: "once joined" } as const;
  const room = new Reconnecting(dial, { sends: true, name: "" }, notes, first);
  const guest = await host.guest();
  guest.say("bob: hi\n* idle for 5m\n");
  guest.endInput();
  await room.read();
  const more = room.read();
  const [activity, skip] = await waits.promise;
  expect([activity, lost]).toEqual(["not connected", [2000]]);
  skip();
  const again = await host.guest();
  again.say("bob: hi again\n");
  expect(Buffer.from((await more) ?? "").toString()).toBe("bob: hi again\n");
  room.endOutput();
  await again.hearsAll();
  again.endInput();
});

test("after the end of stdin, when all is sent, it does not reconnect", async () => {
  const host = await Host.open();
  const clients = [startPipe(host.port), startPipe(host.port)];
  const [ended, away] = clients;
  const guests = [await host.guest(), await host.guest()];
  ended?.endInput();
  await Promise.any(guests.map((guest) => guest.hearsAll()));
  for (const guest of guests) guest.endInput();
  expect(await ended?.exited).toBe(0);
  // The other ends its input while there is no connection.
  await away?.printed("closed the connection", "stderr");
  away?.endInput();
  expect(await away?.exited).toBe(0);
});

test("if the server's end came before its own, not everything was received there", async () => {
  const socket = {
    open(one: Bun.Socket) {
      one.write("bob: hi\n");
      one.shutdown();
    },
    data() {},
  };
  using host = Bun.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket });
  const dial = () => openConnection({ host: "127.0.0.1", port: host.port });
  const notes = { note() {}, status() {} };
  const client = new Reconnecting(dial, { sends: true, name: "" }, notes);
  const said = client.write(Buffer.from("received by nobody\n"));
  client.endOutput();
  await client.read();
  await expect(client.read()).rejects.toThrow(
    `127.0.0.1:${host.port} closed the connection before everything was sent`,
  );
  expect(await said).toBe(true);
});

test("nothing is sent to a server that ends the connection at once, as a balancer without servers does", async () => {
  const host = await Host.open();
  const client = startPipe(host.port);
  client.say("one\n");
  const first = await host.guest();
  first.endInput();
  expect(await first.hearsAll()).toBe("");
  const second = await host.guest();
  await second.hears("one\n");
  client.endInput();
  expect(await second.hearsAll()).toBe("one\n");
  second.endInput();
  expect(await client.exited).toBe(0);
});

test("what is sent before there is a server waits for it, also after the end of stdin", async () => {
  const absent = await Host.open();
  absent.close();
  const client = startPipe(absent.port, "--send-only");
  client.say("done\n");
  client.endInput();
  const at = `127.0.0.1:${absent.port}`;
  await client.printed(`cannot connect to ${at}: connection refused\n`, "stderr");
  const host = await Host.open(absent.port);
  const guest = await host.guest();
  expect(await guest.hearsAll()).toBe("done\n");
  guest.endInput();
  expect(await client.exited).toBe(0);
  expect(client.stderr).toBe(`cannot connect to ${at}: connection refused\nconnected to ${at}\n`);
});

test("with nothing to send it does not wait for a server that is not there", async () => {
  const host = await Host.open();
  host.close();
  const client = startPipe(host.port, "--quiet");
  client.endInput();
  expect(await client.exited).toBe(1);
  expect(client.stderr).toBe(
    `linechat-client: cannot connect to 127.0.0.1:${host.port}: connection refused\n`,
  );
});

describe("a server that refuses with a message", () => {
  test("is tried again; what it has not relayed is sent again, once it accepts", async () => {
    const server = await ServerProgram.start("--max-clients", "2");
    const [bob, carol] = [await server.join(), await server.join()];
    const client = startPipe(server.port, "--send-only");
    client.say("one\ntwo\n");
    client.endInput();
    await client.printed("the server says: room is full\n", "stderr");
    await server.logged(/(refused[^]*){2}/);
    bob.endInput();
    expect(await client.exited).toBe(0);
    await carol.hears("two\n");
    expect(carol.text).toBe("one\ntwo\n");
    const at = `127.0.0.1:${server.port}`;
    expect(client.stderr).toBe(`the server says: room is full\nconnected to ${at}\n`);
  });

  test("gets each line once, in order, up to what follows later", async () => {
    const host = await Host.open();
    const client = startPipe(host.port);
    client.say("one\ntwo\nthr");
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
    client.say("ee\n");
    client.endInput();
    expect(await guest.hearsAll()).toBe("one\ntwo\nthree\n");
    guest.endInput();
    expect([await client.exited, client.stdout]).toEqual([
      ...[0, "* room is full\n* say your name first\n* too many connections from 127.0.0.1\n"],
    ]);
  });

  test("is asked less and less often, and named once", async () => {
    const host = await Host.open();
    const { room, noted, shown, at } = converse(host);
    const received = (async () => {
      for (
        let lines;
        lines !== "bob: hi\n";
        lines = Buffer.from((await room.read()) ?? "").toString()
      );
    })();
    for (let refusals = 0; refusals < 3; refusals++) {
      const guest = await host.guest();
      guest.say("* room is full\n");
      guest.endInput();
    }
    const guest = await host.guest();
    const waits = shown.map((activity) => Number(/retrying in (\d+) s/.exec(activity)?.[1] ?? 0));
    expect(Math.max(...waits)).toBeGreaterThan(1);
    expect(noted).toEqual(["the server says: room is full"]);
    guest.say("bob: hi\n");
    await received;
    expect(noted).toEqual(["the server says: room is full", `connected to ${at}`]);
    room.endOutput();
    await guest.hearsAll();
    guest.endInput();
    await room.read();
  });

  test("after all was sent is asked no sooner", async () => {
    const host = await Host.open();
    const { room } = converse(host);
    const startMs = performance.now();
    void room.write(Buffer.from("one\n"));
    room.endOutput();
    const received = (async () => {
      while (await room.read());
    })();
    for (let refusals = 0; refusals < 2; refusals++) {
      const guest = await host.guest();
      expect(await guest.hearsAll()).toBe("one\n");
      guest.say("* room is full\n");
      guest.endInput();
    }
    const guest = await host.guest();
    expect(performance.now() - startMs).toBeGreaterThan(retryDelayMs(0, 0) + retryDelayMs(1, 0));
    expect(await guest.hearsAll()).toBe("one\n");
    guest.endInput();
    await received;
  });

  test("because the name is taken, by a name of any bytes, is tried again", async () => {
    const server = await ServerProgram.start("--names");
    const bob = await Peer.connect(server.port, { says: "bob\n" });
    await server.logged(/joined bob /);
    const ghost = await Peer.connect(server.port);
    ghost.say(Buffer.from("äöü🙂\n"));
    await server.logged(/joined äöü🙂 /);
    const client = startPipe(server.port, "--send-only", "--name", "äöü🙂");
    client.say("one\ntwo\n");
    client.endInput();
    await client.printed("the server says: the name äöü🙂 is taken\n", "stderr");
    ghost.endInput();
    expect(await client.exited).toBe(0);
    await bob.hears(Buffer.from("äöü🙂: two\n").toString("latin1"));
    expect(bob.heard.toString()).toEndWith("äöü🙂: one\näöü🙂: two\n");
  });

  test("has not let the client in: nothing is sent, nothing that it tells is passed on", async () => {
    const host = await Host.open();
    const { room, noted, at } = converse(host);
    const sent = room.write(Buffer.from("ann: is anybody here?\n"));
    const received = room.read();
    for (let tries = 0; tries < 2; tries++) {
      const guest = await host.guest();
      guest.say("* the name ann is taken\n");
      guest.endInput();
      expect(await guest.hearsAll()).toBe("");
    }
    const guest = await host.guest();
    expect(noted).toEqual(["the server says: the name ann is taken"]);
    guest.say("bob: hi\n");
    expect(Buffer.from((await received) ?? "").toString()).toBe("bob: hi\n");
    await guest.hears("ann: is anybody here?\n");
    expect(await sent).toBe(true);
    expect(noted).toEqual(["the server says: the name ann is taken", `connected to ${at}`]);
  });

  test("for good, is left alone", async () => {
    const folder = newFolder();
    writeFileSync(join(folder, "right"), "right\n");
    writeFileSync(join(folder, "wrong"), "wrong\n");
    const server = await ServerProgram.start("--pass-file", join(folder, "right"));
    const client = startPipe(server.port, "--quiet", "--pass-file", join(folder, "wrong"));
    client.say("one\n");
    expect(await client.exited).toBe(1);
    expect(client.stderr).toBe("linechat-client: the server says: wrong pass phrase\n");
  });

  test("a line that is too long: it is lost, and told, and those that were not taken yet are sent", async () => {
    const server = await ServerProgram.start("--max-line", "20");
    const bob = await server.join();
    const client = startPipe(server.port, "--send-only");
    client.say(`one\n${"x".repeat(30)}`);
    await client.printed("what was sent before that is lost", "stderr");
    client.say("xx\ntwo\n");
    client.endInput();
    await bob.hears("one\ntwo\n");
    expect(await client.exited).toBe(1);
    expect(client.stderr).toContain("\nthe server says: line longer than 20 bytes\n");
    expect(client.stderr).toEndWith("\nlinechat-client: at least 1 line was lost\n");
  });
});

test("a certificate that cannot be verified ends it at once", async () => {
  const { file } = makeCertificates(newFolder());
  const pair = ["--tls-cert", file("server.pem"), "--tls-key", file("server.key")];
  const server = await ServerProgram.start(...pair);
  const client = startPipe(server.port, "--quiet", "--tls");
  expect(await client.exited).toBe(1);
  expect(client.stderr).toStartWith(
    `linechat-client: cannot connect to 127.0.0.1:${server.port}: its certificate cannot be verified: `,
  );
});

test("with --quiet it says nothing of all this", async () => {
  const host = await Host.open();
  const client = startPipe(host.port, "--quiet");
  (await host.guest()).endInput();
  const second = await host.guest();
  client.endInput();
  await second.hearsAll();
  second.endInput();
  expect(await client.exited).toBe(0);
  expect(client.stderr).toBe("");
});

terminalTest(
  "in a terminal one line tells how it goes, typing goes on, and is sent afterwards",
  async () => {
    const host = await Host.open();
    const at = RegExp.escape(`127.0.0.1:${host.port}`);
    const terminal = await Tmux.start({
      columns: 90,
      command: `"${process.execPath}" client.ts --reconnect --name alice 127.0.0.1 ${host.port}`,
    });
    const first = await host.guest();
    await terminal.shows(/^alice:$/m);
    await terminal.type("one");
    await terminal.press("Enter");
    await first.hears("alice: one\n");
    await terminal.type("half ty");
    await terminal.shows("half ty");
    host.close();
    first.reset();
    const lost = "the last line you sent may be lost; Up brings it back";
    const before = `connected to ${at}.*\nalice: one\nlost the connection to ${at}: reset by the server\n${lost}`;
    await terminal.shows(
      new RegExp(`^${before}\nretrying in 1 s; Enter to try now\nalice: half ty$`),
    );
    await terminal.type("ped");
    await terminal.press("Enter");
    const refused = `cannot connect to ${at}: connection refused`;
    await terminal.shows(
      new RegExp(`^${before}\n${refused}\n.*\nalice: half typed\nretrying in \\d s; .*\nalice:$`),
    );
    await terminal.type("more");
    const again = await Host.open(host.port);
    const second = await again.guest();
    await second.hears("alice: half typed\n");
    const back = `${before}\n${refused}\nreconnected to ${at} after \\d s`;
    await terminal.shows(new RegExp(`^${back}\nalice: half typed\nalice: more$`));
    await terminal.press("Enter");
    await second.hears("alice: half typed\nalice: more\n");
    second.say("bob: welcome back\n");
    await terminal.shows(/bob: welcome back\nalice:$/);
  },
);
