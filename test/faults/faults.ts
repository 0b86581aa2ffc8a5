/** What people and networks do to a server, each as a function that does it to a running one. */

import assert from "node:assert/strict";

import { type Program, type ServerProgram, startClient } from "../harness.ts";
import { newName, Seat } from "./seat.ts";

/** Ends a fault, and throws unless the server has taken it well. */
type End = () => Promise<unknown>;

export interface Fault {
  /** What happens, as a sentence goes on from "while". */
  readonly name: string;
  /** What the server has to be started with, to lose patience with somebody. */
  readonly args?: readonly string[];
  /**
   * Does it; returns once it is under way.
   *
   * @param witness a member that hears everything and is not to be disturbed
   */
  unleash(room: ServerProgram, witness: Seat): Promise<End>;
}

/** With 1,000 bytes each, more than a log of 1 MiB and the kernel hold for one that does not read. */
const FLOOD_LINES = 6_000;

export const FAULTS: readonly Fault[] = [
  {
    name: "readers have stopped, and one client floods and half-closes while it is held back",
    args: ["--buffer", "256K"],
    async unleash(room, witness) {
      const stopped = await Seat.joinAll(room.port, "stopped", 10);
      for (const seat of stopped) seat.peer.pause();
      const talker = await Seat.join(room.port, "flood");
      const said = talker.say(FLOOD_LINES, 1000).finally(() => talker.peer.endInput());
      await witness.hears(talker.name, 1);
      return async () => {
        await witness.hears(talker.name, await said);
        assert.equal(await talker.left, "end of input", "it was reset");
        await room.logged(/too slow/);
        for (const seat of stopped) seat.peer.reset();
      };
    },
  },
  {
    name: "talking clients are killed with SIGKILL",
    async unleash(room, witness) {
      const killed = await Promise.all([flood(room.port, witness), flood(room.port, witness)]);
      for (const client of killed) client.kill("SIGKILL");
      return () => Promise.all(killed.map((client) => client.exited));
    },
  },
  {
    name: "hundreds of clients each hold an unfinished line",
    async unleash(room, witness) {
      const before = room.memoryBytes();
      const seats = await Seat.joinAll(room.port, "loris", 300);
      await Promise.all(seats.map((seat) => seat.peer.sayAll(`${seat.name} 0 ==`)));
      return async () => {
        const grownMib = (room.memoryBytes() - before) / (1 << 20);
        assert(grownMib < 100, `unfinished lines cost ${grownMib} MiB`);
        await Promise.all(seats.map((seat) => seat.peer.sayAll("==\n")));
        await Promise.all(seats.map((seat) => witness.hears(seat.name, 1)));
        for (const seat of seats) seat.peer.endInput();
        await Promise.all(seats.map((seat) => seat.left));
      };
    },
  },
  {
    name: "clients come and go as fast as they can, some in the middle of a line",
    async unleash(room) {
      const visits = (async () => {
        for (let batch = 0; batch < 8; batch++)
          for (const [index, { peer }] of (await Seat.joinAll(room.port, "visitor", 30)).entries())
            if (index % 2 === 0) peer.endInput();
            else void peer.sayAll("half of a li").then(() => peer.reset());
      })();
      visits.catch(() => {}); // Whoever ends the fault is told.
      return () => visits;
    },
  },
];

/** A client process that talks without end; returns once it is heard. */
async function flood(port: number, witness: Seat): Promise<Program> {
  const name = newName("killed");
  const client = startClient(port, "--send-only");
  const talk = async () => {
    for (let number = 0; ;) {
      let text = "";
      for (let lines = 0; lines < 200; lines++) text += `${name} ${number++} =====\n`;
      if (!(await client.sayAll(text))) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  void talk();
  await witness.hears(name, 1);
  return client;
}
