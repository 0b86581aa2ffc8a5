/** The load's connections: a crowd of clients that have all joined, some of which write a script. */

import type { Dialect } from "./dialects.ts";
import { type Script, writeAside } from "./script.ts";

/** A crowd that has not gathered by then never will. */
const GATHER_MS = 15_000;
const PROBE_EVERY_MS = 20;
/** Some servers have a backlog of 10, so newcomers come a few at a time, in so many steps at most. */
const NEWCOMERS_MIN = 8;
const STEPS_MAX = 125;

/** One member of the crowd. */
export class Client {
  /** The connection it hears on, and the one it talks on, mostly the same. */
  hearing: Bun.Socket | undefined;
  talking: Bun.Socket | undefined;
  /** Takes what it hears. */
  onBytes: (bytes: Buffer) => void = () => {};
  isClosed = false;
  /** Bytes of its script, over and over, that it has to write and has written. */
  #pendingBytes = 0;
  #writtenBytes = 0;

  /** @param script what it says; undefined for one that only listens */
  constructor(
    readonly dialect: Dialect,
    readonly script: Script | undefined,
  ) {}

  /** Lines it has to say and the system has not taken. */
  get pendingLines(): number {
    return (this.#pendingBytes - this.#writtenBytes) / this.#lineBytes;
  }

  /** Says its next lines, as the system takes them. */
  say(lines: number): void {
    this.#pendingBytes += lines * this.#lineBytes;
    this.write();
  }

  /** Goes on writing; called on `drain` too. */
  write(): void {
    const { script, talking } = this;
    if (!script || !talking) return;
    while (this.#writtenBytes < this.#pendingBytes) {
      const offset = this.#writtenBytes % script.said.length;
      const pending = this.#pendingBytes - this.#writtenBytes;
      const length = Math.min(pending, script.said.length - offset);
      const taken = talking.write(script.said, offset, length);
      if (taken > 0) this.#writtenBytes += taken;
      if (taken < length) return;
    }
  }

  /** Says a line that is not in its script. */
  sayAside(line: Buffer): void {
    const bytes = this.dialect.say(line);
    this.talking?.write(bytes, 0, bytes.length);
  }

  /** Waits until it hears a text. */
  hears(text: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    let heard = "";
    this.onBytes = (bytes) => {
      heard += bytes.toString("latin1");
      if (heard.includes(text)) resolve();
      heard = heard.slice(1 - text.length);
    };
    return promise;
  }

  get #lineBytes(): number {
    return this.script ? this.script.said.length / this.script.lines : 0;
  }
}

/** The server that a crowd gathers at. */
export interface Place {
  port: number;
  tls: boolean;
}

/**
 * Connects a crowd and calls the roll: the first talker speaks until everybody has heard it, so
 * nobody misses a line that follows, and nothing of the roll call is still on its way.
 *
 * @param onClose is told why a connection ends, or its handler failed
 * @throws {Error} when they are not all there in time
 */
export async function gatherCrowd(
  clients: readonly Client[],
  lineBytes: number,
  place: Place,
  onClose: (reason: string) => void,
): Promise<void> {
  const late = Bun.sleep(GATHER_MS).then(() => {
    throw new Error("not everybody hears the first line");
  });
  await Promise.race([late, connectAll(clients, place, onClose)]);
  const talker = clients.find(({ script }) => script);
  if (talker === undefined) throw new Error("nobody talks");
  const { dialect } = talker;
  const hearers = clients.filter((client) => client !== talker || dialect.echo);
  const allHear = (line: Buffer) => {
    const text = dialect.hear(line).toString("latin1");
    return Promise.race([late, Promise.all(hearers.map((client) => client.hears(text)))]);
  };
  const probe = writeAside("probe", lineBytes);
  const probing = setInterval(() => talker.sayAside(probe), PROBE_EVERY_MS);
  await allHear(probe).finally(() => clearInterval(probing));

  const start = writeAside("start", lineBytes);
  const started = allHear(start);
  talker.sayAside(start);
  await started;
}

/** Ends all connections at once, leaving nothing behind in the system. */
export function dismissCrowd(clients: readonly Client[]): void {
  for (const client of clients) {
    client.isClosed = true;
    client.hearing?.terminate();
    if (client.talking !== client.hearing) client.talking?.terminate();
  }
}

async function connectAll(
  clients: readonly Client[],
  place: Place,
  onClose: (reason: string) => void,
): Promise<void> {
  const join = async (client: Client) => {
    const { greeting, welcome, talkerGreeting } = client.dialect;
    const welcomed = welcome === "" ? undefined : client.hears(welcome);
    client.talking = client.hearing = await connect(place, client, greeting, onClose);
    await welcomed;
    if (client.script && talkerGreeting !== undefined)
      client.talking = await connect(place, client, talkerGreeting, onClose);
  };
  const newcomers = Math.max(NEWCOMERS_MIN, Math.ceil(clients.length / STEPS_MAX));
  for (let i = 0; i < clients.length; i += newcomers) {
    await Promise.all(clients.slice(i, i + newcomers).map(join));
    await Bun.sleep(1);
  }
}

function connect(
  { port, tls }: Place,
  client: Client,
  greeting: string,
  onClose: (reason: string) => void,
): Promise<Bun.Socket> {
  const close = (reason: string) => {
    if (!client.isClosed) onClose(reason);
    client.isClosed = true;
  };
  return Bun.connect({
    ...{ hostname: "127.0.0.1", port },
    ...(tls && { tls: { rejectUnauthorized: false } }),
    socket: {
      open(socket) {
        socket.setNoDelay(true);
        if (greeting !== "") socket.write(greeting);
      },
      data: (_, bytes) => client.onBytes(bytes),
      drain: () => client.write(),
      close: () => close("the server closed a connection"),
      error: (_, error) => close(error.message),
    },
  });
}
