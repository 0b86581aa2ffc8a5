/** Faults in the core: what is sent, received, waited for, and how members leave. */

import { faultsIn, type Mutant } from "./mutants.ts";

const LOG = faultsIn("room/line-log.ts", {
  "what is behind the wrap is lost": [
    "if (run.length > beforeWrap) this.#bytes.set(run.subarray(beforeWrap), 0);",
    "",
  ],
  "a gathered piece skips its wrap": [
    "if (beforeWrap < length) this.#bytes.copyWithin(target + beforeWrap, 0, length - beforeWrap);",
    "",
  ],
  "the log forgets one byte too many": [
    "return notesFull ? 0 : this.#ringBytes - (",
    "return notesFull ? 0 : this.#ringBytes + 1 - (",
  ],
  "a run is noted where another note still is": [
    "const notesFull = this.#nextRun - this.#firstRun > this.#slotMask;",
    "const notesFull = false;",
  ],
  "a member gets its own lines back": [
    "if (this.#endOf(reader.lastRun) > position) {",
    "if (this.#endOf(reader.lastRun) > Number.POSITIVE_INFINITY) {",
  ],
  "after a short write among own lines, the cursor counts them as taken": [
    "let left = this.#piece.length - taken;",
    "let left = this.#piece.length - taken;\n    if (left > 0) return position + taken;",
  ],
  "what a newcomer has not taken yet is forgotten": [
    "    this.#tail = Math.min(this.#tail, position);\n",
    "",
  ],
  "the end of a line is not found behind the wrap": [
    "(isWrapped ? this.#ringBytes + this.#bytes.indexOf(LF) : lf)",
    "(isWrapped ? this.#ringBytes : lf)",
  ],
  "a line that ends at a place is not found there": [
    "const lf = this.#bytes.indexOf(LF, at);",
    "const lf = this.#bytes.indexOf(LF, at + 1);",
  ],
  "what is kept takes the place of what is pending": [
    "this.#ringBytes = bytesMax + keptBytes;",
    "this.#ringBytes = Math.max(bytesMax, keptBytes);",
  ],
});

const LINES = faultsIn("room/line-buffer.ts", {
  "a line is cut where the log is full": ["run.lastIndexOf(LF, bytesMax - 1) + 1;", "bytesMax;"],
  "the tail at the end of input is dropped": ["this.push(Uint8Array.of(LF));", "return;"],
  "a line may be a byte longer than the limit": [
    "if (this.#unfinishedBytes + start > this.lineBytesMax) return",
    "if (this.#unfinishedBytes + start > this.lineBytesMax + 1) return",
  ],
  "an unfinished line leaves no room for its LF": [
    "if (this.#unfinishedBytes + chunk.length - end >= this.lineBytesMax) return",
    "if (this.#unfinishedBytes + chunk.length - end > this.lineBytesMax) return",
  ],
});

const TURNS = [
  ...faultsIn("room/fair-queue.ts", {
    "a sender that waits is not paused": ["    sender.pause?.();\n", ""],
    "a sender sends before those that wait": [
      "if (this.senders.length === 0) this.#sendQuantum(sender);",
      "this.#sendQuantum(sender);",
    ],
    "a sender sends on while others wait": ["left -= run.length;", ""],
    "one that has had its turn stays first": [
      "      this.senders.shift();\n      sender.isWaiting = hasMore;\n      if (hasMore) this.senders.push(sender);",
      "      if (!hasMore) this.senders.shift();\n      sender.isWaiting = hasMore;\n      if (hasMore) continue;",
    ],
    "one that waits is put into the queue again": ["    if (sender.isWaiting) return;\n", ""],
    "nothing is done after lines that are taken": [
      "this.#room.sent(sender, run);\n      this.#room.wake(0);",
      "this.#room.sent(sender, run);",
    ],
  }),
  ...faultsIn("room/member.ts", {
    "a sender is never resumed": ["    this.cursor.socket.resume();\n", ""],
    "what a member without room still has to send is dropped when it goes": [
      "    this.#room.doneWithLog(this, reason);\n    this.#room.send(this);",
      "    this.#room.doneWithLog(this, reason);\n    this.lines = { push() {}, end() {}, next: undefined, take: () => undefined, objection: undefined };\n    this.#room.send(this);",
    ],
    "a member that is gone and sends no more is not silent": [
      "    this.#room.doneWithLog(this, reason);\n    this.#room.send(this);",
      "    this.#room.doneWithLog(this, reason);",
    ],
    "a line that is too long is no reason to leave": [
      "this.#leaves ??= this.lines.objection ?? this.#end;",
      "this.#leaves ??= this.#end;",
    ],
    "a member that is disconnected and has nothing to send stays": [
      "    this.#leaves = { reason, message };\n",
      "    this.#leaves = { reason, message };\n    if (this.lines.next)",
    ],
    "a member whose connection was found to be gone leaves again when that is told": [
      "this.cursor.socket.data = GONE;",
      "",
    ],
    "a room that stops goes on reading": ["if (this.#room.isStopping || this.#leaves) return;", ""],
  }),
];

