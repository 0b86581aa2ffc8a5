/** Faults in the order that several servers share. */

import type { Mutant } from "./mutants.ts";

export const SHARED_MUTANTS: readonly Mutant[] = [
  {
    fault: "a batch that is sent again gets a number of its own, and a second place",
    file: "redis/batches.ts",
    code: "const number = (batch.number ??= this.#nextNumber++);",
    becomes: "const number = (batch.number = this.#nextNumber++);",
  },
  {
    fault: "what is on its way when a connection is lost is not sent again",
    file: "redis/stream-order.ts",
    code: "    this.#batches.sendAgainAfter(this.#hearing.thread.receivedNumber);\n",
    becomes: "",
  },
  {
    fault: "a gap is not noticed",
    file: "redis/thread.ts",
    code: "if (after !== this.received || ",
    becomes: "if ((after !== this.received && after === '') || ",
  },
  {
    fault: "that own batches have no place any more is not noticed when nothing comes",
    file: "redis/thread.ts",
    code: "return this.receivedNumber < this.#numberToRead ? FORGOTTEN : undefined;",
    becomes: "return undefined;",
  },
  {
    fault: "what others have not read is trimmed",
    file: "redis/stream-order.ts",
    code: "const { tail } = this.#hearing;",
    becomes: "const { heard: tail } = this.#hearing;",
  },
  {
    fault: "nothing is ever trimmed",
    file: "redis/stream-order.ts",
    code: "const { tail } = this.#hearing;",
    becomes: "const tail = '0-0';",
  },
  {
    fault: "more is said than others have read",
    file: "redis/hearing.ts",
    code: "this.#batches.readByAll(this.tail);",
    becomes: "this.#batches.readByAll(this.heard);",
  },
  {
    fault: "others are never told how far this server has read",
    file: "redis/stream-order.ts",
    code: "this.#say(next, heard);",
    becomes: "this.#say(next, '0-0');",
  },
  {
    fault: "own lines are heard as those of others are",
    file: "redis/hearing.ts",
    code: "const pieces = isOwn ?",
    becomes: "const pieces = isOwn && lines === '' ?",
  },
  {
    fault: "a goodbye is not counted: it has the number of what was said before",
    file: "redis/batches.ts",
    code: "    this.addEmpty();\n    return this.#send();",
    becomes: "    this.addEmpty();\n    this.#nextNumber--;\n    return this.#send();",
  },
  {
    fault: "the answer to another batch counts as that to the goodbye",
    file: "redis/stream-order.ts",
    code: "if (number === this.#goodbye) this.end();",
    becomes: "if (this.#goodbye !== undefined && number > 0) this.end();",
  },
  {
    fault: "who has taken its leave is still waited for",
    file: "redis/peers.ts",
    code: "if (read === GONE) return void this.#peers.delete(by);",
    becomes: "if (read === GONE) return;",
  },
  {
    fault: "who is silent is waited for for ever",
    file: "redis/peers.ts",
    code: "this.#nowMs - heardAtMs >= SILENCE_MS",
    becomes: "this.#nowMs - heardAtMs >= 1e9",
  },
  {
    fault: "the others are taken for silent while the stream stands still",
    file: "redis/peers.ts",
    code: "Math.min(STEP_MS_MAX, msOf(id) - msOf(this.#last));",
    becomes: "msOf(id) - msOf(this.#last);",
  },
  {
    fault: "an answer that never comes is waited for",
    file: "redis/answers.ts",
    code: ">= LATE_MS;",
    becomes: ">= 1e9;",
  },
  {
    fault: "after a lost thread, the next are told what the last were to hear",
    file: "redis/hearing.ts",
    code: "    this.#inbox.clear();\n",
    becomes: "",
  },
  {
    fault: "members stay when the thread is lost",
    file: "room/sharing.ts",
    code: "for (const member of this.#room.members) this.#room.leave(member, reason, word);",
    becomes: "void [word, reason];",
  },
  {
    fault: "newcomers are let in while the thread is lost",
    file: "room/room.ts",
    code: "if (this.sharing?.order.takesNewcomers === false)",
    becomes: "if (this.sharing?.order.takesNewcomers === undefined && this.sharing)",
  },
  {
    fault: "what is lost with the thread is not counted",
    file: "redis/batches.ts",
    code: "return pieces.reduce((lines, { run }) => lines + countLines(run), 0);",
    becomes: "return pieces.reduce((lines, { run }) => lines + 0 * countLines(run), 0);",
  },
  {
    fault: "lines that waited for their turn when the thread was lost are not counted",
    file: "room/turns.ts",
    code: "lines += countLines(run);",
    becomes: "lines += 0 * countLines(run);",
  },
  {
    fault: "a member leaves before what it has said has a place",
    file: "room/member.ts",
    code: "if (sharing) sharing.letGo(this, reason, word);",
    becomes: "if (!Date) sharing?.letGo(this, reason, word);",
  },
  {
    fault: "a stop does not wait for what members have said",
    file: "room/sharing.ts",
    code: "return this.#turns.next === undefined && this.order.isIdle;",
    becomes: "return this.#turns.next === undefined;",
  },
  {
    fault: "lines are cut where the log is full",
    file: "redis/inbox.ts",
    code: "return bytesMax > 0 ? run.lastIndexOf(LF, bytesMax - 1) + 1 : 0;",
    becomes: "return bytesMax;",
  },
  {
    fault: "a part of an entry that was moved is moved again",
    file: "redis/inbox.ts",
    code: "let rest = this.#rest ?? run;",
    becomes: "let rest = run;",
  },
  {
    fault: "nobody is woken when there is room again for what talkers say",
    file: "redis/stream-order.ts",
    code: "this.#hearing.forgetWhatAllHave();\n    this.#wake();\n  }\n\n  #receive",
    becomes: "this.#hearing.forgetWhatAllHave();\n  }\n\n  #receive",
  },
  {
    fault: "any number of batches is on its way at a time",
    file: "redis/batches.ts",
    code: "this.#sent < SENT_MAX ? this.#send() : undefined;",
    becomes: "this.#sent < SENT_MAX * 100 ? this.#send() : undefined;",
  },

  // Names.
  {
    fault: "a name that a member elsewhere has is given all the same",
    file: "room/names.ts",
    code: 'lines.settle(granted ? undefined : nameTaken(member.ownName ?? ""));',
    becomes: "lines.settle(undefined);",
  },
  {
    fault: "lines are said before it is known whose name it is",
    file: "room/named-lines.ts",
    code: "this.#name === undefined || this.isPending) return undefined;",
    becomes: "this.#name === undefined) return undefined;",
  },
  {
    fault: "a name is free before what was said under it has its place",
    file: "room/names.ts",
    code: "if (sharing) sharing.order.after(() => this.free(member));",
    becomes: "if (sharing) this.free(member);",
  },
  {
    fault: "a name is never given back",
    file: "room/names.ts",
    code: "this.#room.sharing?.order.claims.release(key);",
    becomes: "",
  },
  {
    fault: "a name that was asked for on a lost connection is not asked for again",
    file: "redis/claims.ts",
    code: "for (const { claim } of this.#asked) this.#send(claim);",
    becomes: "",
  },
  {
    fault: "a server that is waited for no more goes on with its names",
    file: "redis/stream-order.ts",
    code: "if (this.#options.names) this.#session.drop(name);",
    becomes: "",
  },
  {
    fault: "that a name is forgotten is not noticed",
    file: "redis/stream-order.ts",
    code: "const claimed = this.claims.answeredNumber;",
    becomes: "const claimed = 0;",
  },
  {
    fault: "a server that joins anew goes on counting the names it asks for",
    file: "redis/claims.ts",
    code: "this.#number = this.answeredNumber = 0;",
    becomes: "this.answeredNumber = 0;",
  },
  {
    fault: "that a server is waited for no more is said once, on a connection that breaks",
    file: "redis/session.ts",
    code: "    for (const server of this.#dropped) this.#link?.drop(server);\n",
    becomes: "",
  },
];
