/** Who is called what, in a room with names: one word each, and no two that could be taken for one. */

import { nameTaken, NO_NAME_CERTIFIED, NOT_A_NAME, askForName, takenOver } from "../program/server-messages.ts";
import { isName, NAME_LENGTH_MAX, nameKey } from "../program/name.ts";
import type { Member } from "./member.ts";
import { NamedLines } from "./named-lines.ts";
import type { Room } from "./room.ts";

/** The longest name in UTF-8, of characters of 4 bytes, and its `: `. */
export const PREFIX_BYTES_MAX = NAME_LENGTH_MAX * 4 + 2;
/** How many names a newcomer is told. */
const TOLD_MAX = 10;

/** Who somebody is by its certificate, instead of by its own word. */
export interface Identity {
  readonly name: string;
  /** The certificate's: whoever comes with the same one is the same. */
  readonly fingerprint: string;
}

/** The names of a room. */
export class Names {
  readonly #room: Room;
  readonly #bearers = new Map<string, Member>();

  constructor(room: Room) {
    this.#room = room;
  }

  /**
   * Gives a name to a member. Who comes with the same certificate as its bearer takes it over.
   *
   * @returns why not, as the server's last word; undefined if it has the name now
   */
  claim(member: Member, name: string): string | undefined {
    const { identity } = member;
    if (!isName(name)) return identity ? NO_NAME_CERTIFIED : NOT_A_NAME;
    const key = nameKey(name);
    const bearer = this.#bearers.get(key);
    const isSame = identity && identity.fingerprint === bearer?.identity?.fingerprint;
    if (bearer && !isSame) return nameTaken(name);
    this.#bearers.set(key, member);
    member.ownName = name;
    // What the bearer does not know to be its own is not taken over for sure.
    if (bearer === undefined || isPending(bearer)) this.#askOthers(member, key);
    bearer?.sendAway(takenOver(name));
    return undefined;
  }

  /** Whether somebody is here who has its name by this very certificate. */
  isHere({ name, fingerprint }: Identity): boolean {
    return this.#bearers.get(nameKey(name))?.identity?.fingerprint === fingerprint;
  }

  /** Members have names of their own here no more; what waited for one waits no more. */
  clear(): void {
    for (const { lines } of this.#bearers.values())
      if (lines instanceof NamedLines) lines.settle(undefined);
    this.#bearers.clear();
  }

  /** Gives a member the name it has said; returns why not, as `claim` does. */
  name(member: Member, said: string): string | undefined {
    const refusal = this.claim(member, said);
    if (refusal === undefined && !isPending(member)) this.#report(member);
    return refusal;
  }

  /** A newcomer that is still here is told that it has to say its name, unless it has one already. */
  welcome(member: Member): void {
    if (member.cursor.socket.data !== member || isPending(member)) return;
    if (member.ownName !== undefined) return this.#report(member);
    this.#room.newcomers?.greet(member.cursor, this.#greeting());
  }

  /** A member says nothing under its name any more. */
  release(member: Member): void {
    const key = nameKey(member.ownName ?? "");
    if (this.#bearers.get(key) !== member) return;
    // What it has said is to have its place before another says something under this name.
    const { sharing } = this.#room;
    if (sharing) sharing.order.after(() => this.free(member));
    else this.#bearers.delete(key);
  }

  /** All that a member has said under its name has its place. */
  free(member: Member): void {
    const key = nameKey(member.ownName ?? "");
    if (this.#bearers.get(key) !== member) return;
    this.#bearers.delete(key);
    this.#room.sharing?.order.claims.release(key);
  }

  /** A member at another server may have the name; until that is known, the lines of this one wait. */
  #askOthers(member: Member, key: string): void {
    const { sharing, settings } = this.#room;
    const { lines } = member;
    if (sharing === undefined || !(lines instanceof NamedLines)) return;
    lines.isPending = true;
    sharing.order.claims.ask(key, (granted) => {
      lines.settle(granted ? undefined : nameTaken(member.ownName ?? ""));
      if (!granted && this.#bearers.get(key) === member) this.#bearers.delete(key);
      if (granted && !member.cursor.gone) this.#report(member);
      if (!granted && member.hold === undefined) member.saidAll();
      settings.wake(0);
    });
  }

  /** Who came first is named first. */
  #greeting(): string {
    const told = Array.from(this.#bearers.values().take(TOLD_MAX), ({ ownName = "" }) => ownName);
    return askForName(told, this.#bearers.size - told.length);
  }

  #report(member: Member): void {
    const { cursor, ownName } = member;
    const { announcer, idle, settings } = this.#room;
    cursor.name = `${ownName} ${cursor.name}`;
    idle?.start(member);
    announcer?.joined(cursor, ownName ?? "");
    settings.onNamed?.(cursor.name);
  }
}

function isPending({ lines }: Member): boolean {
  return lines instanceof NamedLines && lines.isPending;
}
