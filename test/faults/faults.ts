/** What people and networks do to a server, each as a function that does it to a running one. */

import type { ConnectionOptions } from "node:tls";

import { type Program, type ServerProgram, startClient } from "../harness.ts";
import { joinAll, Seat } from "./seat.ts";

/** For how long processor time is measured while nothing happens. */
const MEASURE_MS = 500;

/** Ends a fault, and throws unless the server has taken it well. */
export type End = () => Promise<void>;

export interface Fault {
  /** What happens, as a sentence goes on from "while". */
  readonly name: string;
  /** What the server has to be started with: options, and a limit on open files. */
  readonly options?: {
    readonly args?: readonly string[];
    readonly filesMax?: number;
    /** Over TLS; what its members connect with. */
    readonly tls?: ConnectionOptions;
  };
  /**
   * Does it; returns once it is under way.
   *
   * @param witness a member that hears everything and is not to be disturbed
   */
  unleash(room: ServerProgram, witness: Seat): Promise<End>;
}

/** Names of speakers are never used twice, so that their numbers start anew. */
let named = 0;
export function newName(role: string): string {
  return `${role}${named++}`;
}

const clientsKilled: Fault = {
  name: "talking clients are killed with SIGKILL",
  async unleash(room, witness) {
    const clients = Array.from({ length: 3 }, () => flood(room.port, witness));
    const killed = await Promise.all(clients);
    for (const client of killed) client.kill("SIGKILL");
    return async () => void (await Promise.all(killed.map((client) => client.exited)));
  },
};

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

const resetsInALine: Fault = {
  name: "connections are reset in the middle of a line",
  async unleash(room, witness) {
    const seats = await joinAll(room.port, newName("cut"), 50);
    await Promise.all(seats.map((seat) => seat.say(2)));
    await Promise.all(seats.map((seat) => witness.hears(seat.name, 2)));
    for (const seat of seats) {
      await seat.write("half of a li");
      seat.break();
    }
    return async () => {};
  },
};

const tooManyClients: Fault = {
  name: "two hundred more clients come than may, and do not go",
  options: { args: ["--max-clients", "8"] },
  async unleash(room) {
    const guests = await joinAll(room.port, newName("guest"), 6);
    const surplus = await joinAll(room.port, newName("surplus"), 200, { polite: false });
    await Promise.all(surplus.map((seat) => seat.left));
    return async () => {
      const told = surplus.filter((seat) => seat.heard.words.includes("* room is full")).length;
      demand(told === surplus.length, `only ${told} were told why`);
      const before = room.processorMs;
      await Bun.sleep(MEASURE_MS);
      const busyMs = room.processorMs - before;
      demand(busyMs < MEASURE_MS / 5, `newcomers that wait take ${busyMs} ms of ${MEASURE_MS}`);
      for (const seat of guests) seat.break();
    };
  },
};

const slowLoris: Fault = {
  name: "a thousand clients each hold an unfinished line",
  async unleash(room, witness) {
    const before = room.memoryBytes();
    const seats = await joinAll(room.port, newName("loris"), 1000);
    await Promise.all(seats.map((seat) => seat.write(`${seat.name} 0 ==`)));
    return async () => {
      const grownMib = (room.memoryBytes() - before) / (1 << 20);
      demand(grownMib < 100, `a thousand unfinished lines cost ${grownMib} MiB`);
      await Promise.all(seats.map((seat) => seat.write("==\n")));
      await Promise.all(seats.map((seat) => witness.hears(seat.name, 1)));
      for (const seat of seats) seat.finish();
      await Promise.all(seats.map((seat) => seat.left));
    };
  },
};

const stoppedReaders: Fault = {
  name: "a hundred readers have stopped and one client floods",
  options: { args: ["--patience", "3s", "--buffer", "1M"] },
  async unleash(room, witness) {
    const stopped = await joinAll(room.port, newName("stopped"), 100);
    for (const seat of stopped) seat.stopReading();
    const talker = await Seat.join(room.port, newName("flood"));
    const flood = talker.say(8_000, 1000);
    await witness.hears(talker.name, 1);
    return async () => {
      await witness.hears(talker.name, await flood);
      await room.logged(/too slow/);
      for (const seat of [...stopped, talker]) seat.break();
    };
  },
};

const churn: Fault = {
  name: "clients come and go as fast as they can",
  async unleash(room) {
    const visits = (async () => {
      for (let batch = 0; batch < 20; batch++)
        for (const [index, seat] of (await joinAll(room.port, newName("visitor"), 50)).entries())
          if (index % 2 === 0) seat.break();
          else seat.finish();
    })();
    visits.catch(() => {}); // whoever ends the fault is told
    return () => visits;
  },
};

const fewFiles: Fault = {
  name: "more clients come than the file limit of 64 allows",
  options: { filesMax: 64 },
  async unleash(room) {
    const seats: Seat[] = [];
    for (let index = 0; index < 100; index++) {
      const seat = await Seat.join(room.port, newName("many"));
      seats.push(seat);
      if (room.count(/refused/) > 0) await seat.left;
    }
    return async () => {
      await room.logged(/refused/);
      const before = room.processorMs;
      for (const seat of seats) seat.finish();
      await Promise.all(seats.map((seat) => seat.left));
      demand(room.processorMs - before < 500, "the limit keeps the processor busy");
    };
  },
};

const halfCloseWhilePaused: Fault = {
  name: "a client that is held back half-closes",
  options: { args: ["--patience", "3s", "--buffer", "256K"] },
  async unleash(room, witness) {
    const stopped = await Seat.join(room.port, newName("stopped"));
    stopped.stopReading();
    const talker = await Seat.join(room.port, newName("paused"));
    const said = talker.say(8_000, 1000).then((count) => {
      talker.finish();
      return count;
    });
    await witness.hears(talker.name, 1);
    return async () => {
      await witness.hears(talker.name, await said);
      demand((await talker.left) === "end of input", "it was reset");
      stopped.break();
    };
  },
};

/** Throws unless a condition holds. */
export function demand(condition: boolean, complaint: string): void {
  if (!condition) throw new Error(complaint);
}

/** Those for which nothing but a server and its clients is needed. */
export const OWN_FAULTS: readonly Fault[] = [
  clientsKilled,
  resetsInALine,
  tooManyClients,
  slowLoris,
  stoppedReaders,
  churn,
  fewFiles,
  halfCloseWhilePaused,
];
