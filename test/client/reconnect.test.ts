import { afterEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

import { connect } from "../../lib/client/connect.ts";
import { ReconnectingConnection } from "../../lib/client/reconnect.ts";
import { retryDelayMs } from "../../lib/client/retries.ts";
import { UserError } from "../../lib/program/system-errors.ts";
import { makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, Peer, Program, ServerProgram } from "../harness.ts";
import { endTerminals, terminalTest, Tmux } from "../terminal/tmux.ts";

endAfterEach();
afterEach(async () => {
  await endTerminals();
  for (const host of hosts.splice(0)) host.close();
});

const hosts: Host[] = [];

/** A server of which the test plays every part. */
class Host {
  readonly #server: Server;
  readonly #guests: Guest[] = [];
  #waiting: ((guest: Guest) => void)[] = [];
  port = 0;

  static async open(port = 0): Promise<Host> {
    const host = new Host();
    hosts.push(host);
    await new Promise<void>((resolve) => host.#server.listen(port, "127.0.0.1", resolve));
    const address = host.#server.address();
    host.port = typeof address === "object" && address ? address.port : 0;
    return host;
  }

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const guest = new Guest(socket);
      const next = this.#waiting.shift();
      if (next) next(guest);
      else this.#guests.push(guest);
    });
  }

  /** The next one that connects. */
  async guest(): Promise<Guest> {
    const guest = this.#guests.shift();
    return guest ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#server.close();
  }
}

/** One connection, at the server's end. */
class Guest {
  readonly #chunks: Buffer[] = [];
  #ended = false;
  #look: () => void = () => {};

