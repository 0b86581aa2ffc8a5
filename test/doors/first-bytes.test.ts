import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeCertificates } from "../certificates.ts";
import {
  atEnd,
  endAfterEach,
  newFile,
  newFolder,
  Program,
  serverCommand,
  ServerProgram,
} from "../harness.ts";
import { Caller } from "../server/caller.ts";

endAfterEach();

/** What a client sends first over TLS. */
async function clientHello(): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (_, bytes) => resolve(Buffer.from(bytes)) },
  });
  atEnd(() => listener.stop(true));
  await Caller.connect({ port: listener.port }, { tls: {} });
  return promise;
}

describe("TLS on a port that does not speak it", () => {
  test("is logged as such, and said to nobody", async () => {
    const server = await ServerProgram.start();
    const [ann, bob] = [await server.join(), await server.join()];
    const mistaken = await Caller.connect(server, { tls: {} });
    await mistaken.ended();
    await server.printed(
      `left ${mistaken.name}: speaks TLS, this port does not (2 here)\n`,
      "stderr",
    );
    ann.say("undisturbed\n");
    await bob.hears("undisturbed\n");
    expect([ann.text, bob.text]).toEqual(["", "undisturbed\n"]);
  });

  test("from a real client too, with whatever line ends there are in its random bytes", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    for (let n = 1; n <= 10; n++) {
      new Program(["openssl", "s_client", "-connect", `127.0.0.1:${server.port}`]);
      await server.until(
        `${n} clients`,
        () => server.stderr.split(": speaks TLS, this port does not (1 here)\n").length > n,
      );
    }
    expect(ann.text).toBe("");
  });

  test("is refused where there is a pass phrase", async () => {
    const file = join(newFolder(), "pass");
    writeFileSync(file, "open sesame\n");
    const server = await ServerProgram.start("--pass-file", file);
    const mistaken = await Caller.connect(server, { tls: {} });
    await mistaken.ended();
    await server.printed(
      `refused ${mistaken.name}: speaks TLS, this port does not (0 here)\n`,
      "stderr",
    );
    expect(server.stderr).not.toContain("wrong pass phrase");
  });

  test("is known from a hello whose head comes first, and has line ends in it", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const hello = Buffer.concat([await clientHello(), Buffer.from("\n\nlines\n")]);
    for (const cut of [3, 5, 6, 11]) {
      const mistaken = await Caller.connect(server);
      await server.printed(`joined ${mistaken.name} `, "stderr");
      mistaken.say(hello.subarray(0, cut));
      await Bun.sleep(30);
      mistaken.say(hello.subarray(cut));
      await mistaken.ended();
      await server.printed(
        `left ${mistaken.name}: speaks TLS, this port does not (1 here)\n`,
        "stderr",
      );
    }
    expect(ann.text).toBe("");
  });

  test("is not what a member speaks whose lines only begin like it, or that said others before", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const hello = await clientHello();
    for (const line of ["\x16\n", "\x16\x03\n", "\x16hello\n", "\x15\x03\x01\x02\x03\x01\n"]) {
      const bob = await Caller.connect(server);
      bob.say(line);
      await ann.hears(line);
      const before = ann.heardBytes;
      bob.say(Buffer.concat([hello, Buffer.from("\n")]));
      await ann.hearsBytes(before + hello.length + 1);
      expect(bob.ending).toBeUndefined();
    }
    expect(server.stderr).not.toContain("TLS");
  });
});

/** What a page elsewhere can have a browser send without asking first: `no-cors`, with cookies. */
const POST = {
  method: "POST",
  mode: "no-cors",
  body: "ann: hello\n",
  headers: {
    Origin: "http://evil.example",
    Cookie: "session=secret",
    "Content-Type": "text/plain",
  },
} as const;
const REQUEST = "GET /a HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: session=secret\r\n\r\n";
const SAYS = "This is a chat room, not a web server: join it with linechat, nc or telnet.";

