/** A program of one's own whose reports throw: nothing is lost by it, and no connection stays open. */

import { expect, test } from "bun:test";

import { listen } from "../../lib/server/listen.ts";
import { atEnd, endAfterEach } from "../harness.ts";
import { Caller } from "./caller.ts";

endAfterEach();

for (const report of ["onJoin", "onLeave", "onRefuse", "bot"] as const)
  test(report, async () => {
    const errors: string[] = [];
    const fails = () => {
      throw new Error(report);
    };
    const server = await listen({
      ...{ host: "127.0.0.1", port: 0, clientsMax: 2, lingerMs: 200 },
      passPhrase: Buffer.from("sesame"),
      onError: (error) => errors.push(error.message),
      [report]: report === "bot" ? () => ({ onJoin: fails, onLeave: fails, onLine: fails }) : fails,
    });
    atEnd(() => server.stop(0));
    const callers: Caller[] = [];
    for (const said of ["wrong\n", "sesame\n", "sesame\n", "sesame\n"]) {
      const caller = await Caller.connect(server);
      caller.say(said);
      callers.push(caller);
      await Bun.sleep(20);
    }
    const [, ann, bob] = callers;
    ann?.say("hello\n");
    await bob?.hears("hello\n");
    for (const caller of callers) caller.halfClose();
    for (const caller of callers) expect(await caller.ended()).toBe("end of input");
    const stopped = server.stop(100).then(() => "stopped");
    expect(await Promise.race([stopped, Bun.sleep(2_000)])).toBe("stopped");
    expect([new Set(errors), server.size]).toEqual([new Set([report]), 0]);
  });
