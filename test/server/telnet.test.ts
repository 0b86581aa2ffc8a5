/** `--telnet`: what telnet clients send among their lines. */

import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { endAfterEach, newFolder, Peer, ServerProgram } from "../harness.ts";

endAfterEach();

const start = (...options: string[]) => ServerProgram.start("--telnet", ...options);
const bytes = (latin1: string) => Buffer.from(latin1, "latin1");

describe("with --telnet", () => {
  test("negotiation is refused, each option once, and is no part of a line", async () => {
    const server = await start();
    const [telnet, bob] = [await server.join(), await server.join()];
    const will = "\xff\xfb\x1f";
    const does = "\xff\xfd\x01";
    telnet.say(bytes(`${will}hel${will}${does}lo\r\n\xff\xfe\x01\xff\xfc\x1f${does}`));
    await bob.hears("hello\n");
    bob.say("hello\n");
    await telnet.hears("hello\n");
    expect([bob.text, telnet.text]).toEqual(["hello\n", "\xff\xfe\x1f\xff\xfc\x01hello\n"]);
  });

  test("a timing mark is answered each time, which ends what Ctrl-C has begun", async () => {
    const server = await start();
    const telnet = await server.join();
    for (const answers of [1, 2, 3]) {
      telnet.say(bytes("\xff\xf4\xff\xfd\x06"));
      await telnet.hears("\xff\xfb\x06".repeat(answers));
    }
  });

  test("CR NUL and CR LF are line ends, commands are left out, FF is doubled both ways", async () => {
    const server = await start();
    const [telnet, bob] = [await server.join(), await server.join()];
    const said =
      "one\r\0two\xff\xf1\r\xff\xf1\n\xff\xfa\x18\0VT\xff\xff100\xff\xf0three\xff\xff\r\n";
    for (const byte of said) await telnet.sayAll(bytes(byte));
    await bob.hears("one\ntwo\nthree\xff\xff\n");
    expect(bob.text).toBe("one\ntwo\nthree\xff\xff\n");
  });

  test("a pass phrase may come after commands", async () => {
    const passFile = join(newFolder(), "pass");
    writeFileSync(passFile, "open sesame\n");
    const server = await start("--pass-file", passFile);
    const telnet = await Peer.connect(server.port);
    telnet.say(bytes("\xff\xfb\x1fopen sesame\r\n"));
    await server.logged(` joined ${telnet.name}`);
  });
});

test("without it, bytes pass as they are", async () => {
  const server = await ServerProgram.start();
  const [telnet, bob] = [await server.join(), await server.join()];
  telnet.say(bytes("\xff\xfb\x1fhello\xff\xff\r\n"));
  await bob.hears("\n");
  bob.say("hello\n");
  await telnet.hears("hello\n");
  expect([bob.text, telnet.text]).toEqual(["\xff\xfb\x1fhello\xff\xff\r\n", "hello\n"]);
});