/** The log has it for each of them, and nothing else of what they have sent. */
async function expectNothingRelayed(server: ServerProgram, times = 1) {
  await server.until(
    "all in the log",
    () => server.count(/ speaks HTTP, this port does not \(/) === times,
  );
  expect(server.stderr).not.toContain("secret");
}

describe("HTTP on a port that does not speak it", () => {
  test("is answered, and nothing of what a page sends is relayed, with whatever method", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const url = `http://127.0.0.1:${server.port}/${"a".repeat(8000)}?b=c`;
    const requests = [POST, { ...POST, method: "PUT" }, { ...POST, method: "OPTIONS" }];
    for (const request of requests) {
      const answer = await fetch(url, request);
      expect([answer.status, await answer.text()]).toEqual([400, `${SAYS}\n`]);
      expect([...answer.headers.keys()].sort()).toEqual([
        ...["connection", "content-length", "content-type"],
      ]);
    }
    const socket = new WebSocket(url.replace("http", "ws"));
    await new Promise((resolve) => socket.addEventListener("error", resolve));
    await expectNothingRelayed(server, requests.length + 1);
    expect(ann.text).toBe("");
  });

  test("reaches a client that is still sending a large body", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const caller = await Caller.connect(server, { stays: true });
    caller.say("POST / HTTP/1.1\r\nContent-Length: 33554432\r\n\r\n");
    await caller.sayAll(Buffer.alloc(32 << 20, "spam\n"));
    caller.halfClose();
    expect(await caller.ended()).toBe("end of input");
    expect(caller.text).toEndWith(`\r\n\r\n${SAYS}\n`);
    expect(ann.text).toBe("");
  });

  test("is known however it is cut, also in single bytes", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const caller = await Caller.connect(server);
    for (const byte of REQUEST) {
      caller.say(byte);
      await Bun.sleep(1);
    }
    await caller.ended();
    expect(caller.text).toStartWith("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n");
    await expectNothingRelayed(server);
    expect(ann.text).toBe("");
  });

  test("is answered over TLS", async () => {
    const certificates = makeCertificates(newFolder());
    const [cert, key] = [certificates.file("server.pem"), certificates.file("server.key")];
    const server = await ServerProgram.start("--tls-cert", cert, "--tls-key", key);
    const ann = await Caller.connect(server, { tls: {} });
    await server.members(1);
    const tls = { rejectUnauthorized: false };
    const answer = await fetch(`https://127.0.0.1:${server.port}/`, { ...POST, tls });
    expect([answer.status, await answer.text()]).toEqual([400, `${SAYS}\n`]);
    await expectNothingRelayed(server);
    expect(ann.text).toBe("");
  });

  test("is answered for a pass phrase, and is no wrong one", async () => {
    const server = await ServerProgram.start("--pass-file", newFile("pass", "sesame\n"));
    const answer = await fetch(`http://127.0.0.1:${server.port}/`, POST);
    expect([answer.status, await answer.text()]).toEqual([400, `${SAYS}\n`]);
    await server.logged(/ refused 127\.0\.0\.1:\d+: speaks HTTP, this port does not \(0 here\)\n/);
    expect(server.stderr).not.toContain("wrong");
  });

  test("is answered where names are asked for, behind what asks for one", async () => {
    const server = await ServerProgram.start("--names");
    const ann = await server.connectNamed("ann");
    const caller = await Caller.connect(server);
    caller.say(REQUEST.replace("/a", "/a:"));
    await caller.ended();
    expect(caller.text).toMatch(/^\* say your name first \(here: ann\)\nHTTP\/1\.1 400 /);
    await expectNothingRelayed(server);
    expect(ann.text).toBe("* say your name first\n");
  });

  test("is answered on a Unix socket", async () => {
    const unix = join(newFolder(), "room");
    const server = await ServerProgram.run(serverCommand("--unix", unix));
    const ann = await Caller.connect({ unix });
    const answer = await fetch("http://localhost/", { ...POST, unix });
    expect([answer.status, await answer.text()]).toEqual([400, `${SAYS}\n`]);
    await expectNothingRelayed(server);
    expect(ann.text).toBe("");
  });

  test("is told where the page is, which still has its own", async () => {
    const server = await ServerProgram.start("--web", "0");
    const [, page = ""] = await server.logged(/web at (\S+)\n/);
    const answer = await fetch(`http://127.0.0.1:${server.port}/`);
    expect(await answer.text()).toBe(`${SAYS} Its page for browsers is at ${page}\n`);
    expect((await fetch(page)).status).toBe(200);
  });
});

describe("what else begins otherwise than lines do", () => {
  test("is told apart: a ClientHello whose first bytes come alone, a PROXY header, SSH", async () => {
    const server = await ServerProgram.start();
    const ann = await server.join();
    const hello = await clientHello();
    for (const [protocol, bytes, ...cuts] of [
      ["TLS", hello, 1, 2],
      ["PROXY", Buffer.from("PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\nhello\n"), 7, 10],
      ["PROXY", Buffer.from("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0cabcdefghijklhello\n"), 5],
      ["SSH", Buffer.from("SSH-2.0-OpenSSH_9.6\r\nhello\n"), 4],
    ] as const)
      for (const cut of cuts) {
        const mistaken = await Caller.connect(server);
        mistaken.say(bytes.subarray(0, cut));
        await Bun.sleep(30);
        mistaken.say(bytes.subarray(cut));
        await mistaken.ended();
        expect(mistaken.text).toBe(`* speaks ${protocol}, this port does not\n`);
        await server.logged(
          `left ${mistaken.name}: speaks ${protocol}, this port does not (1 here)`,
        );
      }
    expect(ann.text.trim()).toBe("");
    const bob = await Caller.connect(server);
    bob.say("GET well ");
    await Bun.sleep(30);
    bob.say("soon\n");
    await ann.hears("GET well soon\n");
  });
});
