/** A server that goes through a fault, with members who must not notice. */

import assert from "node:assert/strict";

import { endingAll, ServerProgram } from "../harness.ts";
import { tlsOptions } from "../harness/tools.ts";
import type { Fault } from "./faults.ts";
import { Seat } from "./seat.ts";

/** How many lines are said while the fault is under way. */
const LINES = 500;

/** Members talk before, during and after the fault; then the server stops. Throws unless all is well. */
export function undergo(fault: Fault): Promise<void> {
  return withMembers(fault, async (room, witness, speaker) => {
    const end = await fault.unleash(room, witness);
    await witness.hears(speaker.name, await speaker.say(LINES));
    await end?.();
    await witness.hears(speaker.name, await speaker.say(LINES));
    speaker.peer.endInput();
    assert.equal(await speaker.left, "end of input", "a member that half-closed was reset");
  });
}

/** The server gets SIGTERM while the fault is under way. Throws unless it ends cleanly. */
export function stopAmid(fault: Fault): Promise<void> {
  return withMembers(fault, async (room, witness, speaker) => {
    await fault.unleash(room, witness);
    void speaker.say(LINES);
  });
}

function withMembers(
  fault: Fault,
  undergo: (room: ServerProgram, witness: Seat, speaker: Seat) => Promise<void>,
): Promise<void> {
  return endingAll(async () => {
    const { args = [], tls } = fault;
    const room = await ServerProgram.start(...args, ...(tls ? tlsOptions() : []));
    try {
      const witness = await Seat.join(room.port, "witness", tls && { tls });
      const speaker = await Seat.join(room.port, "speaker", tls && { tls });
      await witness.hears(speaker.name, await speaker.say(1));
      await undergo(room, witness, speaker);
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