const SLOW_READERS = [
  ...faultsIn("room/slow-readers.ts", {
    "a stopped reader is dropped one retry late": [
      "clockMs - cursor.goalSetAtMs >= this.#patienceMs;",
      "clockMs - cursor.goalSetAtMs > this.#patienceMs;",
    ],
    "a slow reader is dropped without being offered more": [
      "if (retry || isOverdue) cursor.write();",
      "",
    ],
    "a byte taken resets the patience": [
      "cursor.goal = cursor.nextGoal;",
      "cursor.goal = Math.min(cursor.position + 1, cursor.end);",
    ],
    "a reader that has reached its goal gets no new one": [
      "if (cursor.reached >= cursor.goal) {",
      "if (cursor.goal === Number.NEGATIVE_INFINITY) {",
    ],
    "a new goal does not come with new time": [
      "cursor.goalSetAtMs = clockMs;",
      "cursor.goalSetAtMs ||= clockMs;",
    ],
    "only the readers in the way are offered more": [
      "if (retry || isOverdue) cursor.write();",
      "if (isInTheWay && (retry || isOverdue)) cursor.write();",
    ],
    "readers are dropped that are not in the way": [
      "const isOverdue = isInTheWay && ",
      "const isOverdue = ",
    ],
    "time in which nobody waited counts against readers": [
      "this.#heldUpSinceMs = isHeldUp ? now : undefined;",
      "this.#heldUpSinceMs = now + Number(isHeldUp) * 0;",
    ],
    "the alarm of a room that is held up is forgotten": [
      "return isHeldUp ? now + Math.min(RETRY_MS, this.#patienceMs) : Number.POSITIVE_INFINITY;",
      "return Number.POSITIVE_INFINITY;",
    ],
  }),
  ...faultsIn("room/cursor.ts", {
    "a reader has to take everything in each patience": [
      "const PROGRESS_BYTES = 64 << 10;",
      "const PROGRESS_BYTES = 64 << 20;",
    ],
    "a reader has to take a byte in each patience": [
      "const PROGRESS_BYTES = 64 << 10;",
      "const PROGRESS_BYTES = 1;",
    ],
    "a leaver has to take what was sent since as well": [
      "Math.min(this.reached + PROGRESS_BYTES, this.end)",
      "Math.min(this.reached + PROGRESS_BYTES, this.#room.log.head)",
    ],
  }),
];

const WRITING = [
  ...faultsIn("room/cursor.ts", {
    "a short count is taken for all": [
      "this.blocked = taken < length;",
      "this.blocked = taken < 0;",
    ],
    "a drain wakes nobody": [
      "    this.blocked = false;\n    this.#room.wake(0);",
      "    this.blocked = false;",
    ],
    "a newcomer gets what was sent before it came": [
      "this.position = room.log.head;",
      "this.position = room.log.tail;",
    ],
    "a leaver gets its EOF before it has everything": [
      "if (this.blocked) return false;",
      "if (this.blocked) break;",
    ],
    "a leaver gets what is sent after it has left": [
      "this.writeUpTo(Math.min(end, turnEnd)) && this.position === end",
      "this.writeUpTo(this.#room.log.head) && this.position >= end",
    ],
    "a cursor writes all there is in one turn": [
      "const TURN_BYTES = 256 << 10;",
      "const TURN_BYTES = 256 << 20;",
    ],
    "what is over a turn's part is forgotten": [
      "else if (!this.blocked && !this.gone) this.#room.wake(0);",
      "",
    ],
    "a write that fails is a write of nothing": [
      "if (taken < 0) this.socket.data.failed();",
      "if (taken < 0) return 0;",
    ],
  }),
  ...faultsIn("room/room.ts", {
    "nothing is pending for a blocked member when the log is released": [
      "for (const { cursor } of this.members) if (cursor.position < tail) tail = cursor.position;",
      "for (const { cursor } of this.members) if (!cursor.blocked) tail = cursor.position;",
    ],
    "one that has only a line for itself to get is passed over": ["cursor.backlog || ", ""],
    "a leaver that has everything already is passed over": [" || cursor.leaver)", ")"],
  }),
];

