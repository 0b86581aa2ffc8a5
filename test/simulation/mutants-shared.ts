/** Faults in the order that several servers share. */

import type { Mutant } from "./mutants.ts";

export const SHARED_MUTANTS: readonly Mutant[] = [
  {
    fault: "a batch that is sent again gets a number of its own, and a second place",
    file: "redis/stream-order.ts",
    code: "this.#session.add({ ...by, lines,",
    becomes: "this.#session.add({ ...by, ...(lines && { number: number + 1 }), lines,",
  },
  {
    fault: "what is on its way when a connection is lost is not sent again",
    file: "redis/batches.ts",
    code: "  sendAgain(): void {\n    this.#sent = 0;\n",
    becomes: "  sendAgain(): void {\n",
  },
  {
    fault: "a batch that was sent grows, and is sent again with more in it",
    file: "redis/batches.ts",
    code: "batch && batch.number > this.#lastSent && batch",
    becomes: "batch && this.hasUnsent && batch",
  },
  {
    fault: "a batch that comes back before it is sent again upsets the count",
    file: "redis/batches.ts",
    code: "this.#sent = Math.max(0, this.#sent - 1);",
    becomes: "this.#sent--;",
  },
  {
    fault: "a gap is not noticed",
    file: "redis/receiving.ts",
    code: "if (after !== this.position || (",
    becomes: "if ((after !== this.position && after === '') || (",
  },
  {
    fault: "what others have not read is trimmed",
    file: "redis/stream-order.ts",
    code: "const { tail, read } = this.#receiving;",
    becomes: "const { read, read: tail } = this.#receiving;",
  },
  {
    fault: "nothing is ever trimmed",
    file: "redis/stream-order.ts",
    code: "const { tail, read } = this.#receiving;",
    becomes: "const [tail, read] = ['0-0', this.#receiving.read];",
  },
  {
    fault: "more is sent than others have read",
    file: "redis/receiving.ts",
    code: "this.#batches.readByAll(this.tail);",
    becomes: "this.#batches.readByAll(this.read);",
  },
  {
    fault: "others are never told how far this server has read",
    file: "redis/stream-order.ts",
    code: "batch === this.#last ? GONE : read,",
    becomes: "batch === this.#last ? GONE : '0-0',",
  },
  {
    fault: "own lines are received as those of others are",
    file: "redis/receiving.ts",
    code: "if (!isOwn) this.#add(",
    becomes: "if (!isOwn || lines !== '') this.#add(",
  },
  {
    fault: "the answer to another batch counts as that to the last one",
    file: "redis/stream-order.ts",
    code: "if (batch === this.#last) this.end();",
    becomes: "if (this.#last !== undefined) this.end();",
  },
  {
    fault: "a server that has left is still waited for",
    file: "redis/peers.ts",
    code: "if (read === GONE) return void this.#peers.delete(by);",
    becomes: "if (read === GONE) return;",
  },
  {
    fault: "a silent server is waited for without end",
    file: "redis/peers.ts",
    code: "this.#nowMs - SILENCE_MS;",
    becomes: "this.#nowMs - 1e9;",
  },
  {
    fault: "the others are considered down while the stream stands still",
    file: "redis/peers.ts",
    code: "Math.min(STEP_MS_MAX, Number.parseInt(id) - Number.parseInt(this.#last));",
    becomes: "Number.parseInt(id) - Number.parseInt(this.#last);",
  },
  {
    fault: "an answer that never comes is waited for",
    file: "redis/session.ts",
    code: "this.clockMs - this.#dueSinceMs >= LATE_MS;",
    becomes: "this.clockMs - this.#dueSinceMs >= 1e9;",
  },
  {
    fault: "after a restart, new members get what the last ones were to get",
    file: "redis/stream-order.ts",
    code: "[...this.#receiving.drop(), ...batches",
    becomes: "[...batches",
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
    code: "const mayJoin = this.#session.isMember &&",
    becomes: "const mayJoin =",
  },
  {
    fault: "lines that are lost with the position are not counted",
    file: "redis/stream-order.ts",
    code: "for (const { run } of batch.pieces) lose(run);",
    becomes: "for (const { run } of batch.pieces) lose(run.subarray(0, 0));",
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
    code: "    this.#batches.add({ ...EMPTY, done });\n",
    becomes: "    done();\n",
  },
  {
    fault: "a stop does not wait for what members have sent",
    file: "redis/stream-order.ts",
    code: "return this.#batches.pieces === 0;",
    becomes: "return true;",
  },
  {
    fault: "lines are cut where the log is full",
    file: "redis/receiving.ts",
    code: "return bytesMax > 0 ? run.lastIndexOf(LF, bytesMax - 1) + 1 : 0;",
    becomes: "return bytesMax;",
  },
  {
    fault: "a part of an entry that was moved is moved again",
    file: "redis/receiving.ts",
    code: "const rest = run.subarray(this.#offset);",
    becomes: "const rest = run.subarray(this.#offset && 0);",
  },
  {
    fault: "nobody is woken when there is room again for what senders send",
    file: "redis/stream-order.ts",
    code: "    this.moveToLog();\n    this.#room?.wake(0);\n  }\n",
    becomes: "    this.moveToLog();\n  }\n",
  },
  {
    fault: "any number of batches is on its way at a time",
    file: "redis/stream-order.ts",
    code: "this.#batches.take(UNANSWERED_MAX - this.#session.due)",
    becomes: "this.#batches.take(100)",
  },
  {
    fault: "lines of members and notices share a batch",
    file: "redis/batches.ts",
    code: "batch.isPassing !== isPassing;",
    becomes: "false;",
  },
  {
    fault: "notices of other servers count as lines of members",
    file: "redis/receiving.ts",
    code: "isPassing ? this.#passingOthers : this.#others",
    becomes: "isPassing ? this.#others : this.#others",
  },

  // Names.
  {
    fault: "a name that a member elsewhere has is given all the same",
    file: "redis/receiving.ts",
    code: 'answer(granted[at] === "1");',
    becomes: 'answer(granted !== "");',
  },
  {
    fault: "a client joins before it is known whose name it is",
    file: "extras/names/names.ts",
    code: "if (reservations && !before) return",
    becomes: "if (reservations && before?.name === '') return",
  },
  {
    fault: "a name is free before what was sent under it has its place",
    file: "extras/names/names.ts",
    code: "  left(member: Member): void {",
    becomes: "  gone(member: Member): void {",
  },
  {
    fault: "a name is never given back",
    file: "redis/stream-order.ts",
    code: "release: (key) => this.#request(`release ${key}`),",
    becomes: "release: () => {},",
  },
  {
    fault: "a server that is considered down goes on with its names",
    file: "redis/stream-order.ts",
    code: "if (this.#options.names) this.#request(`drop ${name}`);",
    becomes: "",
  },
];
