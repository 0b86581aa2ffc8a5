/** The load's connections: a crowd of clients that have all joined, each a writer of its script and a receiver. */

import type { Dialect } from "./dialects.ts";
import type { Receiver } from "./receiver.ts";
import { type Script, writeAside } from "./script.ts";

const JOIN_MS = 8_000;
const PROBE_EVERY_MS = 20;
/** Some servers have a backlog of 10, so newcomers come a few at a time, in so many steps at most. */
const NEWCOMERS_MIN = 8;
const STEPS_MAX = 125;

/** One member of the crowd. */
export class Client {
  /** What it says; undefined for one that only listens. */
  readonly script: Script | undefined;
  readonly #dialect: Dialect;
  /** The connection it hears on, and the one it talks on, mostly the same. */
  hearing: Bun.Socket<Client> | undefined;
  talking: Bun.Socket<Client> | undefined;
  /** Checks what it hears from now on; before, it only waits for a text. */
  receiver: Receiver | undefined;
  #awaited = "";
  #heardText = "";
  #onHeard: () => void = () => {};
  closed = false;
  /** Bytes of its script, over and over, that it has to write and has written. */
  #pendingBytes = 0;
  #writtenBytes = 0;
  #frameBytes = 0;

  constructor(dialect: Dialect, script: Script | undefined) {
    this.#dialect = dialect;
    this.script = script;
    if (script) this.#frameBytes = script.said.length / script.lines;
  }

  /** Lines it has to say and the system has not taken. */
  get pendingLines(): number {
    return (this.#pendingBytes - this.#writtenBytes) / this.#frameBytes;
  }

  /** Says its next lines, as the system takes them. */
  say(lines: number): void {
    this.#pendingBytes += lines * this.#frameBytes;
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

  /** Waits until it hears a text; before it has a receiver. */
  hears(text: string): Promise<void> {
    this.#awaited = text;
    this.#heardText = "";
    return new Promise((resolve) => (this.#onHeard = resolve));
  }

  /** Hears something before it has a receiver; keeps no more of it than it needs. */
  listen(bytes: Buffer): void {
    if (this.#awaited === "") return;
    this.#heardText += bytes.toString("latin1");
    if (this.#heardText.includes(this.#awaited)) {
      this.#awaited = "";
      this.#onHeard();
    }
    this.#heardText = this.#heardText.slice(1 - this.#awaited.length);
  }

  /** Says a line that is not in its script. */
  sayAside(line: Buffer): void {
    const bytes = this.#dialect.say(line);
    this.talking?.write(bytes, 0, bytes.length);
  }

  readonly answer = (text: string): void => void this.hearing?.write(text);
}

export interface CrowdOptions {
  port: number;
  tls: boolean;
  dialect: Dialect;
  /** One for each talker; they come after the listeners. */
  scripts: readonly Script[];
  listeners: number;
  lineBytes: number;
  /** A client whose receiver is there has heard something. */
  onHear(client: Client, bytes: Buffer): void;
  /** A client's connection is gone, or its handler failed. */
  onClose(client: Client, reason: string): void;
}

/**
 * Connects a crowd and calls the roll: the first talker speaks until everybody
 * has heard it, so nobody misses a line that follows.
 *
 * @returns the clients, listeners first; nothing of the roll call is still on its way
 * @throws {Error} when they are not all there in time
 */
export async function gatherCrowd(options: CrowdOptions): Promise<Client[]> {
  const { dialect } = options;
  const clients: Client[] = [];
  for (let i = 0; i < options.listeners; i++) clients.push(new Client(dialect, undefined));
  for (const script of options.scripts) clients.push(new Client(dialect, script));
  await inTime(connectAll(options, clients));

  const talker = clients[options.listeners];
  if (talker === undefined) throw new Error("nobody talks");
  const hearers = clients.filter((client) => client !== talker || dialect.echo);
  const allHear = (text: string) =>
    inTime(Promise.all(hearers.map((client) => client.hears(text))));
  const probe = writeAside("probe", options.lineBytes);
  const probing = setInterval(() => talker.sayAside(probe), PROBE_EVERY_MS);
  await allHear(probe.toString("latin1", 0, probe.length - 1)).finally(() =>
    clearInterval(probing),
  );

  const start = writeAside("start", options.lineBytes);
  const started = allHear(dialect.hear(start).toString("latin1"));
  talker.sayAside(start);
  await started;
  return clients;
}

/** Ends all connections at once, leaving nothing behind in the system. */
export function dismissCrowd(clients: readonly Client[]): void {
  for (const client of clients) {
    client.closed = true;
    client.hearing?.terminate();
    if (client.talking !== client.hearing) client.talking?.terminate();
  }
}

/** @throws {Error} when something takes longer than a crowd has to gather */
async function inTime(gathering: Promise<unknown>): Promise<void> {
  let alarm: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    alarm = setTimeout(() => reject(new Error("not everybody hears the first line")), JOIN_MS);
  });
  await Promise.race([gathering, late]).finally(() => clearTimeout(alarm));
}

async function connectAll(options: CrowdOptions, clients: readonly Client[]): Promise<void> {
  const { greeting, welcome, talkerGreeting } = options.dialect;
  const join = async (client: Client) => {
    const welcomed = welcome === "" ? undefined : client.hears(welcome);
    client.hearing = await connect(options, client, greeting);
    client.talking = client.hearing;
    await welcomed;
    if (client.script && talkerGreeting !== undefined)
      client.talking = await connect(options, client, talkerGreeting);
  };
  const newcomers = Math.max(NEWCOMERS_MIN, Math.ceil(clients.length / STEPS_MAX));
  for (let i = 0; i < clients.length; i += newcomers) {
    await Promise.all(clients.slice(i, i + newcomers).map(join));
    await Bun.sleep(1);
  }
}

function connect(
  options: CrowdOptions,
  client: Client,
  greeting: string,
): Promise<Bun.Socket<Client>> {
  const close = (reason: string) => {
    if (client.closed) return;
    client.closed = true;
    options.onClose(client, reason);
  };
  return Bun.connect<Client>({
    hostname: "127.0.0.1",
    port: options.port,
    data: client,
    ...(options.tls ? { tls: { rejectUnauthorized: false } } : {}),
    socket: {
      open(socket) {
        socket.setNoDelay(true);
        if (greeting !== "") socket.write(greeting);
      },
      data(_socket, bytes) {
        if (client.receiver) options.onHear(client, bytes);
        else client.listen(bytes);
      },
      drain: () => client.write(),
      close: () => close("the server closed a connection"),
      error: (_socket, error) => close(error.message),
    },
  });
}
