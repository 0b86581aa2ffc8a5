/** What happens in a room, counted: members that join and leave, clients that are refused, and lines. */

import { countLines } from "../program/lines.ts";
import type { Extra } from "../room/extra.ts";
import type { Member } from "../room/member.ts";
import { labelled, type Sample } from "./text-format.ts";

/** An extra that only counts. */
export class Counters implements Extra {
  joinedTotal = 0;
  linesTotal = 0;
  readonly leaving = new Reasons(LEAVING);
  readonly refusing = new Reasons(REFUSING);

  joined(): void {
    this.joinedTotal++;
  }

  sent(_: Member, run: Uint8Array): void {
    this.linesTotal += countLines(run);
  }

  gone(_: Member, reason: string): void {
    this.leaving.count(reason);
  }

  refused(_: string, message: string): void {
    this.refusing.count(message);
  }
}

/** Why either is. */
const EITHER: readonly Label[] = [
  ["reset", /^reset$/],
  ["name", /^(no name within|a name is|the name|the certificate) /],
  ["speaks TLS", /^speaks TLS/],
  ["server stopping", /^server stopping$/],
];
/** Why members leave, by how the reason begins; all else is `other`. */
const LEAVING: readonly Label[] = [
  ["end of input", /^end of input$/],
  ["too slow", /^too slow$/],
  ["line too long", /^line too long$/],
  ["idle", /^idle$/],
  ["out of sync", /^out of sync$/],
  ...EITHER,
];
/** Why clients are refused. */
const REFUSING: readonly Label[] = [
  ["room is full", /^room is full$/],
  ["address not allowed", /^not allowed from /],
  ["too many from address", /^too many connections from /],
  ["wrong pass phrase", /^wrong pass phrase$/],
  ["no pass phrase", /^no pass phrase within /],
  ["handshake", /handshake/],
  ...EITHER,
];
type Label = readonly [name: string, pattern: RegExp];

/** Counts events by reason, of which there are only so many. */
class Reasons {
  readonly #labels: readonly Label[];
  readonly #counts: Record<string, number>;

  constructor(labels: readonly Label[]) {
    this.#labels = labels;
    this.#counts = Object.fromEntries([...labels, ["other"]].map(([name]) => [name, 0]));
  }

  count(reason: string): void {
    const [name = "other"] = this.#labels.find(([, pattern]) => pattern.test(reason)) ?? [];
    this.#counts[name] = (this.#counts[name] ?? 0) + 1;
  }

  get samples(): readonly Sample[] {
    return labelled("reason", this.#counts);
  }
}
