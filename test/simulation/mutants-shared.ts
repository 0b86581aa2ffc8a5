/** Faults in the order that several servers share. */

import { faultsIn, type Mutant } from "../harness/faults.ts";

export const SHARED_MUTANTS: readonly Mutant[] = [
  ...faultsIn("lib/redis/outgoing.ts", {
    "what has come back before this server joined again is added again":
      ".number) return undefined ==> .number || isLate) return undefined",
    "what is on its way when a connection is lost is not sent again":
      "return (this.#joinNumber = ++this.number); ==> return ++this.number;",
    "what is sent is kept in memory that is used again":
      "{ author, run: new Uint8Array(run) } ==> { author, run }",
    "lines of members and notices share a batch": [" || batch.isPassing !== isPassing", ""],
    "any number of batches is on its way at a time":
      ".slice(sent, ON_THEIR_WAY_MAX ==> .slice(sent, sent + ON_THEIR_WAY_MAX",
    "a name that a member elsewhere has is given all the same":
      'granted[at] === "1"); ==> granted !== "");',
    "a name that was granted before a server was considered down counts as its own":
      "answer(isLate ? undefined : ==> answer(isLate && at < 0 ? undefined :",
  }),
  ...faultsIn("lib/redis/session.ts", {
    "a name is never given back": "add({ request: `release ${key}` }); ==> void 0;",
    "a name that is given back before it was granted stays with this server":
      "reservations.delete(key); ==> void 0;",
    "it sends before it has read that it joined again":
      "if (order.isHere) for ==> if (order.isMember) for",
    "a server ends before what it has sent last is known to have its place":
      'this.order.add({ request: "leave", done }) ==> done(), this.order.add({ request: "leave" })',
    "heartbeats follow each other at once when an answer was late":
      "this.#wakeIn(BEAT_MS); ==> this.#wakeIn(0);",
    "nobody is woken when there is room again for what senders send":
      "order.room?.wake(0);\n      const ==> const",
    "history that was read in part is there twice once it was read again":
      'trouble === "out of sync" || !(order.isMember || order.isNew) ==> trouble === "out of sync"',
    "a server that is considered down stays where all see it":
      "this.#link?.drop(name ==> void ((_name: string, _state: string, _done: unknown) => {})(name",
    "a server that comes back has lost the names of its members":
      "keys: this.reservations.granted() } ==> keys: [] }",
  }),
  ...faultsIn("lib/redis/stream-order.ts", {
    "a gap is not noticed":
      "!== this.position && this.position !== START; ==> === '' && this.position !== START;",
    "that the stream does not have what it had is not noticed if nothing follows":
      "=== 0 && compareIds(last, this.position) > 0 ==> < 0 && last === this.position",
    "what others have not read is trimmed":
      "const tail = peers.tail(read, kept.start); ==> const tail = kept.start;",
    "what all have read is trimmed at once": ".tail(read, kept.start); ==> .tail(read);",
    "nothing is ever trimmed": "const tail = peers.tail(read, kept.start); ==> const tail = START;",
    "more is sent than others have read":
      "this.outgoing.release(this.peers.tail(this.read)); ==> this.outgoing.release(this.read);",
    "others are never told how far this server has read":
      "by, number, read, tail, runs, isPassing ==> by, number, read: START, tail, runs, isPassing",
    "after a restart, new members get what the last ones were to get": [
      "    this.#placed = [];\n    this.isMember",
      "    this.isMember",
    ],
    "clients join while the server is out of sync": ".isMember && this.outgoing ==> .outgoing",
    "a member leaves before what it has sent has a place":
      "else this.add({ done }); ==> else done();",
    "a stop does not wait for what members have sent":
      "return this.outgoing.pieces === 0 && !this.isHeldUp(); ==> return true;",
    "lines are cut where the log is full":
      "run.lastIndexOf(LF, log.freeBytes - 1) + 1 : 0 ==> Math.min(run.length, log.freeBytes) : 0",
    "a part of an entry that was moved is moved again":
      "piece.run = run.subarray ==> if (end === run.length) piece.run = run.subarray",
    "notices of other servers count as lines of members":
      "isPassing ? this.#passingOthers : this.#others ==> isPassing ? this.#others : this.#others",
    "own lines are as those of others":
      "...own.pieces); ==> ...own.pieces.map((piece) => ({ ...piece, author })));",
  }),
  ...faultsIn("lib/redis/peers.ts", {
    "what was there before a server knows of it is trimmed":
      '[{ id: START, atMs, read: this.#read }] ==> [{ id: "9999999-0", atMs, read: this.#read }]',
    "a silent server is waited for without end":
      "silentLooks >= SILENT_LOOKS ==> silentLooks >= 1e9",
    "a server is considered down after a second":
      "silentLooks >= SILENT_LOOKS ==> silentLooks >= 1",
    "one that has joined since the last look is not waited for":
      "else this.#peers.set(by, { state: NEW, read, silentLooks: 0, isUp: false }); ==> void NEW;",
  }),
  ...faultsIn("lib/room/room.ts", {
    "members stay when the server is out of sync": [
      "sender.abandonLines(why, onLost);\n    this.#queue.takeTurns();\n    for (const member of this.members) if (!member.isWaiting) this.#leave(member, why);\n",
      "void [why, onLost];\n",
    ],
  }),
  ...faultsIn("lib/room/member.ts", {
    "lines that waited for their turn are not counted when they are lost":
      "run = take()) onRun(run); ==> run = take()) onRun(run.subarray(0, 0));",
  }),
  ...faultsIn("lib/extras/names/names.ts", {
    "a client joins before it is known whose name it is":
      "#reservations && !before ==> #reservations && before?.name === ''",
    "a name is free before what was sent under it has its place":
      "left(member: Member, reason: string): void ==> gone(member: Member, reason: string): void",
  }),
];
