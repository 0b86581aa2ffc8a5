/** Faults in the core that operators would not make: in what is sent, received and waited for. */

import { faultsIn, type Mutant } from "../harness/faults.ts";

export const ROOM_MUTANTS: readonly Mutant[] = [
  ...faultsIn("lib/room/line-log.ts", {
    "a run is noted where another note still is":
      "notesFull = this.#nextRun - this.#firstRun > this.#slotMask; ==> notesFull = false;",
    "a member gets its own lines back": "reader.lastRun) > position ==> reader.lastRun) > Infinity",
    "after a short write among own lines, the cursor counts them as taken": [
      "let left = this.#piece.length - taken;",
      "let left = this.#piece.length - taken;\n    if (left > 0) return position + taken;",
    ],
    "the end of a line is not found behind the wrap":
      "(isWrapped ? this.#ringBytes + this.#bytes.indexOf(LF) : ==> (isWrapped ? this.#ringBytes :",
    "what is kept takes the place of what is pending":
      "this.#ringBytes = bytesMax + keptBytes ==> this.#ringBytes = Math.max(bytesMax, keptBytes)",
  }),
  ...faultsIn("lib/room/line-buffer.ts", {
    "a line is cut where the log is full": "run.lastIndexOf(LF, bytesMax - 1) + 1 ==> bytesMax",
  }),
  ...faultsIn("lib/room/fair-queue.ts", {
    "a sender sends before those that wait": "if (this.senders.length === 0) ==>",
    "a line that is longer than a quantum is never taken":
      "?? (isFirst ? take(this.#lineBytesMax) : undefined) ==>",
    "a line longer than a quantum is taken behind others": "(isFirst ? take ==> (sender ? take",
    "a turn is as long as the longest line can be": "left = this. ==> left = 2 * this.",
  }),
  ...faultsIn("lib/room/member.ts", {
    "a line that is too long is no reason to leave": "this.lines.objection ?? ==>",
  }),
  ...faultsIn("lib/room/slow-readers.ts", {
    "a byte taken resets the patience":
      "cursor.goal = cursor.nextGoal; ==> cursor.goal = Math.min(cursor.position + 1, cursor.end);",
    "a reader that has reached its goal gets no new one":
      "if (cursor.reached >= cursor.goal) { ==> if (cursor.goal === Number.NEGATIVE_INFINITY) {",
    "only the readers in the way are offered more":
      "retry || isOverdue) cursor ==> isInTheWay && (retry || isOverdue)) cursor",
    "readers are dropped that are not in the way": ["isOverdue = isInTheWay && ", "isOverdue = "],
    "time in which nobody waited counts against readers":
      "#heldUpSinceMs = isHeldUp ? now : undefined ==> #heldUpSinceMs = now + Number(isHeldUp) * 0",
    "the alarm of a room that is held up is forgotten":
      "return isHeldUp ? now + Math.min(RETRY_MS, this.#patienceMs) : Number. ==> return Number.",
  }),
  ...faultsIn("lib/room/cursor.ts", {
    "a reader has to take everything in each patience": "= 64 << 10 ==> = 64 << 20",
    "a short count is taken for all": ".blocked = taken < length ==> .blocked = taken < 0",
    "a newcomer gets what was sent before it came": "= room.log.head; ==> = room.log.tail;",
    "a leaver gets its EOF before it has everything": "blocked) return false ==> blocked) break",
    "a leaver gets what is sent after it has left":
      "Math.min(end, turnEnd)) && this.position === ==> this.#room.log.head) && this.position >=",
    "a cursor writes all there is in one turn": "= 256 << 10 ==> = 256 << 20",
    "a leaver has to take what was sent since as well": ", this.end) ==> , this.#room.log.head)",
  }),
  ...faultsIn("lib/room/room.ts", {
    "nothing is pending for a blocked member when the log is released":
      ".members) if (cursor.position < tail ==> .members) if (!cursor.blocked",
    "one that has only a line for itself to get is passed over": ["cursor.backlog || ", ""],
    "a leaver that has everything already is passed over": [" || cursor.leaver)", ")"],
    "a leaver gets its patience and no time to linger":
      "new Deadlines(patienceMs + lingerMs, now) ==> new Deadlines(patienceMs, now)",
    "a member gives its seat back before its lines are in the log":
      "if (member.hasLeft) member.releaseSeat(); ==> member.releaseSeat();",
    "a refused newcomer is closed before it has read why":
      "socket, { reason, message }); ==> socket, { reason, message }); socket.end();",
    "a room that stops does not wait for those that wait":
      "if (this.isStopping && this.isSettled) ==> if (this.isStopping)",
    "names are not counted in the longest line":
      "this, quantumBytes, this.loggedBytesMax) ==> this, quantumBytes, this.lineBytesMax)",
    "a leaver gives its seat back at once":
      "if (gone) member.releaseSeat(); ==> member.releaseSeat(); if (gone) ;",
  }),
  ...faultsIn("lib/room/leaver.ts", {
    "a member that half-closed is reset": "this.#socket.shutdown(); ==> this.#socket.terminate();",
    "the goal of a leaver is not renewed":
      "this.#goal = cursor.nextGoal; ==> this.#goal ||= cursor.nextGoal;",
    "a leaver that takes nothing at all is kept":
      "if (member.cursor.reached >= this.#goal) ==> if (member.cursor.position >= 0)",
    "a refusal has no message": '`* ${message}\\n` ==> ""',
    "an answer of another protocol is sent as a line": [' || message.endsWith("\\n")', ""],
    "a leaver need not take a line for it alone": "reached >= this ==> position >= this",
  }),
  ...faultsIn("lib/room/deadlines.ts", {
    "the newest that lingers makes room":
      "return this.#atMs.keys().next().value; ==> return [...this.#atMs.keys()].pop();",
  }),
];
