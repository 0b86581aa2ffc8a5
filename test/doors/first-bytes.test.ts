import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { atEnd, endAfterEach, newFolder, Program, ServerProgram } from "../harness.ts";
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
