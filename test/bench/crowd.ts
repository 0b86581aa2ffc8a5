/** The load's connections: a crowd of clients that have all joined, some of which send their lines. */

import type { Dialect } from "./dialects.ts";
import type { Load } from "./scenarios.ts";
import { writeAside } from "./script.ts";

const PROBE_EVERY_MS = 20;
/** Some servers have a backlog of 10, so newcomers come a few at a time, in so many steps at most. */
const NEWCOMERS_MIN = 8;
const STEPS_MAX = 125;

type Server = Pick<Load, "port" | "tls">;

/** One member of the crowd. */
export class Client {
  /** Takes what it receives. */
  onBytes: (bytes: Buffer) => void = () => {};
  /** The connection it receives on, and, where that cannot do both, one that it sends on. */
  readonly #sockets: Bun.Socket[] = [];
  /** Bytes of its lines, over and over, that it has to write and has written. */
  #pendingBytes = 0;
  #writtenBytes = 0;

  /** @param sends the bytes of its lines; undefined for one that only listens */
  constructor(
    readonly dialect: Dialect,
    readonly sends: Buffer | undefined,
  ) {}

  async join(server: Server): Promise<void> {
    const { greeting, talkerGreeting } = this.dialect;
    this.#sockets.push(await this.#connect(server, greeting));
    if (this.sends && talkerGreeting)
      this.#sockets.push(await this.#connect(server, talkerGreeting));
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

  /** Waits until it receives a line. */
  receives(line: Buffer): Promise<void> {
    let received = Buffer.alloc(0);
    return new Promise((resolve) => {
      this.onBytes = (bytes) => {
        received = Buffer.concat([received, bytes]);
        if (received.includes(line)) resolve();
        received = received.subarray(1 - line.length);
      };
    });
  }

  /** Ends its connections at once, leaving nothing behind in the system. */
  leave(): void {
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

  #connect({ port, tls }: Server, greeting: string): Promise<Bun.Socket> {
    return Bun.connect({
      ...{ hostname: "127.0.0.1", port },
      ...(tls && { tls: { rejectUnauthorized: false } }),
      socket: {
        open(socket) {
          socket.setNoDelay(true);
          socket.write(greeting);
        },
        data: (_, bytes) => this.onBytes(bytes),
        drain: () => this.#write(),
      },
    });
  }
}

/**
 * Connects a crowd and calls the roll: the last client sends until everybody has received it, so
 * nobody misses a line that follows, and nothing of the roll call is still on its way.
 */
export async function gatherCrowd(
  clients: readonly Client[],
  lineBytes: number,
  server: Server,
): Promise<void> {
  const newcomers = Math.max(NEWCOMERS_MIN, Math.ceil(clients.length / STEPS_MAX));
  for (let at = 0; at < clients.length; at += newcomers) {
    const joining = clients.slice(at, at + newcomers);
    await Promise.all(joining.map((client) => client.join(server)));
    await Bun.sleep(1);
  }
  const talker = clients.at(-1);
  const receivers = clients.filter((client) => client !== talker || client.dialect.echo);
  const allReceive = (line: Buffer) =>
    Promise.all(receivers.map((client) => client.receives(client.dialect.hear(line))));
  const probe = writeAside("probe", lineBytes);
  const probing = setInterval(() => talker?.sendAside(probe), PROBE_EVERY_MS);
  await allReceive(probe);
  clearInterval(probing);

  const start = writeAside("start", lineBytes);
  talker?.sendAside(start);
  await allReceive(start);
}
