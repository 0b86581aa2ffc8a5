/** Faults on the way in: what is counted, what is refused, and what doors ask. */

import { faultsIn, type Mutant } from "../harness/faults.ts";

export const DOORS_MUTANTS: readonly Mutant[] = [
  ...faultsIn("lib/server/connections.ts", {
    "it is decided about a seat before those leave that do in this turn": [
      "    this.room.flush();\n    for (const decide of this.atEndOfTurn.splice(0)) decide();\n",
      "    for (const decide of this.atEndOfTurn.splice(0)) decide();\n    this.room.flush();\n",
    ],
    "a peer that has reset already is counted for ever":
      "=== undefined) return socket.terminate(); ==> === undefined) return;",
    "a client of a Unix socket needs an address": 'way.kind !== "unix" && socket ==> socket',
    "a stop does not wait for arrivals": "this.open === 0 ==> this.room.members.size === 0",
    "a stop does not wait for lines without a place":
      "(this.room.isSettled || this.#isOverdue) ==> true",
    "the grace time is not kept": "if (now >= this.#stopAtMs) { ==> if (now >= NEVER) {",
    "nobody is woken when the grace time ends": "this.dueAtMs, this.#stopAtMs ==> this.dueAtMs",
    "a second stop begins the grace time again":
      "if (this.#stopped) return this ==> this.#stopAtMs = this.room.now() + graceMs; if (this.#stopped) return this",
  }),
  ...faultsIn("lib/doors/door.ts", {
    "only the last arrival may be late":
      "Math.min(this.#host.dueAtMs, this.dueAtMs) ==> this.dueAtMs",
    "an arrival that is refused is never reset to make room": "this.#host.seatless.add(this); ==>",
    "over TLS, a newcomer is refused before its handshake":
      "this.#doors = this.#doors.filter(({ isTransport }) => isTransport); ==> this.#doors = [];",
    "what follows the pass phrase at once is lost": "subarray(usedBytes) ==> subarray(1e9)",
    "what is asked for is not known when it comes in pieces": "[this.unused, bytes] ==> [bytes]",
    "one that waits for a seat gets one that is not free": "(isFree()) goOn(); ==> (true) goOn();",
    "one that has gone gets a seat": "if (!this.#host.arrivals.has(this)) return; ==>",
    "one that ends its input instead of what is asked for is forgotten": [
      "isEnded ? Buffer.concat([received, Uint8Array.of(LF)]) : received",
      "received.subarray(0, isEnded ? undefined : received.length)",
    ],
    "one that sends nothing has all the time there is": "=> this.refuse(late) ==> => late",
    "one that speaks another protocol has sent a wrong line":
      'if (typeof found === "object") ==> if (typeof found === "object" && end > 1e9)',
    "an answer to a request at a door is that of any other protocol":
      "this.refuse(found.reason, found.message); ==> this.refuse(found.reason);",
    "an address that is mapped into IPv6 is another":
      'unmapAddress(socket.remoteAddress ?? "" ==> unmapAddress("") + (socket.remoteAddress ?? ""',
  }),
  ...faultsIn("lib/doors/addresses.ts", {
    "an address is counted for ever":
      "(count() > 1) counts.set(address, count() - 1 ==> (count() > 0) counts.set(address, count()",
    "an address has all its places again once one is closed": "count() - 1 ==> 0",
    "an address may have one connection more": "count() < max, ==> count() <= max,",
  }),
  ...faultsIn("lib/doors/tls.ts", {
    "a handshake that fails is as good as any": "if (success && ( ==> if (success || error || (",
    "a handshake that ends after all is over counts": "if (arrival.held !== hold) return; ==>",
    "what is cut off has ended in order":
      ".ended(!records.endedInOrder ==> .ended(!records.endedInOrder && records === undefined",
    "one that goes before its handshake is forgotten":
      'if (isAll) arrival.failed("gone before the handshake"); ==>',
  }),
  ...faultsIn("lib/doors/pass-phrase.ts", {
    "any pass phrase will do": "&& timingSafeEqual( ==> || timingSafeEqual(",
    "a CR before the line end is part of the pass phrase": "=== CR ? ==> === -1 ?",
    "the pass phrase is sent into the room": "arrival.pass(line.length + 1); ==> arrival.pass();",
    "a client may send any number of bytes for a pass phrase":
      "!isWhole && line.length <= PASS_PHRASE_BYTES_MAX + 1) return; ==> !isWhole) return;",
  }),
  ...faultsIn("lib/doors/first-bytes.ts", {
    "lines are known where a request may have been cut": ["BEGUN.test(text) ? undefined : ", ""],
    "a request is made of lines": "(?:1\\.[01]|2\\.0) ==> 3",
    "one that speaks another protocol is read on": [
      'if (typeof found === "object") this.#refusal = found;\n      else if (found)',
      "if (found)",
    ],
    "the beginning of a request is forgotten":
      "found === undefined ? received : undefined ==> found === undefined ? NOTHING : undefined",
    "what a WebSocket sends is inspected": "cursor.socket) ==> cursor.socket) || true",
    "empty lines before a request make it lines": "/^(?:\\r?\\n){0,2}[A-Z]+ \\S ==> /^[A-Z]+ \\S",
    "what another protocol begins with is relayed": "(chunk)) super ==> (chunk) || 1) super",
    "a request that ends with the input is relayed": ".of(LF))) ==> .of(LF)) || 1)",
  }),
  ...faultsIn("lib/doors/telnet.ts", {
    "what the socket does not take of an answer is lost":
      "this.#answers.splice(0, Math.max(0, sent)); ==> this.#answers.length = 0;",
    "one that is blocked is answered, and its drain is lost": "if (!this.#isBlocked) this ==> this",
    "an FF ends a subnegotiation":
      "this.#within = byte === SE ? undefined : SB; ==> this.#within = undefined;",
    "one that has its EOF is answered": [" || this.#isShut) return", ") return"],
    "what is sent together with a lost answer is lost": [
      "    if (data.length > 0) this.data",
      "    this.#sendAnswers();\n    if (data.length > 0) this.data",
    ],
  }),
  ...faultsIn("lib/web/web-socket.ts", {
    "a message ends inside a line": "if (hasLines) wire.sendBinary ==> wire.sendBinary",
    "the start of a line is left out of a message": "Buffer.concat([begun, part]) ==> part",
    "the start of a line is kept where the log overwrites it": "Uint8Array.from(whole) ==> whole",
    "what a WebSocket holds counts as taken": "#given - wire.getBufferedAmount() ==> #given",
    "a message is sent while another is held": "#given === 0 && this.#wire ==> #wire",
    "what came after a pause is never received":
      "if (this.#late) this.#later(() => !this.#wire?.isPaused && this.#receiveLate()); ==>",
    "a page is told that it was disconnected when the server stops":
      "this.#connections.room.isStopping ? GOING_AWAY : DISCONNECTED ==> DISCONNECTED",
    "a page that is reset counts as closed in order": "if (code !== ABNORMAL) this ==> this",
    "a WebSocket that is gone is still counted": "this.#connections.closed(this, this.#way); ==>",
    "a WebSocket is never closed after its message": ["void {\n    this.end();", "void {"],
    "more counts as taken than was offered": "Math.min(out, bytesMax) ==> out",
    "nobody is told that a WebSocket has drained": "this.data.drained(); ==>",
    "a page that closes in order counts as reset": "if (code !== ABNORMAL) this.ended(); ==>",
  }),
];