  constructor(readonly socket: Socket) {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#look();
    });
    socket.on("end", () => {
      this.#ended = true;
      this.#look();
    });
  }

  get said(): string {
    return Buffer.concat(this.#chunks).toString("latin1");
  }

  /** Waits until it has said so many bytes. */
  async saysBytes(count: number): Promise<void> {
    let bytes = 0;
    for (let seen = 0; bytes < count;) {
      while (seen < this.#chunks.length) bytes += this.#chunks[seen++]?.length ?? 0;
      if (bytes < count) await new Promise<void>((resolve) => (this.#look = resolve));
    }
  }

  async says(text: string): Promise<void> {
    while (!this.said.includes(text)) await new Promise<void>((resolve) => (this.#look = resolve));
  }

  /** Waits for its end of output; returns all it has said. */
  async saysAll(): Promise<string> {
    while (!this.#ended) await new Promise<void>((resolve) => (this.#look = resolve));
    return this.said;
  }
}

function startPipe(port: number, ...options: string[]): Program {
  const command = [
    process.execPath,
    "client.ts",
    "--reconnect",
    ...options,
    "127.0.0.1",
    `${port}`,
  ];
  return new Program(command);
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
  "after %s what is said goes to the next connection",
  async (how) => {
    const host = await Host.open();
    const client = startPipe(host.port);
    const first = await host.guest();
    client.say("one\n");
    await first.says("one\n");
    if (how === "reset") first.socket.resetAndDestroy();
    else first.socket.end();
    await client.printed(how === "reset" ? "lost the connection" : "has closed", "stderr");
    client.say("two\nthree\n");
    const second = await host.guest();
    await second.says("two\nthree\n");
    second.socket.write("heard\n");
    await client.printed("heard\n");
    client.endInput();
    expect(await second.saysAll()).toBe("two\nthree\n");
    second.socket.end();
    expect(await client.exited).toBe(0);
    const address = `127.0.0.1:${host.port}`;
    expect(client.stderr.replace(/\d+ s$/m, "? s")).toBe(
      `connected to ${address}\n` +
        (how === "reset"
          ? `lost the connection to ${address}: reset by the server\n`
          : `${address} has closed the connection\n`) +
        `connected to ${address} again, after ? s\n`,
    );
  },
);

test("it keeps trying while nobody answers, and tells why and when", async () => {
  const host = await Host.open();
  const place = { host: "127.0.0.1", port: host.port };
  const told: string[] = [];
  const notes = {
    note: (event: string) => void told.push(event),
    status: (activity?: string) => void told.push(activity ?? ""),
  };
  const at = `127.0.0.1:${host.port}`;
  let tries = 0;
  const dial = () =>
    [1, 2].includes(tries++)
      ? Promise.reject(new UserError(`no luck ${tries - 1}`))
      : connect(place);
  const client = new ReconnectingConnection(at, dial, "", notes);
  const heard = client.read();
  const first = await host.guest();
  const said = client.write(Buffer.from("said\n"));
  await first.says("said\n");
  first.socket.end();
  const second = await host.guest();
  second.socket.write("heard\n");
  expect(Buffer.from((await heard) ?? "").toString()).toBe("heard\n");
  expect(await said).toBe(true);
  const changes = told.filter((line, index) => line !== told[index - 1]);
  expect(changes.map((line) => line.replace(/after \d s/, "after ? s"))).toEqual([
    ...[`connecting to ${at}`, "", `connected to ${at}`, `${at} has closed the connection`],
    ...["trying again in 1 s", `connecting to ${at}`],
    ...["trying again in 1 s (no luck 1)", `connecting to ${at}`],
    ...new Set(told.filter((line) => line.startsWith("trying again in 2 s"))),
    ...["trying again in 1 s (no luck 2)", `connecting to ${at}`, ""],
    `connected to ${at} again, after ? s`,
  ]);
  client.endOutput();
  await second.saysAll();
  second.socket.end();
  expect(await client.read()).toBeUndefined();
});

test("nothing that the system had taken is sent twice, nothing else is lost, and lines stay whole", async () => {
  const lines = Array.from(
    { length: 400_000 },
    (_, index) => `line ${index} ${"x".repeat(index % 40)}`,
  );
  const host = await Host.open();
  const client = startPipe(host.port, "--send-only");
  const first = await host.guest();
  const input = client.sayAll(Buffer.from(`${lines.join("\n")}\n`));
  await first.saysBytes(1 << 20);
  // So that the system takes only a part of what it is given, some line being cut.
  first.socket.pause();
  // This end of input tells the client to go; and what the system has taken still arrives.
  first.socket.end();
  first.socket.resume();
  const second = await host.guest();
  await input;
  client.endInput();
  const [before, after] = await Promise.all([first.saysAll(), second.saysAll()]);
  second.socket.end();
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

test("the rest of a line whose start was taken is not said as a line", async () => {
  const host = await Host.open();
  const client = startPipe(host.port);
  const first = await host.guest();
  client.say("said in");
  await first.says("said in");
  first.socket.resetAndDestroy();
  await client.printed("lost the connection", "stderr");
  client.say(" two parts");
  client.say(", or three\nnext\n");
  const second = await host.guest();
  await second.says("next\n");
  expect(second.said).toBe("next\n");
  await client.printed("a line was cut off; its rest is not sent\n", "stderr");
  client.endInput();
  await second.saysAll();
  second.socket.end();
  expect(await client.exited).toBe(1);
  expect(client.stderr).toEndWith(
    "linechat-client: not everything was heard: at least 1 line is lost\n",
  );
});

test("half a line heard does not mix with the next", async () => {
  const host = await Host.open();
  const client = startPipe(host.port);
  const first = await host.guest();
  first.socket.end("whole\nhalf a li");
  const second = await host.guest();
  second.socket.write("another\nla");
  second.socket.write("st\nno newline");
  await client.printed("last\n");
  client.endInput();
  await second.saysAll();
  second.socket.end();
  expect(await client.exited).toBe(0);
  expect(client.stdout).toBe("whole\nanother\nlast\nno newline");
  expect(client.stderr).toContain("the line that was being received is lost\n");
});

test("after the end of stdin, when all is said, there is no coming back", async () => {
  const host = await Host.open();
  const clients = [startPipe(host.port), startPipe(host.port)];
  const [ended, away] = clients;
  const guests = [await host.guest(), await host.guest()];
  ended?.endInput();
  await Promise.any(guests.map((guest) => guest.saysAll()));
  for (const guest of guests) guest.socket.end();
  expect(await ended?.exited).toBe(0);
  // The other ends its input while there is no connection.
  await away?.printed("has closed the connection", "stderr");
  away?.endInput();
  expect(await away?.exited).toBe(0);
});

test("if the server's end came before its own, not everything was heard", async () => {
  const accepted = Promise.withResolvers<Bun.Socket>();
  const socket = { open: accepted.resolve, data() {} };
  using host = Bun.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket });
  const dial = async () => {
    const connection = await connect({ host: "127.0.0.1", port: host.port });
    (await accepted.promise).shutdown();
    return connection;
  };
  const client = new ReconnectingConnection("it", dial, "", { note() {}, status() {} });
  const said = client.write(Buffer.from("heard by nobody\n"));
  client.endOutput();
  await expect(client.read()).rejects.toThrow(
    `127.0.0.1:${host.port} has closed the connection before everything was said`,
  );
  expect(await said).toBe(true);
});

test("what is said before there is a server waits for it, also after the end of stdin", async () => {
  const absent = await Host.open();
  absent.close();
  const client = startPipe(absent.port, "--send-only");
  client.say("done\n");
  client.endInput();
  const at = `127.0.0.1:${absent.port}`;
  await client.printed(`cannot connect to ${at}: connection refused\n`, "stderr");
  const host = await Host.open(absent.port);
  const guest = await host.guest();
  expect(await guest.saysAll()).toBe("done\n");
  guest.socket.end();
  expect(await client.exited).toBe(0);
  expect(client.stderr.replace(/after \d+ s/, "after ? s")).toBe(
    `cannot connect to ${at}: connection refused\nconnected to ${at}, after ? s\n`,
  );
});

test("who has nothing to say does not wait for a server that is not there", async () => {
  const host = await Host.open();
  host.close();
  const client = startPipe(host.port, "--quiet");
  client.endInput();
  expect(await client.exited).toBe(1);
  expect(client.stderr).toBe(
    `linechat-client: cannot connect to 127.0.0.1:${host.port}: connection refused\n`,
  );
});

test("what was not said when stdin ended while away is said on the next connection", async () => {
  const host = await Host.open();
  const client = startPipe(host.port, "--send-only");
  await client.printed("connected", "stderr");
  (await host.guest()).socket.resetAndDestroy();
  await client.printed("lost the connection", "stderr");
  client.say("one\ntwo");
  client.endInput();
  const second = await host.guest();
  expect(await second.saysAll()).toBe("one\ntwo");
  second.socket.end();
  expect(await client.exited).toBe(0);
});

describe("a server that refuses with a word", () => {
  test("is tried again; what it has not heard is said again, once it lets in", async () => {
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
    expect(client.stderr.replace(/after \d+ s/, "after ? s")).toBe(
      `connected to ${at}\nthe server says: room is full\nconnected to ${at} again, after ? s\n`,
    );
  });

  test("has it say each line once, in order, up to what follows later", async () => {
    const host = await Host.open();
    const client = startPipe(host.port);
    client.say("one\ntwo\nthr");
    for (const [greeting, word] of [
      ["", "* room is full\n"],
      // One that has to be told something before it can refuse.
      ["* say your name first\n", "* too many connections from 127.0.0.1\n"],
    ] as const) {
      const guest = await host.guest();
      guest.socket.write(greeting);
      await guest.says("one\ntwo\nthr");
      guest.socket.end(word);
    }
    const guest = await host.guest();
    await guest.says("one\ntwo\nthr");
    client.say("ee\n");
    client.endInput();
    expect(await guest.saysAll()).toBe("one\ntwo\nthree\n");
    guest.socket.end();
    expect([await client.exited, client.stdout]).toEqual([0, "* say your name first\n"]);
  });

  test("does not have it say again what was said before others were heard", async () => {
    const host = await Host.open();
    const client = startPipe(host.port);
    const first = await host.guest();
    client.say("one\n");
    await first.says("one\n");
    first.socket.end("bob: hi\n* room is full\n");
    const second = await host.guest();
    client.say("two\n");
    client.endInput();
    expect(await second.saysAll()).toBe("two\n");
  });

  test("is asked less and less often, and named once", async () => {
    const host = await Host.open();
    const waits: number[] = [];
    const told: string[] = [];
    const notes = {
      note: (event: string) => void told.push(event),
      status: (activity: string) => {
        const seconds = /again in (\d+) s/.exec(activity)?.[1];
        if (seconds !== undefined) waits.push(Number(seconds));
      },
    };
    const at = `127.0.0.1:${host.port}`;
    const place = { host: "127.0.0.1", port: host.port };
    const room = new ReconnectingConnection(at, () => connect(place), "", notes);
    const heard = room.read();
    for (let refusals = 0; refusals < 3; refusals++)
      (await host.guest()).socket.end("* room is full\n");
    const guest = await host.guest();
    expect(Math.max(...waits)).toBeGreaterThan(1);
    expect(told).toEqual([`connected to ${at}`, "the server says: room is full"]);
    guest.socket.write("bob: hi\n");
    await heard;
    expect(told.at(-1)).toMatch(/^connected to \S+ again, after \d+ s$/);
    room.endOutput();
    await guest.saysAll();
    guest.socket.end();
    await room.read();
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

  test("a line that is too long loses that line, and none after it", async () => {
    const server = await ServerProgram.start("--max-line", "20");
    const bob = await server.join();
    const client = startPipe(server.port, "--send-only");
    client.say(`one\ntwo\n${"x".repeat(30)}\nthree\nfour\n`);
    client.endInput();
    await bob.hears("one\ntwo\nthree\nfour\n");
    expect(await client.exited).toBe(1);
    expect(client.stderr).toContain("\nthe server says: line longer than 20 bytes\n");
    expect(client.stderr).toEndWith(
      "\nlinechat-client: not everything was heard: at least 1 line is lost\n",
    );
  });
});

test("a certificate that cannot be verified ends it at once", async () => {
  const { file } = makeCertificates(newFolder());
  const pair = ["--tls-cert", file("server.pem"), "--tls-key", file("server.key")];
  const server = await ServerProgram.start(...pair);
  const client = startPipe(server.port, "--quiet", "--tls");
  expect(await client.exited).toBe(1);
  expect(client.stderr).toStartWith(
    `linechat-client: cannot connect to 127.0.0.1:${server.port}: its certificate is not signed`,
  );
});

test("with --quiet it says nothing of all this", async () => {
  const host = await Host.open();
  const client = startPipe(host.port, "--quiet");
  (await host.guest()).socket.end();
  const second = await host.guest();
  client.endInput();
  await second.saysAll();
  second.socket.end();
  expect(await client.exited).toBe(0);
  expect(client.stderr).toBe("");
});

terminalTest(
  "in a terminal one line tells how it goes, typing goes on, and is sent afterwards",
  async () => {
    const host = await Host.open();
    const address = `127.0.0.1:${host.port}`;
    const terminal = await Tmux.start({
      columns: 90,
      command: `"${process.execPath}" client.ts --reconnect --name alice 127.0.0.1 ${host.port}`,
    });
    const first = await host.guest();
    await terminal.shows(/^alice:$/m);
    await terminal.type("one");
    await terminal.press("Enter");
    await first.says("alice: one\n");
    await terminal.type("half ty");
    await terminal.shows("half ty");
    host.close();
    first.socket.resetAndDestroy();
    const before = [
      ...[`connected to ${address}; /quit to leave, /help for help`, "alice: one"],
      `lost the connection to ${address}: reset by the server`,
    ];
    await terminal.becomes(...before, "trying again in 1 s", "alice: half ty");
    await terminal.type("ped");
    await terminal.press("Enter");
    await terminal.shows(
      /^1 line waiting to be sent\nalice: half typed\ntrying again in .*\nalice:$/m,
    );
    expect(await terminal.hasStyle("half typed", 2)).toBe(true);
    await terminal.type("more");
    const refused = `(cannot connect to ${address}: connection refused)`;
    await terminal.shows(
      new RegExp(`trying again in \\d s ${RegExp.escape(refused)}\nalice: more$`),
    );
    const again = await Host.open(host.port);
    const second = await again.guest();
    await second.says("alice: half typed\n");
    const back = [...before, `connected to ${address} again, after`];
    await terminal.shows(
      new RegExp(`^${RegExp.escape(back.join("\n"))} \\d s\nalice: half typed\nalice: more$`),
    );
    expect(await terminal.hasStyle("half typed", 2)).toBe(false);
    await terminal.press("Enter");
    await second.says("alice: half typed\nalice: more\n");
    second.socket.write("bob: welcome back\n");
    await terminal.shows(/bob: welcome back\nalice:$/);
  },
);

terminalTest("in a terminal it can begin before there is a server", async () => {
  const absent = await Host.open();
  absent.close();
  const at = `127.0.0.1:${absent.port}`;
  const terminal = await Tmux.start({
    columns: 90,
    command: `"${process.execPath}" client.ts --reconnect --name alice 127.0.0.1 ${absent.port}`,
  });
  const refused = `cannot connect to ${at}: connection refused`;
  const hinted = `${refused}; /quit to leave, /help for help`;
  await terminal.shows(`${hinted}\ntrying again in 1 s`);
  await terminal.type("early");
  await terminal.press("Enter");
  const host = await Host.open(absent.port);
  await (await host.guest()).says("alice: early\n");
  const shown = RegExp.escape(`${hinted}\nconnected to ${at}, after`);
  await terminal.shows(new RegExp(`^${shown} \\d s\nalice: early\nalice:$`));
});

terminalTest(
  "of a pipe one row on the terminal tells how it goes, cut where that ends",
  async () => {
    const host = await Host.open();
    const at = `127.0.0.1:${host.port}`;
    const client = `"${process.execPath}" client.ts --reconnect 127.0.0.1 ${host.port}`;
    const terminal = await Tmux.start({ command: `sleep 1000 | ${client}`, columns: 60 });
    await terminal.shows(`connected to ${at}`);
    host.close();
    (await host.guest()).socket.resetAndDestroy();
    await terminal.shows(/^trying again in \d s \(.{38}\)$/m);
    const again = await Host.open(host.port);
    await again.guest();
    const stays = [`connected to ${at}`, `lost the connection to ${at}: reset by the server`];
    const last = `connected to ${at} again, after`;
    await terminal.shows(new RegExp(`^${RegExp.escape([...stays, last].join("\n"))} \\d s$`));
  },
);