const LEAVING = [
  ...faultsIn("room/leaver.ts", {
    "a closed socket is written to again": ["if (this.#socket.data !== this) return;", ""],
    "a drain of the message is ignored": [
      "else if (this.#message.length > 0) this.#sendMessage();",
      "",
    ],
    "a drain that nobody waits for sends EOF again": [
      "else if (this.#message.length > 0) this.#sendMessage();",
      "else this.#sendMessage();",
    ],
    "a member that half-closed is reset": [
      "    this.#socket.shutdown();",
      "    this.#socket.terminate();",
    ],
    "one that has its message is reset": [
      "if (this.#message.length > 0) this.failed();",
      "if (this.#message.length >= 0) this.failed();",
    ],
    "one that does not take all of its message is closed in order": [
      "if (this.#message.length > 0) this.failed();",
      "if (this.#message.length < 0) this.failed();",
    ],
    "a leaver that still has to get something has all the time there is": [
      "    this.#room.pending.start(this);",
      "",
    ],
    "a leaver is judged too slow without being offered more": [
      "cursor.exhaust();\n    this.#room.wake(0);",
      "this.#room.wake(0);",
    ],
    "a leaver that goes on taking gets no more time": [
      "if (member.cursor.reached >= this.#goal) this.#expectProgress(member);\n    else ",
      "",
    ],
    "the goal of a leaver is not renewed": [
      "this.#goal = cursor.nextGoal;",
      "this.#goal ||= cursor.nextGoal;",
    ],
    "a leaver that takes nothing at all is kept": [
      "if (member.cursor.reached >= this.#goal)",
      "if (member.cursor.position >= 0)",
    ],
    "a leaver need not take a line for it alone": [
      "if (member.cursor.reached >= this.#goal)",
      "if (member.cursor.position >= this.#goal)",
    ],
    "a refusal has no message": ["`* ${message}\\n`", '""'],
    "an answer of another protocol is sent as a line": [
      'message === undefined || message.endsWith("\\n")',
      "message === undefined",
    ],
  }),
  ...faultsIn("room/room.ts", {
    "a leaver gets its patience and no time to linger": [
      "new Deadlines(patienceMs + lingerMs, now)",
      "new Deadlines(patienceMs, now)",
    ],
    "nobody looks after leavers": ["      dueAtMs = Math.min(dueAtMs, due.dueAtMs);\n", ""],
    "a member that is gone while it waits keeps its seat": [
      "if (gone) member.releaseSeat();\n    else ",
      "if (!gone) ",
    ],
    "a member gives its seat back before its lines are in the log": [
      "if (member.isSilent) member.releaseSeat();",
      "member.releaseSeat();",
    ],
    "a leaver gives its seat back before it has everything": [
      "if (gone) member.releaseSeat();\n    else ",
      "member.releaseSeat();\n    if (!gone) ",
    ],
    "one that is silent is told to be so twice": ["    if (member.isSilent) return;\n", ""],
    "a refusal is not reported": [
      "    this.reportRefusal(label, reason);\n    new Leaver",
      "    new Leaver",
    ],
    "a refused newcomer is closed before it has read why": [
      "new Leaver(this, socket, { reason, message });",
      "new Leaver(this, socket, { reason, message });\n    socket.end();",
    ],
    "a room that stops does not wait for those that wait": [
      "if (this.isStopping && this.isSettled)",
      "if (this.isStopping)",
    ],
    "at the end of the grace time, those that linger are forgotten": [
      "for (const leaver of this.lingering.over()) leaver.late();",
      "",
    ],
    "at the end of the grace time, those that still have to get something are forgotten": [
      "for (const leaver of this.pending.over()) leaver.failed();",
      "",
    ],
    "at the end of the grace time, those that wait for room are forgotten": [
      "for (const { cursor } of this.members) cursor.socket.data.failed(STOPPING.reason);",
      "",
    ],
  }),
  ...faultsIn("room/socket.ts", {
    "a connection that waits for the end of TLS is forgotten": [
      "if (socket.data !== GONE) socket.terminate();",
      "",
    ],
  }),
  ...faultsIn("room/deadlines.ts", {
    "a new deadline keeps its old place": [
      "    this.#atMs.delete(item);\n    this.#atMs.set(",
      "    this.#atMs.set(",
    ],
    "a deadline is missed by a millisecond": ["if (now < atMs) break;", "if (now <= atMs) break;"],
    "the newest that lingers makes room": [
      "return this.#atMs.keys().next().value;",
      "return [...this.#atMs.keys()].pop();",
    ],
  }),
];

export const ROOM_MUTANTS: readonly Mutant[] = [
  ...LOG,
  ...LINES,
  ...TURNS,
  ...SLOW_READERS,
  ...WRITING,
  ...LEAVING,
];
