/** A client in this process that numbers what it says and keeps account of what it hears. */

import { LineBuffer } from "../../lib/room/line-buffer.ts";

const LINE_BYTES_MAX = 64 << 10;

/** What was heard of each speaker: their lines are numbered from 0, so that a loss shows. */
export class Ledger {
  /** How many lines of a speaker have come, and no line of it was missing. */
  readonly #counts = new Map<string, number>();
  /** The server's own words. */
  readonly words: string[] = [];
  /** The first line that was not the one to come. */
  fault: string | undefined;
  lines = 0;

  /** @param late whether others may have spoken before; else the first line of each is number 0 */
  constructor(readonly late: boolean) {}

  count(speaker: string): number {
    return this.#counts.get(speaker) ?? 0;
  }

  /** Takes whole lines, `speaker number padding`. */
  enter(lines: string): void {
    for (const line of lines.split("\n").slice(0, -1)) this.#enterLine(line);
  }

  #enterLine(line: string): void {
    if (line.startsWith("* ")) return void this.words.push(line);
    const [speaker = "", number, padding] = line.split(" ");
    const due = this.#counts.get(speaker) ?? (this.late ? Number(number) : 0);
    if (padding === undefined || !/^=*$/.test(padding) || Number(number) !== due)
      this.fault ??= `${JSON.stringify(line.slice(0, 80))} instead of ${speaker} ${due}`;
    this.#counts.set(speaker, due + 1);
    this.lines++;
  }
}

/** All that are connected. */
const present = new Set<Seat>();

/** Resets whoever is still connected to a port, be it stopped or not. */
export function breakAll(port: number): void {
  for (const seat of present) if (seat.port === port) seat.break();
}

/** How a connection ended. */
export type Ending = "end of input" | "reset";

export class Seat {
  readonly heard: Ledger;
  /** How many lines it has said. */
  said = 0;
  /** How its input ended. */
  readonly left: Promise<Ending>;

  readonly #socket: Bun.Socket<Seat>;
  readonly #lines = new LineBuffer(LINE_BYTES_MAX);
  readonly #leave: (ending: Ending) => void;
  #changed = Promise.withResolvers<void>();
  #drained = Promise.withResolvers<void>();
  #closed = false;

  private constructor(
    socket: Bun.Socket<Seat>,
    readonly port: number,
    readonly name: string,
    /** Whether it closes when the room does. */
    readonly polite: boolean,
    late: boolean,
  ) {
    this.heard = new Ledger(late);
    present.add(this);
    this.#socket = socket;
    const left = Promise.withResolvers<Ending>();
    this.left = left.promise;
    this.#leave = left.resolve;
  }

  /**
   * Connects to the room of a port.
   *
   * @param options whether it closes when the room does, and whether others have spoken before
   */
  static async join(
    port: number,
    name: string,
    { polite = true, late = false } = {},
  ): Promise<Seat> {
    const socket = await Bun.connect<Seat>({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        open: (socket) => void (socket.data = new Seat(socket, port, name, polite, late)),
        data: (socket, bytes) => socket.data.#hear(bytes),
        drain: (socket) => socket.data.#drained.resolve(),
        end: (socket) => socket.data.#end(),
        close: (socket, error) => socket.data.#close(error ? "reset" : "end of input"),
        error() {},
      },
    });
    return socket.data;
  }

  /** Says so many lines of a size; returns how many went out whole. */
  async say(count: number, paddingBytes = 10): Promise<number> {
    const padding = "=".repeat(paddingBytes);
    for (let left = count; left > 0 && !this.#closed;) {
      const some = Math.min(left, Math.ceil((64 << 10) / (paddingBytes + 10)));
      let text = "";
      for (let index = 0; index < some; index++)
        text += `${this.name} ${this.said + index} ${padding}\n`;
      if (!(await this.write(text))) break;
      this.said += some;
      left -= some;
    }
    return this.said;
  }

  /** Sends text as it is; returns whether all of it went out. */
  async write(text: string): Promise<boolean> {
    const bytes = Buffer.from(text);
    for (let offset = 0; offset < bytes.length;) {
      if (this.#closed) return false;
      this.#drained = Promise.withResolvers();
      const taken = this.#socket.write(bytes, offset, bytes.length - offset);
      if (taken < 0) return false;
      offset += taken;
      if (offset < bytes.length) await this.#drained.promise;
    }
    return true;
  }

  /** Waits until it has heard all lines of a speaker before a number. */
  async hears(speaker: string, count: number): Promise<void> {
    while (this.heard.count(speaker) < count) {
      if (this.#closed || this.heard.fault)
        throw new Error(
          `${this.name} hears no more of ${speaker}: ${this.heard.fault ?? "closed"}`,
        );
      await this.#changed.promise;
    }
  }

  stopReading(): void {
    this.#socket.pause();
  }

  /** Half-closes. */
  finish(): void {
    this.#socket.shutdown();
  }

  /** Resets the connection. */
  break(): void {
    this.#socket.terminate();
    this.#close("reset");
  }

  #hear(bytes: Uint8Array): void {
    this.#lines.push(bytes);
    for (let run = this.#lines.take(Infinity); run; run = this.#lines.take(Infinity))
      this.heard.enter(Buffer.from(run).toString());
    this.#notify();
  }

  #end(): void {
    this.#leave("end of input");
    if (this.polite) this.#socket.shutdown();
    this.#notify();
  }

  #close(ending: Ending): void {
    this.#closed = true;
    present.delete(this);
    this.#leave(ending);
    this.#drained.resolve();
    this.#notify();
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Connects many at once. */
export function joinAll(port: number, name: string, count: number, options = {}): Promise<Seat[]> {
  return Promise.all(
    Array.from({ length: count }, (_, index) => Seat.join(port, `${name}-${index}`, options)),
  );
}
