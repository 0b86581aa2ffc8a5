/** Faults in a room with names, and with clients that come by telnet. */

import type { Mutant } from "./mutants.ts";

export const NAMES_MUTANTS: readonly Mutant[] = [
  // What is said with a name.
  {
    fault: "a line has no name before it",
    file: "room/named-lines.ts",
    code: "const prefixBytes = startsWith(run, end, prefix) ? 0 : prefix.length;",
    becomes: "const prefixBytes = 0;",
  },
  {
    fault: "a name stands inside a line",
    file: "room/named-lines.ts",
    code: "const next = run.indexOf(LF, end) + 1;",
    becomes: "const next = Math.min(run.indexOf(LF, end) + 1, end + 30);",
  },
  {
    fault: "a line gets a name that has one",
    file: "room/named-lines.ts",
    code: "  return true;\n",
    becomes: "  return false;\n",
  },
  {
    fault: "a line is taken for one with its name that begins like it",
    file: "room/named-lines.ts",
    code: "index < prefix.length; index++",
    becomes: "index < 1; index++",
  },
  {
    fault: "names are not counted in what fits",
    file: "room/named-lines.ts",
    code: "if (filled + length > bytesMax) break;",
    becomes: "if (next > bytesMax) break;",
  },
  {
    fault: "names are not counted in a share",
    file: "room/turns.ts",
    code: "Math.max(room.saidBytesMax,",
    becomes: "Math.max(room.settings.lineBytesMax,",
  },
  {
    fault: "what is said after a name in the first line is lost",
    file: "room/named-lines.ts",
    code: "if (isAlone) this.#received",
    becomes: "this.#received",
  },
  {
    fault: "a name is said as a line",
    file: "room/named-lines.ts",
    code: "if (isAlone) this.#received.take(end + 1, 1);",
    becomes: "",
  },

  // Who has a name.
  {
    fault: "a name that is taken is given twice",
    file: "room/names.ts",
    code: "if (bearer && !isSame) return nameTaken(name);",
    becomes: "",
  },
  {
    fault: "names are told apart by case",
    file: "room/names.ts",
    code: ".toUpperCase().toLowerCase()",
    becomes: "",
  },
  {
    fault: "names are told apart by how they are encoded",
    file: "room/names.ts",
    code: 'text.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC")',
    becomes: "text.toUpperCase().toLowerCase()",
  },
  {
    fault: "a name may be anything",
    file: "room/names.ts",
    code: "if (!isName(name)) return",
    becomes: 'if (name === "") return',
  },
  {
    fault: "one that cannot have its name stays",
    file: "room/member.ts",
    code: "else if (refusal !== undefined) this.#letGo(refusal, refusal);",
    becomes: "",
  },
  {
    fault: "one that has left keeps its name",
    file: "room/room.ts",
    code: "    this.names?.release(member);\n",
    becomes: "",
  },
  {
    fault: "one whose connection is gone keeps its name",
    file: "room/room.ts",
    code: "this.names?.release(member);",
    becomes: "if (!member.isGone) this.names?.release(member);",
  },
  {
    fault: "a name is free while lines of its bearer still wait",
    file: "room/room.ts",
    code: "this.idle?.stop(member);\n    if (member.hold",
    becomes: "this.idle?.stop(member);\n    this.names?.release(member);\n    if (member.hold",
  },
  {
    fault: "a name goes over to any certificate",
    file: "room/names.ts",
    code: "identity.fingerprint === bearer?.identity?.fingerprint",
    becomes: "bearer?.identity !== undefined",
  },
  {
    fault: "one whose name was taken over stays",
    file: "room/names.ts",
    code: "bearer?.sendAway(takenOver(name));",
    becomes: "",
  },
  {
    fault: "whose name was taken over takes it along when it leaves",
    file: "room/names.ts",
    code: "if (this.#bearers.get(key) !== member) return;\n    // What",
    becomes: "// What",
  },
  {
    fault: "a full room keeps out who has been in it",
    file: "server/guest.ts",
    code: "if (this.#refusal === ROOM_IS_FULL && this.#connections.succeeds(this.#identity))",
    becomes: "if (this.#connections.settings.clientsMax < 0)",
  },
  {
    fault: "a full room lets in whoever has a certificate",
    file: "server/connections.ts",
    code: "return this.room.names?.isHere(identity) === true;",
    becomes: "return true;",
  },
  {
    fault: "the common name of a certificate counts for nothing",
    file: "server/guest.ts",
    code: "room.join(this.#socket, this.#name, identity);",
    becomes: "room.join(this.#socket, this.#name);",
  },

  // What newcomers are told.
  {
    fault: "a newcomer is not told to say its name",
    file: "room/names.ts",
    code: "this.#room.newcomers?.greet(member.cursor, this.#greeting());",
    becomes: "",
  },
  {
    fault: "one that leaves and does not take its greeting is kept",
    file: "room/cursor.ts",
    code: "this.position - this.past.asideBytes",
    becomes: "this.position",
  },

  // Telnet.
  {
    fault: "what the socket does not take of an answer is lost",
    file: "server/telnet.ts",
    code: "this.#unsent = this.#unsent.subarray(Math.max(0, count));",
    becomes: "this.#unsent = NOTHING;",
  },
  {
    fault: "a byte FF is sent as one",
    file: "server/telnet.ts",
    code: "if (byte === IAC) escaped[length++] = IAC;",
    becomes: "",
  },
  {
    fault: "the second of two FF is lost when the socket takes the first",
    file: "server/telnet.ts",
    code: "if (sent > count && count > 0) this.#unsent = Uint8Array.of(IAC);",
    becomes: "",
  },
  {
    fault: "a line end that is cut is two bytes",
    file: "server/telnet.ts",
    code: "const isPlain = this.#within === undefined && !this.#afterCr;",
    becomes: "const isPlain = this.#within === undefined;",
  },
  {
    fault: "what is left of a command that is cut is said",
    file: "server/telnet.ts",
    code: "const isPlain = this.#within === undefined && !this.#afterCr;",
    becomes: "const isPlain = !this.#afterCr;",
  },
  {
    fault: "a doubled FF ends a subnegotiation",
    file: "server/telnet.ts",
    code: "this.#within = byte === SE ? undefined : SB;",
    becomes: "this.#within = undefined;",
  },
  {
    fault: "one that has its EOF is answered",
    file: "server/telnet.ts",
    code: "if (this.#isShut || this.#isBlocked",
    becomes: "if (this.#isBlocked",
  },
  {
    fault: "what is said together with a lost answer is lost",
    file: "server/telnet.ts",
    code: "    if (said.length > 0) this.data.received(said);\n    this.#answer();",
    becomes: "    this.#answer();\n    if (said.length > 0) this.data.received(said);",
  },
];
