/** Faults in the way in: who is counted, who is refused, and what becomes of guests. */

import type { Mutant } from "./mutants.ts";

export const SERVER_MUTANTS: readonly Mutant[] = [
  // Counting.
  {
    fault: "any number of connections may linger",
    file: "server/connections.ts",
    code: "if (isOneTooMany && !this.room.closeOldest()) this.refused.first?.failed();",
    becomes: "",
  },
  {
    fault: "one connection more may be open",
    file: "server/connections.ts",
    code: "this.#open > clientsMax + lingerersMax",
    becomes: "this.#open > clientsMax + lingerersMax + 1",
  },
  {
    fault: "a connection is closed although there is room for it",
    file: "server/connections.ts",
    code: "this.#open > clientsMax + lingerersMax",
    becomes: "this.#open >= clientsMax + lingerersMax",
  },
  {
    fault: "only those that linger make room, not those that wait to be refused",
    file: "server/connections.ts",
    code: "!this.room.closeOldest()) this.refused.first?.failed();",
    becomes: "this.room.closeOldest()) void 0;",
  },
  {
    fault: "a closed connection is still counted",
    file: "server/connections.ts",
    code: "    this.#open--;",
    becomes: "",
  },
  {
    fault: "a peer that has reset already is counted for ever",
    file: "server/connections.ts",
    code: "if (address === undefined) return socket.terminate();",
    becomes: "if (address === undefined) return;",
  },
  {
    fault: "a guest takes no seat",
    file: "server/connections.ts",
    code: "this.seated.size + this.room.seats",
    becomes: "this.room.seats",
  },
  {
    fault: "one member more may be there",
    file: "server/connections.ts",
    code: "this.room.seats >= this.settings.clientsMax",
    becomes: "this.room.seats > this.settings.clientsMax",
  },
  {
    fault: "a guest that is refused takes a seat",
    file: "server/guest.ts",
    code: "refusal === undefined ? connections.seated : connections.refused",
    becomes: "connections.seated",
  },
  {
    fault: "a guest that has gone keeps its seat",
    file: "server/guest.ts",
    code: "this.#deadlines.stop(this);\n  }\n\n  failed",
    becomes:
      "if (this.#deadlines !== this.#connections.seated) this.#deadlines.stop(this);\n  }\n\n  failed",
  },
  {
    fault: "the newest that lingers makes room",
    file: "room/deadlines.ts",
    code: "const [item] = this.#atMs.keys();",
    becomes: "const item = [...this.#atMs.keys()].pop();",
  },

  // Addresses.
  {
    fault: "an address is counted until its end of time",
    file: "server/connections.ts",
    code: "    this.#addresses?.remove(socket);",
    becomes: "",
  },
  {
    fault: "an address has all its places again once one is closed",
    file: "server/access.ts",
    code: "if (count > 0) this.#counts.set(address, count);\n    else ",
    becomes: "void count;\n    ",
  },
  {
    fault: "an address may have one connection more",
    file: "server/access.ts",
    code: "return count <= this.#max;",
    becomes: "return count <= this.#max + 1;",
  },
  {
    fault: "an address that is mapped into IPv6 is another",
    file: "server/connections.ts",
    code: "this.#refusalOf(socket, unmapAddress(address))",
    becomes: "this.#refusalOf(socket, address || unmapAddress(address))",
  },
  {
    fault: "a deny list is not looked at",
    file: "server/access.ts",
    code: "if (this.#deny.check(plain, family)) return false;",
    becomes: "",
  },
  {
    fault: "a full room comes before an address that may not connect",
    file: "server/connections.ts",
    code: "if (rules?.admits(address) === false) return notAllowedFrom(address);",
    becomes:
      "if (this.room.seats >= this.settings.clientsMax) return ROOM_IS_FULL;\n    if (rules?.admits(address) === false) return notAllowedFrom(address);",
  },
  {
    fault: "a newcomer without an address joins",
    file: "server/connections.ts",
    code: 'const address = unix ? "" : socket.remoteAddress;',
    becomes: 'const address = unix ? "" : (socket.remoteAddress ?? "0.0.0.0");',
  },

  {
    fault: "a client of a Unix socket needs an address",
    file: "server/connections.ts",
    code: 'const address = unix ? "" : socket.remoteAddress;',
    becomes: "const address = socket.remoteAddress;",
  },

  // Refusals.
  {
    fault: "a refusal has no word",
    file: "room/room.ts",
    code: "new Leaver(this, socket, word).linger();",
    becomes: "new Leaver(this, socket).linger();",
  },
  {
    fault: "a refusal is not reported",
    file: "room/room.ts",
    code: "this.settings.onRefuse?.(name, word);",
    becomes: "",
  },
  {
    fault: "a refused newcomer is closed before it has read why",
    file: "room/room.ts",
    code: "new Leaver(this, socket, word).linger();",
    becomes: "new Leaver(this, socket, word).linger();\n    socket.end();",
  },
  {
    fault: "over TLS, a newcomer is refused before its handshake",
    file: "server/connections.ts",
    code: "if (refusal === undefined || handshake)",
    becomes: "if (refusal === undefined)",
  },
  {
    fault: "over TLS, nobody is refused",
    file: "server/guest.ts",
    code: "if (this.#refusal !== undefined) this.#refuse(this.#refusal);",
    becomes: "if (this.#refusal === '') this.#refuse(this.#refusal);",
  },

  // Handshake and pass phrase.
  {
    fault: "a handshake that fails is as good as any",
    file: "server/guest.ts",
    code: "if (failure !== undefined) return this.failed(",
    becomes: "if (failure === '') return this.failed(",
  },
  {
    fault: "any pass phrase will do",
    file: "server/guest.ts",
    code: "timingSafeEqual(digest(line), digest(passPhrase))",
    becomes: "digest(line).length === digest(passPhrase).length && Boolean(timingSafeEqual)",
  },
  {
    fault: "a CR before the line end is part of the pass phrase",
    file: "server/guest.ts",
    code: "said.at(-1) === CR ?",
    becomes: "said.at(-1) === CR + 1000 ?",
  },
  {
    fault: "what follows the pass phrase at once is lost",
    file: "server/guest.ts",
    code: "if (end + 1 < bytes.length) this.#socket.data.received(bytes.subarray(end + 1));",
    becomes: "",
  },
  {
    fault: "the pass phrase is said into the room",
    file: "server/guest.ts",
    code: "this.#socket.data.received(bytes.subarray(end + 1));",
    becomes: "this.#socket.data.received(bytes);",
  },
  {
    fault: "a pass phrase that comes in pieces is wrong",
    file: "server/guest.ts",
    code: "Buffer.concat([this.said, end",
    becomes: "Buffer.concat([end",
  },
  {
    fault: "a guest may say any number of bytes without a line end",
    file: "server/guest.ts",
    code: "if (end < 0 && !tooLong) return;",
    becomes: "if (end < 0) return;",
  },
  {
    fault: "the first pass phrase holds for ever",
    file: "server/guest.ts",
    code: "const { passPhrase } = this.#connections;",
    becomes: "const { passPhrase } = this.#connections.settings;",
  },
  {
    fault: "a guest may take all the time there is",
    file: "server/connections.ts",
    code: "for (const guest of guests.over(now)) guest.late();",
    becomes: ";",
  },
  {
    fault: "nobody is woken for a guest that takes too long",
    file: "server/connections.ts",
    code: "Math.min(this.seated.dueAtMs, this.refused.dueAtMs, this.#stopAtMs)",
    becomes: "this.#stopAtMs",
  },
  {
    fault: "nobody is woken for a refused guest that takes too long",
    file: "server/connections.ts",
    code: "Math.min(this.seated.dueAtMs, this.refused.dueAtMs, this.#stopAtMs)",
    becomes: "Math.min(this.seated.dueAtMs, this.#stopAtMs)",
  },
  {
    fault: "the time for the pass phrase has begun with the handshake",
    file: "server/guest.ts",
    code: "this.#deadlines.start(this);",
    becomes: "if (!this.#deadlines.over().includes(this)) this.#deadlines.start(this);",
  },
  {
    fault: "who has half-closed before its pass phrase is forgotten",
    file: "server/guest.ts",
    code: 'if (this.#awaits === "pass phrase") this.#refuse(WRONG_PASS_PHRASE);',
    becomes: 'if (this.#awaits === "pass phrase") return;',
  },
  {
    fault: "a guest that opens TLS has said a wrong pass phrase",
    file: "server/guest.ts",
    code: "return this.#refuse(SPEAKS_TLS);",
    becomes: "return this.#refuse(SPEAKS_TLS && WRONG_PASS_PHRASE);",
  },
  {
    fault: "a guest that has gone is still asked",
    file: "server/guest.ts",
    code: "    this.#socket.data = GONE;\n    this.#deadlines.stop(this);",
    becomes: "    this.#socket.data = GONE;",
  },
  {
    fault: "a guest that failed is not closed",
    file: "server/guest.ts",
    code: "    this.#socket.terminate();",
    becomes: "",
  },
  {
    fault: "a guest that is closed as it fails is reported twice",
    file: "server/guest.ts",
    code: "    this.closed();\n    this.#report(",
    becomes: "    this.#report(reason);\n    this.closed();\n    this.#report(",
  },

  // Stopping.
  {
    fault: "guests are forgotten at a stop",
    file: "server/connections.ts",
    code: "this.room.stop();\n    this.#stopGuests();",
    becomes: "this.room.stop();",
  },
  {
    fault: "guests are not reported at a stop",
    file: "server/guest.ts",
    code: 'this.#report("server stopping");',
    becomes: "",
  },
  {
    fault: "a stop does not wait for guests",
    file: "server/connections.ts",
    code: "const isOver = this.#open === 0 &&",
    becomes: "const isOver = this.room.size === 0 &&",
  },
  {
    fault: "the grace time is not kept",
    file: "server/connections.ts",
    code: "if (now >= this.#stopAtMs) {",
    becomes: "if (now >= NEVER) {",
  },
  {
    fault: "nobody is woken at the end of the grace time",
    file: "server/connections.ts",
    code: "Math.min(this.seated.dueAtMs, this.refused.dueAtMs, this.#stopAtMs)",
    becomes: "Math.min(this.seated.dueAtMs, this.refused.dueAtMs)",
  },
  {
    fault: "a second stop begins the grace time anew",
    file: "server/connections.ts",
    code: "if (this.#stopped) return this.#stopped.promise;",
    becomes:
      "if (this.#stopped) this.#stopAtMs = this.room.settings.now() + graceMs;\n    if (this.#stopped) return this.#stopped.promise;",
  },
  {
    fault: "a second stop is another promise",
    file: "server/connections.ts",
    code: "if (this.#stopped) return this.#stopped.promise;",
    becomes: "if (this.#stopped) return this.#stopped.promise.then();",
  },
  {
    fault: "at the end of the grace time, those who linger are forgotten",
    file: "room/room.ts",
    code: "for (const leaver of this.lingering.over()) leaver.late();",
    becomes: "",
  },
  {
    fault: "at the end of the grace time, those who are owed something are forgotten",
    file: "room/room.ts",
    code: "for (const leaver of this.owed.over()) leaver.failed();",
    becomes: "",
  },
  {
    fault: "at the end of the grace time, those who wait for room are forgotten",
    file: "room/room.ts",
    code: 'for (const { socket } of this.cursors) socket.data.failed("server stopping");',
    becomes: "",
  },
  {
    fault: "a stop is over when the last one is only about to go",
    file: "server/connections.ts",
    code: "const isOver = this.#open === 0 &&",
    becomes: "const isOver = this.#open <= 1 &&",
  },
];
