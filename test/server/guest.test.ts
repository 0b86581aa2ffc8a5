import { beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { listen } from "../../lib/server/listen.ts";
import {
  endAfterEach,
  newFolder,
  Peer,
  Program,
  serverCommand,
  ServerProgram,
} from "../harness.ts";

endAfterEach();

describe("the pass phrase", () => {
  const SECRET = "correct horse battery staple";
  const says = `${SECRET}\n`;
  let file: string;
  beforeEach(() => {
    file = join(newFolder(), "pass");
    writeFileSync(file, says);
  });
  const start = () => ServerProgram.start("--pass-file", file);

  test("lets in who says it first, by LF or CR LF, in pieces or together with more", async () => {
    const server = await start();
    const listener = await server.join({ says: `${SECRET}\r\n` });
    const witness = await server.join({ says });
    const pieces = await Peer.connect(server.port, { says: SECRET.slice(0, 5) });
    listener.say("not yet for it\n");
    await witness.hears("not yet for it\n");
    pieces.say(`${SECRET.slice(5)}\nfirst words\nmore `);
    await listener.hears("first words\n");
    pieces.say("words\n");
    await listener.hears("more words\n");
    listener.say("for it\n");
    await pieces.hears("for it\n");
    expect(pieces.text).toBe("for it\n");
  });

  test("wrong, it is answered and its lines go nowhere; the log does not show it", async () => {
    const server = await start();
    const listener = await server.join({ says });
    const refused = async (said: string, endsInput: boolean) => {
      const intruder = await Peer.connect(server.port, { says: said });
      if (endsInput) intruder.endInput();
      expect(await intruder.hearsAll()).toBe("* wrong pass phrase\n");
      await intruder.end();
    };
    for (const wrong of ["correct horse\nspam\n", `${SECRET} \n`, "\n", "x".repeat(2000)])
      await refused(wrong, false);
    await refused(SECRET, true);
    const member = await server.join({ says });
    member.say("nothing before\n");
    await listener.hears("nothing before\n");
    expect(listener.text).toBe("nothing before\n");
    await server.logged(/refused \S+: wrong pass phrase \(1 here\)/);
    expect(server.stderr).not.toContain("horse");
  });

  test("not said in time, it ends the connection", async () => {
    const refusals: string[] = [];
    const server = await listen({
      host: "127.0.0.1",
      port: 0,
      passPhrase: new TextEncoder().encode(SECRET),
      guestMs: 200,
      onRefuse: (_, why) => refusals.push(why),
    });
    const silent = await Peer.connect(server.port);
    expect(await silent.hearsAll()).toBe("* no pass phrase within 200ms\n");
    expect(refusals).toEqual(["no pass phrase within 200ms"]);
    await silent.end();
    await server.stop();
  });

  test("in the clear on more than this machine, the start-up log says so", async () => {
    const warning = "the pass phrase travels in the clear: there is no TLS on";
    expect((await start()).stderr).not.toContain(warning);
    const open = await ServerProgram.run(serverCommand("--pass-file", file, "0"));
    expect(open.stderr).toContain(`${warning} [::]:${open.port}\n`);
  });

  test("has to be one line in a file that can be read", async () => {
    const run = async (path: string) => {
      const program = new Program(serverCommand("--pass-file", path, "0"));
      return { code: await program.exited, stderr: program.stderr };
    };
    expect(await run(`${file}.none`)).toEqual({
      code: 1,
      stderr: `linechat-server: cannot read ${file}.none: no such file\n`,
    });
    for (const wrong of ["", "\n", "two\nlines\n", "x".repeat(1025)]) {
      writeFileSync(file, wrong);
      const message = `linechat-server: ${file} is to hold one line of 1 to 1024 bytes\n`;
      expect(await run(file)).toEqual({ code: 1, stderr: message });
    }
  });
});
