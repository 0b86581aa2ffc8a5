/** A server that goes through a fault, with members who must not notice. */

import { ServerProgram } from "../harness.ts";
import { tlsOptions } from "../harness/tools.ts";
import type { Fault } from "./faults.ts";
import { breakAll, demand, Seat } from "./seat.ts";

/** How many lines are said while the fault is under way. */
const LINES = 500;

/** Members talk before, during and after the fault; then the server stops. Throws unless all is well. */
export function undergo(fault: Fault): Promise<void> {
  return withMembers(fault, async (room, witness, speaker) => {
    const end = await fault.unleash(room, witness);
    await witness.hears(speaker.name, await speaker.say(LINES));
    await end();
    await witness.hears(speaker.name, await speaker.say(LINES));
    speaker.finish();
    demand((await speaker.left) === "end of input", "a member that half-closed was reset");
  });
}

/** The server gets SIGTERM while the fault is under way. Throws unless it ends cleanly. */
export function stopAmid(fault: Fault): Promise<void> {
  return withMembers(fault, async (room, witness, speaker) => {
    await fault.unleash(room, witness);
    void speaker.say(LINES);
  });
}

async function withMembers(
  fault: Fault,
  undergo: (room: ServerProgram, witness: Seat, speaker: Seat) => Promise<void>,
): Promise<void> {
  const { args = [], tls } = fault;
  await using room = await ServerProgram.start(...args, ...(tls ? tlsOptions() : []));
  try {
    const witness = await Seat.join(room.port, "witness", tls ? { tls } : {});
    const speaker = await Seat.join(room.port, "speaker", tls ? { tls } : {});
    await witness.hears(speaker.name, await speaker.say(1));
    await undergo(room, witness, speaker);
    const exitCode = await room.stop();
    demand(exitCode === 0, `it ended with exit code ${exitCode}`);
    demand((await witness.left) === "end of input", "a member was reset");
    demand(witness.heard.fault === undefined, `${witness.heard.fault}`);
    demand(room.count(/error/) === 0, "there is an error in its log");
  } catch (cause) {
    const last = room.journal.slice(-3).join("\n");
    throw new Error(`while ${fault.name}: ${cause}\n${last}`, { cause });
  } finally {
    breakAll(room.port);
  }
}
