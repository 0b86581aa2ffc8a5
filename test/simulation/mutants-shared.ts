/** Faults in the order that several servers share. */

import { faultsIn, type Mutant } from "../harness/faults.ts";

export const SHARED_MUTANTS: readonly Mutant[] = [
  ...faultsIn("redis/outgoing.ts", {
    "what has come back before this server joined again is added again": [
      "if (number !== batch?.number) return undefined;",
      "if (number !== batch?.number || isLate) return undefined;",
    ],
    "what is on its way when a connection is lost is not sent again": [
      "for (const batch of this.#batches) batch.isSent = false;",
      "",
    ],
    "the memory of what is sent is used again too early": [
      "new Uint8Array(2 * bytesMax);",
      "new Uint8Array(bytesMax);",
    ],
    "lines of members and notices share a batch": [
      "batch.isPassing === isPassing && byteOffset",
      "byteOffset",
    ],
    "a name that a member elsewhere has is given all the same": [
      'granted[at] === "1");',
      'granted !== "");',
    ],
    "a name is never given back": ["this.add({ request: `release ${key}` });", "void 0;"],
    "a name that is given back before it was granted stays with this server": [
      "this.#claims.delete(key);",
      "void 0;",
    ],
    "a name that was granted before a server was considered down counts as its own": [
      "answer(isLate ? undefined :",
      "answer(isLate && at < 0 ? undefined :",
    ],
  }),
  ...faultsIn("redis/session.ts", {
    "it sends before it has read that it joined again": [
      "    if (order.isHere)\n      for",
      "    if (order.isMember)\n      for",
    ],
    "the answer to another batch counts as that to the last one": [
      'if (!entry.requests.includes("leave")) return;',
      "if (!this.#onLeft) return;",
    ],
    "heartbeats follow each other at once when an answer was late": [
      "this.#wakeIn(BEAT_MS);",
      "this.#wakeIn(0);",
    ],
    "nobody is woken when there is room again for what senders send": [
      "      this.#isReading = isMore;\n      order.room?.wake(0);\n",
      "      this.#isReading = isMore;\n",
    ],
    "history that was read in part is there twice once it was read again": [
      'if (trouble === "out of sync" || order.hasPart)',
      'if (trouble === "out of sync")',
    ],
    "any number of batches is on its way at a time": [
      "order.take(UNANSWERED_MAX - this.#unanswered)",
      "order.take(100)",
    ],
    "a server that is considered down stays where all see it": [
      "this.#link?.drop(name, state,",
      "void ((_name: string, _state: string, _done: unknown) => {})(name, state,",
    ],
  }),
  ...faultsIn("redis/stream-order.ts", {
    "a gap is not noticed": [
      "after !== this.position && this.position !== START;",
      "after === '' && this.position !== START;",
    ],
    "that the stream does not have what it had is not noticed if nothing follows": [
      "entries.length === 0 && compareIds(last, this.position) > 0",
      "entries.length < 0 && last === this.position",
    ],
    "what others have not read is trimmed": [
      "const tail = peers.tail(read, kept.start);",
      "const tail = kept.start;",
    ],
    "what all have read is trimmed at once": [
      "const tail = peers.tail(read, kept.start);",
      "const tail = peers.tail(read);",
    ],
    "nothing is ever trimmed": [
      "const tail = peers.tail(read, kept.start);",
      "const tail = START;",
    ],
    "more is sent than others have read": [
      "this.#readHead = log.head;\n    this.outgoing.release(this.peers.tail(this.read));",
      "this.#readHead = log.head;\n    this.outgoing.release(this.read);",
    ],
    "others are never told how far this server has read": [
      "return { by, number, read, tail, lines, isPassing, requests };",
      "return { by, number, read: START, tail, lines, isPassing, requests };",
    ],
    "own lines are received as those of others are": [
      "if (own) this.#placed.push(...own.pieces);",
      "if (own) this.#placed.push({ author: this.#others, run: own.lines });",
    ],
    "what waits for room in the log is where the next entries will be": [
      "for (const piece of this.#placed.slice(left)) piece.run = new Uint8Array(piece.run);",
      "",
    ],
    "after a restart, new members get what the last ones were to get": [
      "    this.#placed = [];\n    this.isMember",
      "    this.isMember",
    ],
    "clients join while the server is out of sync": [
      "return this.isMember && this.outgoing.pieces",
      "return this.outgoing.pieces",
    ],
    "lines that are lost with the position are not counted": [
      "if (areBatchesLost && !author.isPassing) lose(run);",
      "void run;",
    ],
    "a member leaves before what it has sent has a place": [
      "else this.outgoing.add({ done });",
      "else done();",
    ],
    "a stop does not wait for what members have sent": [
      "return this.outgoing.pieces === 0 && !this.isHeldUp();",
      "return true;",
    ],
    "lines are cut where the log is full": [
      "run.lastIndexOf(LF, log.freeBytes - 1) + 1 : 0;",
      "Math.min(run.length, log.freeBytes) : 0;",
    ],
    "a part of an entry that was moved is moved again": [
      "piece.run = run.subarray(end);\n",
      "if (end === run.length) piece.run = run.subarray(end);\n",
    ],
    "notices of other servers count as lines of members": [
      "isPassing ? this.#passingOthers : this.#others",
      "isPassing ? this.#others : this.#others",
    ],
    "a server that comes back has lost the names of its members": [
      "instead, keys: this.outgoing.keys };",
      "instead, keys: [] as string[] };",
    ],
  }),
  ...faultsIn("redis/peers.ts", {
    "what was there before a server knows of it is trimmed": [
      "{ ...this.#read, id: START, atMs }",
      '{ ...this.#read, id: "9999999-0", atMs }',
    ],
    "a silent server is waited for without end": [
      "silentLooks >= SILENT_LOOKS",
      "silentLooks >= 1e9",
    ],
    "a server is considered down after a second": [
      "silentLooks >= SILENT_LOOKS",
      "silentLooks >= 1",
    ],
    "one that has joined since the last look is not waited for": [
      "else this.#peers.set(by, { state: NEW, read, silentLooks: 0, isUp: false });",
      "void NEW;",
    ],
  }),
  ...faultsIn("room/room.ts", {
    "a member that waits for its turn stays in the room that follows": [
      "    this.#queue.takeTurns();\n    for (const member of",
      "    for (const member of",
    ],
    "members stay when the server is out of sync": [
      "sender.abandonLines(why, onLost);\n    this.#queue.takeTurns();\n    for (const member of this.members) if (!member.isWaiting) this.#leave(member, why);\n",
      "void [why, onLost];\n",
    ],
  }),
  ...faultsIn("room/member.ts", {
    "lines that waited for their turn are not counted when they are lost": [
      "run = take()) onRun(run);",
      "run = take()) onRun(run.subarray(0, 0));",
    ],
  }),
  ...faultsIn("extras/names/names.ts", {
    "a client joins before it is known whose name it is": [
      "if (this.#reservations && !before) return",
      "if (this.#reservations && before?.name === '') return",
    ],
    "a name is free before what was sent under it has its place": [
      "  left(member: Member, reason: string): void {",
      "  gone(member: Member, reason: string): void {",
    ],
  }),
];
