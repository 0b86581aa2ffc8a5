/** A server that goes through a fault, with members who must not notice. */

import assert from "node:assert/strict";

import { endingAll, ServerProgram } from "../harness.ts";
import type { Fault } from "./faults.ts";
import { Seat } from "./seat.ts";

/** How many lines are said while the fault is under way. */
const LINES = 500;

/**
 * Members talk before, during and after the fault; then the server stops. Throws unless all is well.
 *
 * @param patience of a server that is to lose it: longer than this process may be busy otherwise
 */
export function undergo(fault: Fault, patience = "3s"): Promise<void> {
  return withMembers(fault, patience, async (end, witness, speaker) => {
    await witness.hears(speaker.name, await speaker.say(LINES));
    await end();
    await witness.hears(speaker.name, await speaker.say(LINES));
    speaker.peer.endInput();
    assert.equal(await speaker.left, "end of input", "a member that half-closed was reset");
  });
}

/** The server gets SIGTERM while the fault is under way. Throws unless it ends cleanly. */
export function stopAmid(fault: Fault, patience = "3s"): Promise<void> {
  return withMembers(fault, patience, async (_, __, speaker) => void speaker.say(LINES));
}

function withMembers(
  fault: Fault,
  patience: string,
  goOn: (end: () => Promise<unknown>, witness: Seat, speaker: Seat) => Promise<void>,
): Promise<void> {
  return endingAll(async () => {
    const args = fault.args && [...fault.args, "--patience", patience];
    const room = await ServerProgram.start(...(args ?? []));
    try {
      const witness = await Seat.join(room.port, "witness");
      const speaker = await Seat.join(room.port, "speaker");
      await witness.hears(speaker.name, await speaker.say(1));
      await goOn(await fault.unleash(room, witness), witness, speaker);
      assert.equal(await room.stop(), 0, "its exit code");
      assert.equal(await witness.left, "end of input", "a member was reset");
      assert.equal(witness.heard.fault, undefined);
      assert.equal(room.count(/error/), 0, "there is an error in its log");
    } catch (cause) {
      const last = room.journal.slice(-3).join("\n");
      throw new Error(`while ${fault.name}: ${cause}\n${last}`, { cause });
    }
  });
}
