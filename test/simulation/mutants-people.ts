/** Faults in what people ask of a room: who comes and goes, what was said before, and bots inside. */

import type { Mutant } from "./mutants.ts";

export const PEOPLE_MUTANTS: readonly Mutant[] = [
  // History.
  {
    fault: "history has a line too many",
    file: "room/last-lines.ts",
    code: "this.#lines > this.#linesMax",
    becomes: "this.#lines - 1 > this.#linesMax",
  },
  {
    fault: "history has a line too few",
    file: "room/last-lines.ts",
    code: "this.#lines > this.#linesMax",
    becomes: "this.#lines >= this.#linesMax",
  },
  {
    fault: "history begins within a line",
    file: "room/line-log.ts",
    code: "?? this.#lineStart(oldest);",
    becomes: "?? oldest;",
  },
  {
    fault: "history has a byte too many",
    file: "room/line-log.ts",
    code: "Math.max(0, this.#head - this.#historyBytes);",
    becomes: "Math.max(0, this.#head - this.#historyBytes - 1);",
  },
  {
    fault: "a line that fits into history to the byte is left out",
    file: "room/line-log.ts",
    code: "const at = (position - 1) % this.#ringBytes;",
    becomes: "const at = position % this.#ringBytes;",
  },
  {
    fault: "the start of history is not found behind the wrap",
    file: "room/line-log.ts",
    code: "(isWrapped ? this.#ringBytes + this.#bytes.indexOf(LF) : lf)",
    becomes: "(isWrapped ? this.#ringBytes : lf)",
  },
  {
    fault: "lines of history that the ring has forgotten are counted",
    file: "room/last-lines.ts",
    code: "this.#start < oldest || ",
    becomes: "",
  },
  {
    fault: "history takes the place of what is being said",
    file: "room/line-log.ts",
    code: "this.#ringBytes = bytesMax + historyBytes;",
    becomes: "this.#ringBytes = Math.max(bytesMax, historyBytes);",
  },
  {
    fault: "history that a newcomer has not taken yet is forgotten",
    file: "room/line-log.ts",
    code: "    this.#tail = Math.min(this.#tail, position);\n",
    becomes: "",
  },
  {
    fault: "a newcomer is told at the start that history ends there",
    file: "room/newcomers.ts",
    code: "this.#seam = seam;",
    becomes: "this.#seam = cursor.position;",
  },
  {
    fault: "a newcomer without history is told where it ends",
    file: "room/newcomers.ts",
    code: "if (cursor.position < log.head) this.#tell(",
    becomes: "this.#tell(",
  },
  {
    fault: "where history ends is told anew after a short write",
    file: "room/newcomers.ts",
    code: "cursor.blocked ? line.subarray(taken) : NOTHING",
    becomes: "cursor.blocked ? line : NOTHING",
  },
  {
    fault: "after a short write, nobody looks after a newcomer",
    file: "room/newcomers.ts",
    code: "  drained(): void {\n    this.#newcomers.wait(this.#cursor);",
    becomes: "  drained(): void {\n    this.#cursor.blocked = true;",
  },
  {
    fault: "a newcomer gets one piece of history",
    file: "room/newcomers.ts",
    code: "      this.#newcomers.wait(cursor);\n      return false;",
    becomes: "      cursor.blocked = true;\n      return false;",
  },
  {
    fault: "a newcomer that leaves and has everything gets it again",
    file: "room/newcomers.ts",
    code: " || cursor.past === undefined",
    becomes: "",
  },
  {
    fault: "a leaver need not take where history ends",
    file: "room/leaver.ts",
    code: "if (cursor.reached >= this.#goal)",
    becomes: "if (cursor.position >= this.#goal)",
  },

  {
    fault: "history begins where it began for the newcomer before",
    file: "room/last-lines.ts",
    code: "this.#countedTo < head",
    becomes: "this.#countedTo < head && this.#start === 0",
  },

  // Who comes and goes.
  {
    fault: "a newcomer hears that it has come",
    file: "room/announcer.ts",
    code: "about: cursor });",
    becomes: "about: this.#nobody });",
  },
  {
    fault: "a newcomer speaks before it was told that it has come",
    file: "room/announcer.ts",
    code: "    if (this.hold === undefined) this.#room.hear(this);\n",
    becomes: "",
  },
  {
    fault: "who is gone is told to have left before it has said its last line",
    file: "room/room.ts",
    code: 'if (member.hold !== "room") this.hear(member);',
    becomes: 'if (member.hold === "room") member.saidAll();\n    else this.hear(member);',
  },
  {
    fault: "who leaves in order is not told to have left",
    file: "room/room.ts",
    code: "this.fallsSilent(member, reason);",
    becomes: "this.names?.release(member);",
  },
  {
    fault: "notices are told too often",
    file: "room/announcer.ts",
    code: "const NOTICES_MAX = 10;",
    becomes: "const NOTICES_MAX = 11;",
  },
  {
    fault: "a sum is told before what came before it",
    file: "room/announcer.ts",
    code: "return this.#notices[0] ?? (this.#last && this.#sum(this.#last));",
    becomes: "return (this.#last && this.#sum(this.#last)) ?? this.#notices[0];",
  },
  {
    fault: "a sum leaves out who has left",
    file: "room/announcer.ts",
    code: "left > 0 && `${more(left)} left`",
    becomes: "left > 1 && `${more(left)} left`",
  },
  {
    fault: "a sum has those of the sum before",
    file: "room/announcer.ts",
    code: "if (this.#last === undefined) this.#more.joined = this.#more.left = 0;",
    becomes: "",
  },
  {
    fault: "one that is more is not told by its name",
    file: "room/announcer.ts",
    code: "if (joined + left === 1) return last;",
    becomes: "",
  },
  {
    fault: "nobody tells what could not be told at once",
    file: "room/announcer.ts",
    code: "return this.#mayAtOnce > 0 ? 0 : (this.#saidAtMs[0] ?? 0) + SECOND_MS;",
    becomes: "return this.#mayAtOnce > 0 ? 0 : Number.POSITIVE_INFINITY;",
  },
  {
    fault: "a notice is cut where the log is full",
    file: "room/announcer.ts",
    code: "const line = new TextEncoder().encode(`* ${next.words}${here}\\n`);",
    becomes:
      "const line = new TextEncoder().encode(`* ${next.words}${here}\\n`).subarray(0, bytesMax);",
  },
  {
    fault: "a stop forgets the notice that waits for room",
    file: "room/announcer.ts",
    code: "    if (this.hold !== undefined) return;\n    this.#notices",
    becomes: "    this.#notices",
  },

  // Bots inside.
  {
    fault: "a line of the program has no end",
    file: "room/voice.ts",
    code: "whole[bytes.length] = LF;",
    becomes: "",
  },
  {
    fault: "a line of the program that waits takes a seat",
    file: "room/voice.ts",
    code: "readonly isGone = false;",
    becomes: "readonly isGone = true;",
  },
  {
    fault: "a line of the program is not told to be said",
    file: "room/voice.ts",
    code: "this.#said.resolve(true);",
    becomes: "",
  },
  {
    fault: "the program speaks on after the stop",
    file: "room/room.ts",
    code: "if (this.stopping) return Promise.resolve(false);",
    becomes: "",
  },
  {
    fault: "the program is told no lines",
    file: "room/room.ts",
    code: "this.ear?.tell();",
    becomes: "",
  },
  {
    fault: "the program is told lines again",
    file: "room/ear.ts",
    code: "this.#heard = [];\n    for",
    becomes: "for",
  },
  {
    fault: "who is sent away goes on waiting for its rate",
    file: "room/room.ts",
    code: "sayTheRest(member: Member): void {\n    this.#turns.remove(member);",
    becomes: "sayTheRest(member: Member): void {",
  },
  {
    fault: "who is sent away and has nothing to say stays",
    file: "room/member.ts",
    code: "if (this.#sentAway !== undefined) this.#letGo(this.#sentAway, this.#sentAway);",
    becomes: "if (this.#sentAway !== undefined) void 0;",
  },
];
