/** `--names`: who is called what, and what each says with its name before it. */

import type { Announcing } from "./announcing.ts";
import type { Random } from "./random.ts";
import type { Seat } from "./seat.ts";
import { type State, Violation } from "./state.ts";

const NAMES = ["ann", "Ann", "bob", "BOB", "zoë", "ZOE\u0308", "😀", "*"] as const;
const NO_NAMES = ["", " ", "a b", "a:b", "x".repeat(33), "a\u200bb", "\u202ebob"] as const;

/** A name for a peer, which it says, or has in its certificate: of these there are few, so that some come again. */
export function chooseName(random: Random, badName: number, certified: boolean): string {
  if (random.chance(badName)) return random.pick(NO_NAMES);
  return random.pick(certified ? NAMES.slice(0, 3) : NAMES);
}

/** Who a peer is by its certificate. */
export interface Certificate {
  readonly name: string;
  readonly fingerprint: string;
}

export class Naming {
  readonly #state: State;
  readonly #announcing: Announcing;
  /** Who had a name last. */
  readonly #bearers = new Map<string, Seat>();

  constructor(state: State, announcing: Announcing) {
    this.#state = state;
    this.#announcing = announcing;
  }

  /** A line arrives; returns what of it is to be said. */
  hears(seat: Seat, line: Uint8Array): Uint8Array | undefined {
    if (!this.#state.rules.names) return line;
    const text = Buffer.from(line).toString("latin1");
    const [before = ""] = text.split(": ");
    const isAlone = before === text;
    if (seat.ownName === undefined) {
      const said = Buffer.from(before, "latin1").toString();
      const name = isAlone ? said.trim() : said;
      seat.refused = this.#claim(seat, name);
      if (seat.refused === undefined) this.#announcing.joined(seat);
      if (seat.refused !== undefined || isAlone) return undefined;
    }
    const prefix = Buffer.from(`${seat.ownName}: `);
    const hasIt = text.startsWith(prefix.toString("latin1"));
    return hasIt ? line : Buffer.concat([prefix, line]);
  }

  /** One with a certificate is about to join; returns why it cannot, and whose name it takes over. */
  admits(seat: Seat): { refused?: string | undefined; over?: Seat | undefined } {
    const { certificate } = seat;
    if (certificate === undefined) return {};
    const over = this.#bearer(certificate.name);
    const refused = this.#claim(seat, certificate.name);
    return { refused, over: refused === undefined ? over : undefined };
  }

  /** Whether somebody has its name by the certificate that this one has. */
  isHere({ certificate }: Seat): boolean {
    const bearer = certificate && this.#bearer(certificate.name);
    return (
      bearer?.certificate !== undefined &&
      bearer.certificate.fingerprint === certificate?.fingerprint
    );
  }

  /** What somebody is told that has joined; nothing if it has a name already. */
  greeting(seat: Seat): string | undefined {
    if (!this.#state.rules.names || seat.certificate !== undefined) return undefined;
    this.#state.seen.greetings++;
    const here = [...this.#bearers.values()].filter(hasName).map(({ ownName }) => ownName);
    const some = here.length > 0 ? ` (here: ${here.join(", ")})` : "";
    return `* say your name first${some}\n`;
  }

  /** What reports call somebody. */
  nameOf({ name, ownName }: Seat): string {
    return ownName === undefined ? name : `${ownName} ${name}`;
  }

  /** The room says that somebody has a name. */
  named(seat: Seat, name: string): void {
    this.#state.demand(seat.isNamedDue, seat, "reported with a name for nothing");
    seat.isNamedDue = false;
    this.checkReport(seat, name);
  }

  /** A report calls somebody so. */
  checkReport(seat: Seat, called: string): void {
    const isRight = called === (seat.isNamedDue ? seat.name : this.nameOf(seat));
    if (!isRight) throw new Violation(`${seat.name} is called ${called} in a report`);
  }

  /** The room has reported all that had to be reported of this event. */
  check(seat: Seat): void {
    this.#state.demand(!seat.isNamedDue, seat, "its name is not reported");
  }

  #claim(seat: Seat, name: string): string | undefined {
    const { seen } = this.#state;
    if (!isName(name)) {
      seen.noNames++;
      if (seat.certificate) return "the certificate is for nobody: its common name is not one word";
      return "a name is one word of 1 to 32 characters without a colon";
    }
    const bearer = this.#bearer(name);
    if (bearer && bearer.certificate?.fingerprint !== (seat.certificate?.fingerprint ?? "none")) {
      seen.namesTaken++;
      return `the name ${name} is taken`;
    }
    if (bearer) seen.takeovers++;
    else this.#bearers.delete(keyOf(name));
    this.#bearers.set(keyOf(name), seat);
    seat.ownName = name;
    seat.isNamedDue = true;
    this.#state.stirs(seat);
    seen.named++;
    return undefined;
  }

  #bearer(name: string): Seat | undefined {
    const seat = this.#bearers.get(keyOf(name));
    return seat && hasName(seat) ? seat : undefined;
  }
}

/** Whether it says something under its name, or may; a moment ago it had it, when it is heard no more. */
function hasName({ state, leaving, unsaid }: Seat): boolean {
  if (state === "guest" || state === "new") return true;
  return state === "member" ? leaving === undefined : state === "gone" && unsaid.length > 0;
}

/** Good enough for the names that peers have here, or parts of them. */
function isName(name: string): boolean {
  return [...name].length <= 32 && /^[^\s:\0-\x1f\x7f-\x9f\u200b\u202e\ufffd]+$/.test(name);
}

function keyOf(name: string): string {
  return name.normalize("NFKC").toLowerCase();
}
