/** Faults in extras: history, names, join and leave notices, idle members, rates, bots. */

import { faultsIn, type Mutant } from "../harness/faults.ts";

export const EXTRAS_MUTANTS: readonly Mutant[] = [
  ...faultsIn("lib/extras/history.ts", {
    "history has a line too many": "(lines > max.lines || ==> (lines - 1 > max.lines ||",
    "history has a byte too many": "Math.max(bytes - max.bytes ==> Math.max(bytes - max.bytes - 1",
    "lines that the log no longer keeps are history": ", log.head - max.keptBytes - start) ==> )",
    "notices are history": "if (!isPassing) add ==> add",
    "what was sent between two notices is not history":
      "= Math.min(span.next?.start ?? presentStart, presentStart); ==> = presentStart;",
    "a newcomer is not written to for history alone": ["      room.wake(0);\n", ""],
    "what a newcomer has not taken of history is not held": "log.holdFrom(cursor.position); ==>",
    "after a short write of the mark, a newcomer is where the others are":
      "return !cursor.gone && !cursor.blocked; ==> return !cursor.gone;",
    "the mark does not count as progress": "return mark.length; ==> return 0;",
    "history has a line too few": "(lines > max.lines || ==> (lines >= max.lines ||",
    "the mark is sent again after a short write": "mark = mark.subarray(cursor. ==> (cursor.",
  }),
  ...faultsIn("lib/extras/names/named-lines.ts", {
    "a line has no name before it": "= length + prefix.length; ==> = length;",
    "the first line gets a name that has one": '#begun = "\\n"; ==> #begun = "";',
    "a line gets a name that has one": '.replaceAll(named, "\\n") ==>',
    "a line is taken for one with its name that begins like it":
      "named.startsWith(sent.slice(last)); ==> sent.length - last <= named.length;",
    "a name in two parts is relayed": "this.#begun.length > 1 || chunk[0] === first; ==> false;",
    "a name behind another line is relayed": [', "latin1"))\n', ', "latin1") && false)\n'],
    "the end of a line is forgotten": 'LF ? "\\n" : ""; ==> LF ? "" : "";',
    "the beginning of a name is lost at the end of input": ["this.#begun.slice(1), ", '"", '],
    "control characters are relayed": ".replace(CONTROL, show); ==> ;",
    "the CR of a line end is shown": "\\r(?!\\n) ==> \\r",
    "C1 controls are relayed": "|\\xc2[\\x80-\\x9f] ==>",
    "lines are taken that were not put together, as they are longer now":
      "end = shown === sent ? at : run.indexOf(LF, end) + 1; ==> end = at;",
    "a line goes on with the one before it": "bytesMax + at, bytesMax ==> bytesMax, bytesMax",
    "a name that may begin is relayed": "|| mayBegin || ==> ||",
    "names are not counted in what fits": "lineStart + next - at > ==> length + next - at >",
    "only the first control character is shown": "\\x9f]/g; ==> \\x9f]/;",
    "a CR inside a line is not shown as others are": "|\\r(?!\\n) ==>",
    "a TAB is shown": "[\\0-\\x08\\v ==> [\\0-\\t\\v",
    "DEL is relayed": "\\x1f\\x7f] ==> \\x1f]",
    "what is no C1 control is taken for one": "\\x80-\\x9f] ==> \\x80-\\xbf]",
  }),
  ...faultsIn("lib/extras/wrapped-lines.ts", {
    "nobody knows that lines with a name are held back":
      "return this.within.isHeldBack ?? false; ==> return false;",
  }),
  ...faultsIn("lib/extras/names/names.ts", {
    "what follows a name in the first line is lost":
      'line.toString("utf8", 0, colon), 0); ==> line.toString("utf8", 0, colon), line.length + 1);',
    "a name is sent as a line": ".trim(), line.length + 1); ==> .trim(), 0);",
    "a name that is taken is given twice": [" && !(isSame && before.member)", '?.name === ""'],
    "a name goes over to any certificate":
      "&& fingerprint === before?.fingerprint; ==> && before?.fingerprint !== undefined;",
    "a member whose name was taken over stays":
      "before?.member?.disconnect(DISCONNECTS.takenOver(name)); ==>",
    "a member whose name was taken over takes it along when it leaves":
      "if (owner?.member !== member) return; ==> if (owner === undefined) return;",
    "one that has left keeps its name": ["    this.#free(owner);\n    if (owner", "    if (owner"],
    "a name may be anything": ["if (!isName(name))\n", 'if (name === "")\n'],
    "a newcomer is not told to send its name":
      '.from(askForName(told, this.#here - told.length) ==> .from(""',
    "the common name of a certificate counts for nothing":
      'if (certificate) { ==> if (certificate?.fingerprint256 === "") {',
    "one that takes no greeting is asked": "if (taken < greeting.length) ==> if (taken < 0)",
    "a name comes without an end": "line.length > NAME_BYTES_MAX) ==> line.length > 1e9)",
  }),
  ...faultsIn("lib/program/names.ts", {
    "names are told apart by case": ".toUpperCase().toLowerCase() ==>",
    "names are told apart by how they are encoded": "fold(fold(name)) ==> name.toLowerCase()",
  }),
  ...faultsIn("lib/extras/presence.ts", {
    "a newcomer sends before its joining is told": [
      "      // At once, before what it sends itself.\n      room.send(sender);\n",
      "",
    ],
    "one that leaves is not told to have left": 'tell("left", shown(member)); ==> void name;',
    "notices are told too often": "const NOTICES_MAX = 10; ==> const NOTICES_MAX = 11;",
    "one that joins after a sum has begun is told of before it": ["if (!hasMore() && ", "if ("],
    "a sum is told while notices before it wait": ["if (sender.isWaiting || ", "if ("],
    "a sum leaves out those that have left": "more.joined + more.left > 0; ==> more.joined > 0;",
    "a sum is told again and again": ["        more = { joined: 0, left: 0 };\n", ""],
    "nobody tells what could not be told at once":
      "return hasMore() ? nextAtMs() : NEVER; ==> return NEVER;",
    "a notice that waits is not counted in how many there may be":
      "sentAtMs[notices.length] ==> sentAtMs[0]",
    "a room that stops sends notices": "|| room.isStopping) return NEVER; ==> ) return NEVER;",
    "a notice is cut where the log is full":
      "bytesMax) return undefined; ==> bytesMax) return line?.subarray(0, bytesMax);",
  }),
  ...faultsIn("lib/extras/idle.ts", {
    "a member that sends is idle all the same": "if (!member.isLeaving) members.start(member); ==>",
    "nobody looks after the idle": "return members.dueAtMs; ==> return Number.POSITIVE_INFINITY;",
    "time in which lines wait counts":
      "if (member.isWaiting || member.lines.isHeldBack) continue; ==>",
  }),
  ...faultsIn("lib/extras/rate.ts", {
    "a rate counts runs instead of lines":
      "(countLines(run) * SECOND_MS) ==> (Math.min(1, countLines(run)) * SECOND_MS)",
    "nobody looks after senders that are over their rate":
      "else if (lines.nextAtMs > now) dueAtMs ==> else if (lines.nextAtMs > now + 1e9) dueAtMs",
    "what a sender over its rate has sent is held back when it goes":
      "return room.isStopping || this.member.isLeaving; ==> return room.isStopping;",
    "a stop does not end the rates":
      "return room.isStopping || this.member.isLeaving; ==> return this.member.isLeaving;",
    "a token bucket earns the same time twice": "Math.max(this.fullAtMs, room.now() ==> room.now(",
    "a line more than a second's worth is taken": "return run.subarray(0, end); ==> return run;",
    "a bucket has no bottom":
      "Math.max(this.fullAtMs, room.now()) ==> (this.fullAtMs > 0 ? this.fullAtMs : room.now())",
  }),
  ...faultsIn("lib/extras/bot.ts", {
    "a line of a bot has no end": "lines.push(Uint8Array.of(LF)); ==> lines.end();",
    "a bot sends on after the stop": ["if (room.isStopping) resolve(false);\n    else ", ""],
    "a bot is told everything again": "news.splice(0) ==> news.slice()",
  }),
];
