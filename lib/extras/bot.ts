/** A program around the room that is a member of its own: it receives lines, and sends some. */

import { checkFunction, guarded } from "../program/system-errors.ts";
import type { Extra } from "../room/extra.ts";
import { LF, LineBuffer } from "../room/line-buffer.ts";
import type { Room } from "../room/room.ts";
import type { Context, MemberView, Part } from "./part.ts";

/** What a bot may do. */
export interface BotRoom {
  /** Those that are in the room, in the order they came, without those that leave. */
  readonly members: readonly MemberView[];
  /**
   * Sends a line, which every member receives, in its turn with all others: to wait until it is in
   * the log is to be slowed as they are.
   *
   * @param line without its LF, which is added
   * @returns once it is in the log; false if the room takes no more lines, or is out of sync
   * @throws {RangeError} at once, if it has an LF in it, or is longer than a line may be
   */
  send(line: string | Uint8Array): Promise<boolean>;
}

/** What a bot is told at the end of a turn, when the room is ready for whatever it does. */
export interface BotEvents {
  /**
   * A member has sent a line. What bots send is not told; nor, in a room that several servers
   * share, what members of the others send.
   *
   * @param line as UTF-8 has it, without its LF or CR LF; in a room with names, as it is relayed
   */
  onLine?(line: string, member: MemberView): void;
  onJoin?(member: MemberView): void;
  onLeave?(member: MemberView, reason: string): void;
}

export type BotSettings = { bot?: ((room: BotRoom) => BotEvents) | undefined };

/**
 * @param make told of its room, before anybody joins
 * @throws {UserError} unless it is a function
 */
export function bot(make: (room: BotRoom) => BotEvents, { onError }: Context): Part {
  checkFunction("bot", make);
  return { extra: (room) => botIn(room, make, onError) };
}

function botIn(room: Room, make: (room: BotRoom) => BotEvents, onError: Context["onError"]): Extra {
  /** One for all lines, so that those which follow each other are one run. */
  const cursor = { lastRun: -1 };
  /** Told whether a line that has been taken has come into the log. */
  const waiting = new Set<(isInLog: boolean) => void>();
  const send = (line: string | Uint8Array) => {
    const lines = new LineBuffer(room.lineBytesMax);
    lines.push(Buffer.from(line));
    if (lines.next) throw new RangeError("more than one line: the LF at its end is added");
    lines.push(Uint8Array.of(LF));
    if (lines.objection) throw new RangeError(lines.objection.message);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const sentAll = () => {
      waiting.add(resolve);
      room.order.after(() => {
        waiting.delete(resolve);
        resolve(true);
      });
    };
    if (room.isStopping) resolve(false);
    else room.send({ cursor, lines, isWaiting: false, sentAll });
    return promise;
  };
  const events = make({
    get members() {
      return [...room.members].filter((member) => !member.isLeaving);
    },
    send,
  });
  /** What there is to tell at the end of this turn. */
  const news: (() => void)[] = [];
  const tell = (report: () => void) => {
    news.push(guarded(report, onError));
    room.wake(0);
  };
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    joined: (member) => tell(() => events.onJoin?.(member)),
    left: (member, reason) => tell(() => events.onLeave?.(member, reason)),
    sent(member, run) {
      if (!events.onLine) return; // To take lines apart costs more than to relay them.
      for (const line of decoder.decode(run).split(/\r?\n/).slice(0, -1))
        tell(() => events.onLine?.(line, member));
    },
    flush() {
      for (const report of news.splice(0)) report();
      return Number.POSITIVE_INFINITY;
    },
    restarted() {
      for (const answer of waiting) answer(false);
      waiting.clear();
    },
  };
}
