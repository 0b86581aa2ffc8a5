/**
 * What is sent over one connection after another. Once the system has taken it, it may have been
 * relayed, so it is not sent again, with one exception: a server that refuses this client has relayed
 * nothing. What else is known to be lost is counted and told: the rest of a line that was cut off, a
 * line that was too long, what was sent before a late refusal. What else was on its way when a
 * connection was lost, no client knows.
 */

import { LF } from "../program/lines.ts";
import type { Disconnect } from "./conversation.ts";

/** More than a socket takes before a refusal is received. */
const KEPT_BYTES_MAX = 8 << 20;

/** It knows no connection. */
export class Outgoing {
  /** What the connection has not taken yet, oldest first. */
  readonly pending: Uint8Array[] = [];
  ended = false;
  lostLines = 0;
  /** What this connection has taken; undefined once that is too much to be sent again. */
  #kept: Bun.ArrayBufferSink | undefined;
  #takenBytes = 0;
  #endsInsideLine = false;
  /** Whether what comes next is the rest of a line that is lost. */
  #skipsRest = false;

  /** Whether everything was taken, and no more will come. */
  get isDone(): boolean {
    return this.ended && this.pending.length === 0;
  }

  /** Takes bytes, not to be changed while anything is pending; returns what is to be sent of them. */
  add(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    if (this.#skipsRest) {
      const end = bytes.indexOf(LF) + 1;
      this.#skipsRest = end === 0;
      rest = bytes.subarray(end || bytes.length);
    }
    if (rest.length > 0) this.pending.push(rest);
    return rest;
  }

  connected(): void {
    this.#kept = new Bun.ArrayBufferSink();
    this.#takenBytes = 0;
    this.#endsInsideLine = false;
  }

  /** The connection has taken so many of the first bytes that are pending. */
  taken(count: number): void {
    const first = this.pending.shift() ?? new Uint8Array(0);
    if (count < first.length) this.pending.unshift(first.subarray(count));
    const bytes = first.subarray(0, count);
    this.#takenBytes += count;
    this.#endsInsideLine = bytes.at(-1) !== LF;
    if (this.#takenBytes > KEPT_BYTES_MAX) this.#kept = undefined;
    this.#kept?.write(bytes);
  }

  /** The connection is lost, perhaps with a message; returns what is lost with it, in words. */
  lost(disconnect?: Disconnect): string | undefined {
    const { isRefusal = false, message = "" } = disconnect ?? {};
    if (isRefusal && this.#kept) {
      const kept = new Uint8Array(this.#kept.end());
      if (kept.length > 0) this.pending.unshift(kept);
      return undefined;
    }
    // The end ends a line, too.
    const isCut = this.#endsInsideLine && !this.isDone;
    if (!isCut && !isRefusal && !message.startsWith("line longer than")) return undefined;
    this.lostLines++;
    this.#skipsRest ||= this.#endsInsideLine;
    for (const bytes of this.pending.splice(0)) this.add(bytes);
    return disconnect
      ? "what was sent before that is lost"
      : "a line was cut off; its rest is not sent";
  }
}
