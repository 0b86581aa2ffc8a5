/** What people and networks do to a server, each as a function that does it to a running one. */

import assert from "node:assert/strict";
import type { ConnectionOptions } from "node:tls";

import { Peer, type Program, type ServerProgram, startClient } from "../harness.ts";
import { Between } from "../harness/between.ts";
import { TLS } from "../harness/tools.ts";
import { newName, Seat } from "./seat.ts";

/** Ends a fault, and throws unless the server has taken it well. */
type End = () => Promise<void>;

export interface Fault {
  /** What happens, as a sentence goes on from "while". */
  readonly name: string;
  /** What the server has to be started with. */
  readonly args?: readonly string[];
  /** Over TLS; what its members connect with. */
  readonly tls?: ConnectionOptions;
  /**
   * Does it; returns once it is under way.
   *
   * @param witness a member that hears everything and is not to be disturbed
   */
  unleash(room: ServerProgram, witness: Seat): Promise<End | undefined>;
}

/** With 1,000 bytes each, more than a log of 1 MiB and the kernel hold for one that does not read. */
const FLOOD_LINES = 6_000;

/** A room that relays any of these breaks the numbered lines that its members expect. */
const REQUESTS = [
  "GET / HTTP/1.1\r\nHost: 127.0.0.1:99999\r\nCookie: session=secret\r\n\r\n",
  "POST /said HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nann: hello\n",
  `GET /${"a".repeat(20_000)} HTTP/1.1\r\n\r\n`,
  "OPTIONS * HTTP/1.0\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

export const FAULTS: readonly Fault[] = [
  {
    name: "talking clients are killed with SIGKILL",
    async unleash(room, witness) {
      const killed = await Promise.all([flood(room.port, witness), flood(room.port, witness)]);
      for (const client of killed) client.kill("SIGKILL");
      return async () => void (await Promise.all(killed.map((client) => client.exited)));
    },
  },
  {
    name: "connections are reset in the middle of a line",
    async unleash(room, witness) {
      const seats = await Seat.joinAll(room.port, "cut", 20);
      await Promise.all(seats.map((seat) => seat.say(2)));
      await Promise.all(seats.map((seat) => witness.hears(seat.name, 2)));
      for (const seat of seats) {
        await seat.peer.sayAll("half of a li");
        seat.peer.reset();
      }
      return undefined;
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
    name: "readers have stopped and one client floods",
    args: ["--patience", "3s", "--buffer", "1M"],
    async unleash(room, witness) {
      const stopped = await Seat.joinAll(room.port, "stopped", 10);
      for (const seat of stopped) seat.peer.pause();
      const talker = await Seat.join(room.port, "flood");
      const said = talker.say(FLOOD_LINES, 1000);
      await witness.hears(talker.name, 1);
      return async () => {
        await witness.hears(talker.name, await said);
        await room.logged(/too slow/);
        for (const seat of [...stopped, talker]) seat.peer.reset();
      };
    },
  },
  {
    name: "clients come and go as fast as they can",
    async unleash(room) {
      const visits = (async () => {
        for (let batch = 0; batch < 8; batch++)
          for (const [index, seat] of (await Seat.joinAll(room.port, "visitor", 30)).entries())
            if (index % 2 === 0) seat.peer.reset();
            else seat.peer.endInput();
      })();
      visits.catch(() => {}); // Whoever ends the fault is told.
      return () => visits;
    },
  },
  {
    name: "a client that is held back half-closes",
    args: ["--patience", "3s", "--buffer", "256K"],
    async unleash(room, witness) {
      const stopped = await Seat.join(room.port, "stopped");
      stopped.peer.pause();
      const talker = await Seat.join(room.port, "paused");
      const said = talker.say(FLOOD_LINES, 1000).then((count) => {
        talker.peer.endInput();
        return count;
      });
      await witness.hears(talker.name, 1);
      return async () => {
        await witness.hears(talker.name, await said);
        assert.equal(await talker.left, "end of input", "it was reset");
        stopped.peer.reset();
      };
    },
  },
  {
    name: "requests of HTTP come to every port",
    args: ["--web", "0", "--metrics", "0"],
    async unleash(room) {
      const others = room.journal.flatMap(
        (line) => / (?:web|metrics) at http:.*:(\d+)\//.exec(line)?.[1] ?? [],
      );
      const send = async (port: number, request: string) => {
        const peer = await Peer.connect(port);
        for (const byte of request.slice(0, 40)) {
          if (!(await peer.sayAll(byte))) break;
          await new Promise((resolve) => setImmediate(resolve));
        }
        peer.say(request.slice(40));
        return peer;
      };
      const sendAll = (port: number) => Promise.all(REQUESTS.map((request) => send(port, request)));
      const toRoom = await sendAll(room.port);
      const elsewhere = await Promise.all(others.map((port) => sendAll(Number(port))));
      return async () => {
        for (const peer of toRoom) await peer.hears("HTTP/1.1 400 Bad Request\r\n");
        for (const peer of toRoom) await peer.hears("This is a chat room");
        for (const peer of [...toRoom, ...elsewhere.flat()]) peer.reset();
      };
    },
  },
  {
    name: "connections over TLS are cut off in the middle of a line",
    ...TLS,
    async unleash(room, witness) {
      const between = await Between.open(room.port);
      const { port, wires } = between;
      const seats = await Seat.joinAll(port, "wire", 8, { ...TLS, late: true });
      await Promise.all(seats.map((seat) => seat.say(2)));
      await Promise.all(seats.map((seat) => witness.hears(seat.name, 2)));
      const passed = wires.map(({ near }) => new Promise((resolve) => near.once("data", resolve)));
      await Promise.all(seats.map((seat) => seat.peer.sayAll("half of a li")));
      await Promise.all(passed);
      for (const { near, far } of wires) {
        near.unpipe(far);
        far.end();
      }
      return async () => {
        await room.until("all to be cut off", () => room.count(/cut off/) === wires.length);
        between.end();
      };
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
