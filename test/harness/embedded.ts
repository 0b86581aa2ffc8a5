/** A room that a program embeds: `openRoom`, with a clock and an alarm, on sockets of node:net. */

import { createServer, type Socket } from "node:net";

import { openRoom } from "../../lib/linechat.ts";
import { GONE, type Life, type RoomSocket } from "../../lib/room/socket.ts";
import { atEnd } from "../harness.ts";
import { listenSomewhere } from "./host.ts";
import { Watched } from "./watched.ts";

/** @returns its port and its log, in the way of a server program */
export async function embedRoom(choices: { logBytes?: number; patienceMs?: number }) {
  const changes = new Watched();
  const sockets = new Set<NodeSocket>();
  const log = (event: string) => {
    host.stderr += ` ${event}\n`;
    changes.changed();
  };
  let alarm: Timer | undefined;
  let alarmAtMs = Infinity;
  const now = () => performance.now();
  const room = openRoom({
    ...choices,
    now,
    wake(delayMs) {
      if (now() + delayMs >= alarmAtMs) return;
      clearTimeout(alarm);
      alarmAtMs = now() + delayMs;
      alarm = setTimeout(() => {
        alarmAtMs = Infinity;
        room.flush();
      }, delayMs);
    },
    onJoin: ({ name }) => log(`joined ${name} (`),
    onLeave: ({ name }, reason) => log(`left ${name}: ${reason}`),
  });
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const accepted = new NodeSocket(socket);
    sockets.add(accepted);
    socket.on("close", () => {
      sockets.delete(accepted);
      changes.changed();
    });
    room.join(accepted, `${socket.remoteAddress}:${socket.remotePort}`);
  });
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.terminate();
  });
  const host = {
    port: await listenSomewhere(server),
    stderr: "",
    until: changes.until.bind(changes),
    /** Returns 0 once everybody has gone. */
    async stop(): Promise<number> {
      room.stop();
      await changes.until("all to go", () => sockets.size === 0);
      return 0;
    },
  };
  return host;
}

class NodeSocket implements RoomSocket {
  data: Life = GONE;
  readonly #socket: Socket;
  readonly end;
  readonly shutdown;
  readonly pause;
  readonly resume;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.end = this.shutdown = () => void socket.end();
    this.pause = () => void socket.pause();
    this.resume = () => void socket.resume();
    socket.on("data", (bytes: Buffer) => this.data.received(bytes));
    socket.on("drain", () => this.data.drained());
    socket.on("end", () => this.data.ended());
    socket.on("error", () => {}); // It is closed then.
    socket.on("close", () => this.data.closed());
  }

  write(bytes: Uint8Array, offset: number, length: number): number {
    if (this.#socket.destroyed) return -1;
    let taken = 0;
    while (taken < length && !this.#socket.writableNeedDrain) {
      const piece = Math.min(length - taken, this.#socket.writableHighWaterMark);
      // A copy, as the room writes over what counts as taken.
      this.#socket.write(Buffer.from(bytes.subarray(offset + taken, offset + taken + piece)));
      taken += piece;
    }
    return taken;
  }

  terminate(): void {
    this.#socket.resetAndDestroy();
    this.data.closed();
  }
}
