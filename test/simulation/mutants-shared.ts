/** Faults in the order that several servers share. */

import type { Mutant } from "./mutants.ts";

export const SHARED_MUTANTS: readonly Mutant[] = [
  {
    fault: "a batch that is sent again gets a number of its own, and a second place",
    file: "redis/session.ts",
    code: "this.#link?.add(entry, () => {",
    becomes: "this.#link?.add({ ...entry, number: entry.number + (entry.lines ? 1 : 0) }, () => {",
  },
  {
    fault: "what is on its way when a connection is lost is not sent again",
    file: "redis/stream-order.ts",
    code: "    this.#sent = 0;\n    this.#toldAtMs",
    becomes: "    this.#toldAtMs",
  },
  {
    fault: "a batch that comes back before it is sent again upsets the count",
    file: "redis/stream-order.ts",
    code: "this.#sent = Math.max(0, this.#sent - 1);",
    becomes: "this.#sent--;",
  },
  {
    fault: "a gap is not noticed",
    file: "redis/stream-order.ts",
    code: "if (after !== this.position || (",
    becomes: "if ((after !== this.position && after === '') || (",
  },
  {
    fault: "what others have not read is trimmed",
    file: "redis/stream-order.ts",
    code: "this.#read, this.peers.tail(this.#read)];",
    becomes: "this.#read, this.#read];",
  },
  {
    fault: "nothing is ever trimmed",
    file: "redis/stream-order.ts",
    code: "this.#read, this.peers.tail(this.#read)];",
    becomes: "this.#read, '0-0'];",
  },
  {
    fault: "more is sent than others have read",
    file: "redis/stream-order.ts",
    code: "const tail = this.peers.tail(this.#read);",
    becomes: "const tail = this.#read;",
  },
  {
    fault: "others are never told how far this server has read",
    file: "redis/stream-order.ts",
    code: "[this.name, this.#read, this",
    becomes: "[this.name, '0-0', this",
  },
  {
    fault: "own lines are received as those of others are",
    file: "redis/stream-order.ts",
    code: "if (isOwn) this.#takeBack(entry);\n    else this.#place(",
    becomes: "if (isOwn) this.#takeBack(entry);\n    if (!isOwn || lines !== '') this.#place(",
  },
  {
    fault: "the answer to another batch counts as that to the last one",
    file: "redis/session.ts",
    code: "if (entry.read !== GONE) return;",
    becomes: "if (!this.#onLeft) return;",
  },
  {
    fault: "a server that has left is still waited for",
    file: "redis/stream.ts",
    code: "if (read === GONE) this.#peers.delete(by);",
    becomes: "if (read === GONE) return;",
  },
  {
    fault: "a silent server is waited for without end",
    file: "redis/stream.ts",
    code: "this.#nowMs - SILENCE_MS;",
    becomes: "this.#nowMs - 1e9;",
  },
  {
    fault: "the others are considered down while the stream stands still",
    file: "redis/stream.ts",
    code: "Math.min(STEP_MS_MAX, Number.parseInt(id) - Number.parseInt(after));",
    becomes: "Number.parseInt(id) - Number.parseInt(after);",
  },
  {
    fault: "after a restart, new members get what the last ones were to get",
    file: "redis/stream-order.ts",
    code: "[this.#placed, this.#batches, this.#unsent, this.#unread] = [[], [], [], []];",
    becomes: "[this.#batches, this.#unsent, this.#unread] = [[], [], []];",
  },
  {
    fault: "members stay when the server is out of sync",
    file: "room/room.ts",
    code: "sender.abandonLines(why, onLost);\n    for (const member of this.members) if (!member.isWaiting) this.#leave(member, why);\n",
    becomes: "void [why, onLost];\n",
  },
  {
    fault: "clients join while the server is out of sync",
    file: "redis/stream-order.ts",
    code: "return this.isMember && this.#pieces",
    becomes: "return this.#pieces",
  },
  {
    fault: "lines that are lost with the position are not counted",
    file: "redis/stream-order.ts",
    code: "if (areBatchesLost && !author.isPassing) lose(run);",
    becomes: "void run;",
  },
  {
    fault: "lines that waited for their turn are not counted when they are lost",
    file: "room/member.ts",
    code: "run = take()) onRun(run);",
    becomes: "run = take()) onRun(run.subarray(0, 0));",
  },
  {
    fault: "a member leaves before what it has sent has a place",
    file: "redis/stream-order.ts",
    code: "else this.add({ done });",
    becomes: "else done();",
  },
  {
    fault: "a stop does not wait for what members have sent",
    file: "redis/stream-order.ts",
    code: "return this.#pieces === 0 && !this.isHeldUp();",
    becomes: "return true;",
  },
  {
    fault: "lines are cut where the log is full",
    file: "redis/stream-order.ts",
    code: "run.lastIndexOf(LF, log.freeBytes - 1) + 1 : 0;",
    becomes: "Math.min(run.length, log.freeBytes) : 0;",
  },
  {
    fault: "a part of an entry that was moved is moved again",
    file: "redis/stream-order.ts",
    code: "piece.run = run.subarray(end);\n",
    becomes: "if (end === run.length) piece.run = run.subarray(end);\n",
  },
  {
    fault: "nobody is woken when there is room again for what senders send",
    file: "redis/session.ts",
    code: "    this.#isReading = false;\n    order.room?.wake(0);\n",
    becomes: "    this.#isReading = false;\n",
  },
  {
    fault: "any number of batches is on its way at a time",
    file: "redis/session.ts",
    code: "order.take(UNANSWERED_MAX - this.#unanswered)",
    becomes: "order.take(100)",
  },
  {
    fault: "lines of members and notices share a batch",
    file: "redis/stream-order.ts",
    code: "run.length > 0 && isPassing !== (kind ??= isPassing)",
    becomes: "(kind ??= isPassing) === undefined",
  },
  {
    fault: "notices of other servers count as lines of members",
    file: "redis/stream-order.ts",
    code: "isPassing ? this.#passingOthers : this.#others",
    becomes: "isPassing ? this.#others : this.#others",
  },

  // Names.
  {
    fault: "a name that a member elsewhere has is given all the same",
    file: "redis/stream-order.ts",
    code: 'answer(granted[at] === "1");',
    becomes: 'answer(granted !== "");',
  },
  {
    fault: "a client joins before it is known whose name it is",
    file: "extras/names/names.ts",
    code: "if (this.#reservations && !before) return",
    becomes: "if (this.#reservations && before?.name === '') return",
  },
  {
    fault: "a name is free before what was sent under it has its place",
    file: "extras/names/names.ts",
    code: "  left(member: Member): void {",
    becomes: "  gone(member: Member): void {",
  },
  {
    fault: "a name is never given back",
    file: "redis/session.ts",
    code: "release: (key) => this.order.add({ request: `release ${key}` }),",
    becomes: "release: () => {},",
  },
  {
    fault: "a server that is considered down goes on with its names",
    file: "redis/session.ts",
    code: "if (names) this.order.add({ request: `drop ${name}` });",
    becomes: "",
  },
];
