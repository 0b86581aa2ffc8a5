/** A server that goes through a fault, with members who must not notice. */

import { limitFiles, serverCommand, ServerProgram } from "../harness.ts";
import { demand, type Fault } from "./faults.ts";
import { breakAll, Seat } from "./seat.ts";
import { tlsArgs } from "./strangers.ts";

/** How many lines are said while the fault is under way. */
const LINES = 500;

/** Members talk before, during and after the fault; then the server stops. Throws unless all is well. */
export async function undergo(fault: Fault): Promise<void> {
  await using room = await start(fault);
  try {
    await sitThrough(fault, room);
  } catch (cause) {
    const last = room.journal.slice(-3).join("\n");
    throw new Error(`while ${fault.name}: ${cause}\n${last}`, { cause });
  } finally {
    breakAll(room.port);
  }
}

async function sitThrough(fault: Fault, room: ServerProgram): Promise<void> {
  const [witness, speaker] = await seatMembers(room, fault);
  const end = await fault.unleash(room, witness);
  await witness.hears(speaker.name, await speaker.say(LINES));
  await end();
  await witness.hears(speaker.name, await speaker.say(LINES));
  speaker.finish();
  demand((await speaker.left) === "end of input", "a member that half-closed was reset");
  await checkStop(room, witness);
}

/** The server gets SIGTERM while the fault is under way. Throws unless it ends cleanly. */
export async function stopAmid(fault: Fault): Promise<void> {
  await using room = await start(fault);
  const [witness, speaker] = await seatMembers(room, fault);
  await fault.unleash(room, witness);
  void speaker.say(LINES);
  await checkStop(room, witness);
}

function start({ options: { args = [], filesMax, tls } = {} }: Fault): Promise<ServerProgram> {
  const command = serverCommand("--host", "127.0.0.1", ...args, ...(tls ? tlsArgs() : []), "0");
  return ServerProgram.run(filesMax === undefined ? command : limitFiles(filesMax, command));
}

async function seatMembers(
  room: ServerProgram,
  { options }: Fault,
): Promise<[witness: Seat, speaker: Seat]> {
  const how = options?.tls ? { tls: options.tls } : {};
  const witness = await Seat.join(room.port, "witness", how);
  const speaker = await Seat.join(room.port, "speaker", how);
  await witness.hears(speaker.name, await speaker.say(1));
  return [witness, speaker];
}

async function checkStop(room: ServerProgram, witness: Seat): Promise<void> {
  const exitCode = await room.stop();
  const ending = await witness.left;
  breakAll(room.port);
  demand(exitCode === 0, `it ended with exit code ${exitCode}: ${room.journal.at(-1)}`);
  demand(ending === "end of input", "a member was reset");
  demand(witness.heard.fault === undefined, `${witness.heard.fault}`);
  demand(room.count(/error/) === 0, `${room.journal.find((line) => line.includes("error"))}`);
}
