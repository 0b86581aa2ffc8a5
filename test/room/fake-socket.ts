/** A socket for tests of the room: it takes as many bytes as a test says, and notes what the server does to it. */

import type { AcceptedSocket } from "../../lib/doors/door.ts";
import type { Life } from "../../lib/room/socket.ts";

/** Its `data` comes with the one that it is given to. */
export class FakeSocket implements AcceptedSocket {
  declare data: Life;
  /** All that it has taken. */
  received = "";
  /** How many more bytes it takes. */
  room = Number.MAX_SAFE_INTEGER;
  paused = false;
  ended = false;
  closed = false;
  reset = false;
  writes = 0;
  /** Told when it is closed, before the call that closes it returns. */
  onClosed = () => this.data.closed();
  readonly remotePort: number;
  readonly remoteAddress?: string;

  constructor(port = 1, address?: string) {
    this.remotePort = port;
    if (address !== undefined) this.remoteAddress = address;
  }

  /** Its peer sends something. */
  sends(text: string): void {
    this.data.received(new TextEncoder().encode(text));
  }

  /** It takes so many more bytes, and says so. */
  drains(room: number): void {
    this.room = room;
    this.data.drained();
  }

  write(from: Uint8Array, offset: number, length: number): number {
    this.writes++;
    const taken = Math.min(length, this.room);
    this.room -= taken;
    this.received += new TextDecoder().decode(from.subarray(offset, offset + taken));
    return taken;
  }
  shutdown(): void {
    this.ended = true;
  }
  end(): void {
    this.closed = true;
    this.onClosed();
  }
  terminate(): void {
    this.reset = true;
    this.onClosed();
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}
