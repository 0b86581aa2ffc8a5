/** The load's connections: a crowd of clients that have all joined, some of which send their lines. */

import type { Dialect } from "./dialects.ts";
import { writeAside } from "./script.ts";

const PROBE_EVERY_MS = 20;
/** Some servers have a backlog of 10, so newcomers come a few at a time, in so many steps at most. */
const NEWCOMERS_MIN = 8;
const STEPS_MAX = 125;

/** The server that a crowd gathers at. */
export interface Place {
  port: number;
  tls: boolean;
}

/** One member of the crowd. */
export class Client {
  /** Takes what it receives. */
  onBytes: (bytes: Buffer) => void = () => {};
  /** The connection it receives on, and, where that cannot do both, one that it sends on. */
  readonly #sockets: Bun.Socket[] = [];
  #hasLeft = false;
  /** Bytes of its lines, over and over, that it has to write and has written. */
  #pendingBytes = 0;
  #writtenBytes = 0;

  /** @param sends the bytes of its lines; undefined for one that only listens */
  constructor(
    readonly dialect: Dialect,
    readonly sends: Buffer | undefined,
  ) {}

  /** @param onClose is told why a connection ends, or its handler failed */
  async join(place: Place, onClose: (reason: string) => void): Promise<void> {
    const { greeting, talkerGreeting } = this.dialect;
    const greetings = [greeting, ...(this.sends ? [talkerGreeting ?? []].flat() : [])];
    for (const first of greetings) this.#sockets.push(await this.#connect(place, first, onClose));
  }

  /** Sends its next lines, as the system takes them. */
  send(bytes: number): void {
    this.#pendingBytes += bytes;
    this.#write();
  }

  /** Sends a line that is not in its script. */
  sendAside(line: Buffer): void {
    const bytes = this.dialect.say(line);
    this.#sockets.at(-1)?.write(bytes, 0, bytes.length);
  }

  /** Waits until it receives a text. */
  receives(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let received = "";
    this.onBytes = (bytes) => {
      received += bytes.toString("latin1");
      if (received.includes(text)) resolve();
      received = received.slice(1 - text.length);
    };
    return promise;
  }

  /** Ends its connections at once, leaving nothing behind in the system. */
  leave(): void {
    this.#hasLeft = true;
    for (const socket of this.#sockets) socket.terminate();
  }

  #write(): void {
    const lines = this.sends ?? Buffer.alloc(0);
    while (this.#writtenBytes < this.#pendingBytes) {
      const offset = this.#writtenBytes % lines.length;
      const length = Math.min(this.#pendingBytes - this.#writtenBytes, lines.length - offset);
      const taken = this.#sockets.at(-1)?.write(lines, offset, length) ?? 0;
      if (taken > 0) this.#writtenBytes += taken;
      if (taken < length) return;
    }
  }

  #connect(
    { port, tls }: Place,
    greeting: string,
    onClose: (reason: string) => void,
  ): Promise<Bun.Socket> {
    const close = (reason: string) => {
      if (!this.#hasLeft) onClose(reason);
    };
    return Bun.connect({
      ...{ hostname: "127.0.0.1", port },
      ...(tls && { tls: { rejectUnauthorized: false } }),
      socket: {
        open(socket) {
          socket.setNoDelay(true);
          if (greeting !== "") socket.write(greeting);
        },
        data: (_, bytes) => this.onBytes(bytes),
        drain: () => this.#write(),
        close: () => close("the server closed a connection"),
        error: (_, error) => close(error.message),
      },
    });
  }
}

/**
 * Connects a crowd and calls the roll: the last client sends until everybody has received it, so
 * nobody misses a line that follows, and nothing of the roll call is still on its way.
 *
 * @param onClose is told why a connection ends
 */
export async function gatherCrowd(
  clients: readonly Client[],
  lineBytes: number,
  place: Place,
  onClose: (reason: string) => void,
): Promise<void> {
  const newcomers = Math.max(NEWCOMERS_MIN, Math.ceil(clients.length / STEPS_MAX));
  for (let at = 0; at < clients.length; at += newcomers) {
    const joining = clients.slice(at, at + newcomers);
    await Promise.all(joining.map((client) => client.join(place, onClose)));
    await Bun.sleep(1);
  }
  const talker = clients.at(-1);
  const receivers = clients.filter((client) => client !== talker || client.dialect.echo);
  const allReceive = (line: Buffer) =>
    Promise.all(
      receivers.map((client) => client.receives(client.dialect.hear(line).toString("latin1"))),
    );
  const probe = writeAside("probe", lineBytes);
  const probing = setInterval(() => talker?.sendAside(probe), PROBE_EVERY_MS);
  await allReceive(probe);
  clearInterval(probing);

  const start = writeAside("start", lineBytes);
  const started = allReceive(start);
  talker?.sendAside(start);
  await started;
}
