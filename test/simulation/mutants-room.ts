/** Faults in the room: what is said, heard, waited for, and how members leave. */

import type { Mutant } from "./mutants.ts";

export const ROOM_MUTANTS: readonly Mutant[] = [
  // The log.
  {
    fault: "the log writes past its wrap",
    file: "room/line-log.ts",
    code: "if (run.length <= beforeWrap) {",
    becomes: "if (run.length <= beforeWrap + 1) {",
  },
  {
    fault: "a gathered piece skips its wrap",
    file: "room/line-log.ts",
    code: "if (beforeWrap < length) this.#bytes.copyWithin(target + beforeWrap, 0, length - beforeWrap);",
    becomes: "",
  },
  {
    fault: "the log forgets one byte too many",
    file: "room/line-log.ts",
    code: "return notesFull ? 0 : this.#ringBytes - (this.#head - this.#tail);",
    becomes: "return notesFull ? 0 : this.#ringBytes + 1 - (this.#head - this.#tail);",
  },
  {
    fault: "a run is noted where another note still is",
    file: "room/line-log.ts",
    code: "const notesFull = this.#nextRun - this.#firstRun > this.#slotMask;",
    becomes: "const notesFull = false;",
  },
  {
    fault: "a member gets its own lines back",
    file: "room/line-log.ts",
    code: "return lastRun >= this.#firstRun && ",
    becomes: "return lastRun >= Number.POSITIVE_INFINITY && ",
  },
  {
    fault: "after a short write among own lines, the cursor counts them as taken",
    file: "room/line-log.ts",
    code: "if (!this.#saidSince(reader, cursor)) return cursor + taken;",
    becomes: "return cursor + taken;",
  },
  {
    fault: "a piece is gathered that is larger than the place for it",
    file: "room/line-log.ts",
    code: "piece.next = Math.min(end, cursor + GATHER_BYTES);",
    becomes: "piece.next = end;",
  },

  // Lines.
  {
    fault: "a line is cut where the log is full",
    file: "room/line-buffer.ts",
    code: "run.lastIndexOf(LF, bytesMax - 1) + 1;",
    becomes: "bytesMax;",
  },
  {
    fault: "the tail at the end of input is dropped",
    file: "room/line-buffer.ts",
    code: "this.#append(Uint8Array.of(LF));",
    becomes: "return;",
  },
  {
    fault: "a line may be a byte longer than the limit",
    file: "room/line-buffer.ts",
    code: "if (this.#unfinishedBytes + start > this.lineBytesMax) return this.#overflow();",
    becomes: "if (this.#unfinishedBytes + start > this.lineBytesMax + 1) return this.#overflow();",
  },

  // Whose turn it is.
  {
    fault: "a talker is never paused",
    file: "room/turns.ts",
    code: "if (hold === undefined) talker.pause();",
    becomes: "void 0;",
  },
  {
    fault: "a talker is never resumed",
    file: "room/turns.ts",
    code: "talker.hold = undefined;\n    talker.resume();",
    becomes: "talker.hold = undefined;",
  },
  {
    fault: "a talker speaks before those who wait",
    file: "room/room.ts",
    code: "if ((this.#turns.next ?? talker) === talker) this.#turns.sayShare(talker);",
    becomes: "this.#turns.sayShare(talker);",
  },
  {
    fault: "a talker speaks on while others wait",
    file: "room/turns.ts",
    code: "shareBytes -= run.length;",
    becomes: "",
  },
  {
    fault: "who has had its turn stays first",
    file: "room/turns.ts",
    code: "this.#queue.push(talker);\n      this.#queue.shift();",
    becomes: "",
  },
  {
    fault: "the gone that wait take no seat",
    file: "room/room.ts",
    code: "return this.cursors.size + this.#turns.gone;",
    becomes: "return this.cursors.size;",
  },
  {
    fault: "all that wait take a seat more",
    file: "room/turns.ts",
    code: "count + Number(isGone)",
    becomes: "count + Number(isGone || true)",
  },

  // Rates.
  {
    fault: "a rate counts runs instead of lines",
    file: "room/turns.ts",
    code: "(lines * SECOND_MS)",
    becomes: "(Math.min(1, lines) * SECOND_MS)",
  },
  {
    fault: "nobody looks after talkers that are over their rate",
    file: "room/turns.ts",
    code: "dueAtMs = Math.min(dueAtMs, now + Math.ceil(waitMs));",
    becomes: "void waitMs, now;",
  },
  {
    fault: "what a talker over its rate has said is dropped when it goes",
    file: "room/room.ts",
    code: 'if (member.hold !== "room") this.hear(member);',
    becomes: "if (member.hold === undefined) this.hear(member);",
  },
  {
    fault: "a token bucket has no bottom",
    file: "room/turns.ts",
    code: "Math.max(fullAtMs, this.#room.settings.now()) + spentMs",
    becomes: "Math.max(fullAtMs, 0) + spentMs",
  },
  {
    fault: "a token bucket earns the same time twice",
    file: "room/turns.ts",
    code: "Math.max(fullAtMs, this.#room.settings.now()) + spentMs",
    becomes: "this.#room.settings.now() + spentMs",
  },
  {
    fault: "a stop does not end the rates",
    file: "room/turns.ts",
    code: "this.#fullAtMs.clear();",
    becomes: "",
  },

  // Patience.
  {
    fault: "a stopped reader is dropped one retry late",
    file: "room/patience.ts",
    code: "clockMs - cursor.goalSetAtMs >= settings.patienceMs;",
    becomes: "clockMs - cursor.goalSetAtMs > settings.patienceMs;",
  },
  {
    fault: "a slow reader is dropped without being asked",
    file: "room/patience.ts",
    code: "if (retry || isOverdue) cursor.write();",
    becomes: "",
  },
  {
    fault: "a byte taken resets the patience",
    file: "room/patience.ts",
    code: "cursor.goal = cursor.nextGoal;",
    becomes: "cursor.goal = Math.min(cursor.position + 1, cursor.end);",
  },
  {
    fault: "a reader that has reached its goal gets no new one",
    file: "room/patience.ts",
    code: "if (cursor.reached >= cursor.goal) {",
    becomes: "if (cursor.goal === 0) {",
  },
  {
    fault: "a new goal does not come with new time",
    file: "room/patience.ts",
    code: "cursor.goalSetAtMs = clockMs;",
    becomes: "cursor.goalSetAtMs ||= clockMs;",
  },
  {
    fault: "only the readers in the way are asked",
    file: "room/patience.ts",
    code: "if (retry || isOverdue) cursor.write();",
    becomes: "if (isInTheWay && (retry || isOverdue)) cursor.write();",
  },
  {
    fault: "readers are dropped that are not in the way",
    file: "room/patience.ts",
    code: "const isOverdue = isInTheWay && ",
    becomes: "const isOverdue = ",
  },
  {
    fault: "a reader has to take everything in each patience",
    file: "room/cursor.ts",
    code: "const PROGRESS_BYTES = 64 << 10;",
    becomes: "const PROGRESS_BYTES = 64 << 20;",
  },
  {
    fault: "a reader has to take a byte in each patience",
    file: "room/cursor.ts",
    code: "const PROGRESS_BYTES = 64 << 10;",
    becomes: "const PROGRESS_BYTES = 1;",
  },
  {
    fault: "time in which nobody waited counts against readers",
    file: "room/patience.ts",
    code: "this.#heldUpSinceMs = isHeldUp ? now : undefined;",
    becomes: "this.#heldUpSinceMs = now + Number(isHeldUp) * 0;",
  },
  {
    fault: "the alarm of a room that is held up is forgotten",
    file: "room/room.ts",
    code: "Math.min(this.#turns.dueAtMs(now), this.#patience.dueAtMs(now))",
    becomes: "this.#turns.dueAtMs(now)",
  },
  {
    fault: "who leaves has to take what was said since as well",
    file: "room/cursor.ts",
    code: "Math.min(this.reached + PROGRESS_BYTES, this.end)",
    becomes: "Math.min(this.reached + PROGRESS_BYTES, this.#room.log.head)",
  },

  // Writing.
  {
    fault: "a short count is taken for all",
    file: "room/cursor.ts",
    code: "this.blocked = taken < length;",
    becomes: "this.blocked = taken < 0;",
  },
  {
    fault: "a drain wakes nobody",
    file: "room/cursor.ts",
    code: "this.past?.drained();\n    this.#room.settings.wake(0);",
    becomes: "this.past?.drained();",
  },
  {
    fault: "nothing is owed to a member while the log is released",
    file: "room/room.ts",
    code: "for (const { position } of this.cursors) if (position < tail) tail = position;",
    becomes: "for (const { position, blocked } of this.cursors) if (!blocked) tail = position;",
  },
  {
    fault: "a newcomer hears what was said before it came",
    file: "room/cursor.ts",
    code: "this.position = room.log.head;",
    becomes: "this.position = room.log.tail;",
  },
  {
    fault: "a closed socket is written to again",
    file: "room/leaver.ts",
    code: "if (this.#socket.data !== this) return;",
    becomes: "",
  },

  // Leaving.
  {
    fault: "a drain of the last word is ignored",
    file: "room/leaver.ts",
    code: "else if (this.#word.length > 0) this.#sayLastWord();",
    becomes: "",
  },
  {
    fault: "a leaver gets its EOF before it has everything",
    file: "room/cursor.ts",
    code: "if (this.blocked) return false;",
    becomes: "if (this.blocked) break;",
  },
  {
    fault: "a leaver hears what is said after it has left",
    file: "room/cursor.ts",
    code: "if (this.writeUpTo(this.end))",
    becomes: "if (this.writeUpTo(this.#room.log.head))",
  },
  {
    fault: "a member that half-closed is reset",
    file: "room/leaver.ts",
    code: "    this.#socket.shutdown();",
    becomes: "    this.#socket.terminate();",
  },
  {
    fault: "whoever has its last word is reset",
    file: "room/leaver.ts",
    code: "if (this.#word.length > 0) this.failed();",
    becomes: "if (this.#word.length >= 0) this.failed();",
  },
  {
    fault: "a leaver that is still owed something has all the time there is",
    file: "room/leaver.ts",
    code: "    this.#room.owed.start(this);",
    becomes: "",
  },
  {
    fault: "a leaver is judged too slow without being asked",
    file: "room/leaver.ts",
    code: "cursor.write();\n    this.#room.settings.wake(0);",
    becomes: "this.#room.settings.wake(0);",
  },
  {
    fault: "a leaver that goes on taking gets no more time",
    file: "room/leaver.ts",
    code: "if (cursor.reached >= this.#goal) this.expectProgress(cursor);\n    else ",
    becomes: "",
  },
  {
    fault: "the goal of a leaver is not renewed",
    file: "room/leaver.ts",
    code: "this.#goal = cursor.nextGoal;",
    becomes: "this.#goal ||= cursor.nextGoal;",
  },
  {
    fault: "a leaver that takes nothing at all is kept",
    file: "room/leaver.ts",
    code: "if (cursor.reached >= this.#goal)",
    becomes: "if (cursor.position >= 0)",
  },
  {
    fault: "a leaver gets its patience and no time to linger",
    file: "room/room.ts",
    code: "new Deadlines(patienceMs + lingerMs, now)",
    becomes: "new Deadlines(patienceMs, now)",
  },
  {
    fault: "nobody looks after leavers",
    file: "room/room.ts",
    code: "dueAtMs = Math.min(dueAtMs, due.dueAtMs);",
    becomes: "if (due === this.idle) dueAtMs = Math.min(dueAtMs, due.dueAtMs);",
  },
  {
    fault: "what a member over its rate or without room still has to say is dropped when it goes",
    file: "room/line-buffer.ts",
    code: "return this.#runs.length > 0;",
    becomes: "return this.#runs.length > 1;",
  },

  {
    fault: "who does not take all of its last word is closed in order",
    file: "room/leaver.ts",
    code: "if (this.#word.length > 0) this.failed();",
    becomes: "if (this.#word.length < 0) this.failed();",
  },
  {
    fault: "a connection that waits for the end of TLS is forgotten",
    file: "room/socket.ts",
    code: "if (socket.data !== GONE) socket.terminate();",
    becomes: "",
  },

  {
    fault: "a leaver that is still owed something makes room for a newcomer",
    file: "room/room.ts",
    code: "const oldest = this.lingering.first;",
    becomes: "const oldest = this.lingering.first ?? this.owed.first;",
  },
  {
    fault: "a leaver gives its seat back before it has everything",
    file: "room/room.ts",
    code: "return this.cursors.size + this.#turns.gone;",
    becomes: "return [...this.cursors].filter((c) => !c.leaver).length + this.#turns.gone;",
  },
  {
    fault: "a member whose connection was found to be gone leaves again when that is told",
    file: "room/member.ts",
    code: "this.cursor.socket.data = GONE;",
    becomes: "",
  },
  {
    fault: "a leaver whose connection was found to be gone is gone again when that is told",
    file: "room/leaver.ts",
    code: "this.#socket.data = GONE;",
    becomes: "",
  },
  {
    fault: "a write that fails is a write of nothing",
    file: "room/cursor.ts",
    code: "if (taken < 0) this.socket.data.failed();",
    becomes: "if (taken < 0) return;",
  },

  // Silence.
  {
    fault: "who talks is idle all the same",
    file: "room/member.ts",
    code: "if (!this.cursor.gone) this.#room.idle?.start(this);",
    becomes: "",
  },
  {
    fault: "who is gone is idle",
    file: "room/member.ts",
    code: "if (!this.cursor.gone) this.#room.idle?.start(this);",
    becomes: "this.#room.idle?.start(this);",
  },
  {
    fault: "a new deadline keeps its old place",
    file: "room/deadlines.ts",
    code: "    this.#atMs.delete(item);\n    this.#atMs.set(",
    becomes: "    this.#atMs.set(",
  },
  {
    fault: "the next deadline is forgotten once one has passed",
    file: "room/deadlines.ts",
    code: "        this.dueAtMs = atMs;\n",
    becomes: "",
  },
  {
    fault: "a deadline is missed by a millisecond",
    file: "room/deadlines.ts",
    code: "if (now < atMs) {",
    becomes: "if (now <= atMs) {",
  },
  {
    fault: "nobody looks after the idle",
    file: "room/room.ts",
    code: "dueAtMs = Math.min(dueAtMs, due.dueAtMs);",
    becomes: "if (due !== this.idle) dueAtMs = Math.min(dueAtMs, due.dueAtMs);",
  },

  // Stopping.
  {
    fault: "a room that stops does not wait for those who wait",
    file: "room/room.ts",
    code: "if (this.stopping && this.#turns.haveSaidAll && this.sharing?.hasSaidAll !== false)",
    becomes: "if (this.stopping)",
  },
  {
    fault: "a room that stops goes on listening",
    file: "room/member.ts",
    code: "if (this.#room.stopping || this.#sentAway !== undefined) return;",
    becomes: "",
  },
  {
    fault: "who opens TLS is heard",
    file: "room/member.ts",
    code: "if (objection !== undefined) return this.#room.leave(this, objection, objection);",
    becomes: "if (objection !== undefined) this.#room.leave(this, objection, objection);",
  },
];
