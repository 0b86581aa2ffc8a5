/** Mistakes in the server, its doors, extras and the page, which no simulated world notices, each with the test that does. */

import { caughtBy, type ProgramMutant } from "../harness/faults.ts";

export const SERVER_MUTANTS: readonly ProgramMutant[] = [
  ...caughtBy("test/server/log.test.ts", "lib/server/event-log.ts", {
    "each refusal of an address is logged":
      "refusals.size === REFUSALS_MAX || refusals.has(refusal) ==> refusals.size === REFUSALS_MAX",
    "with --quiet, nobody is told of slow readers":
      "/^(too slow|line too long)$/ ==> /^line too long$/",
  }),
  ...caughtBy("test/defaults.test.ts", "lib/server/listen.ts", {
    "a stop waits for no slow reader": "stop(graceMs = 5_000) ==> stop(graceMs = 0)",
  }),
  ...caughtBy("test/server/listen.test.ts", "lib/server/listen.ts", {
    "a start that fails leaves its port open": ["await stop(0);\n    throw error", "throw error"],
  }),
  ...caughtBy("test/server/unix.test.ts", "lib/server/listen.ts", {
    "a Unix socket is also that of its owner's group":
      "place.unixMode ?? 0o600 ==> place.unixMode ?? 0o660",
  }),
  ...caughtBy("test/server/unix.test.ts", "lib/server/unix-path.ts", {
    "of two servers that find a stale socket, one removes the other's": "lock(path, opened); ==>",
  }),
  ...caughtBy("test/server/file-limit.test.ts", "lib/server/options.ts", {
    "no files are kept for the ports of HTTP":
      "free - Math.max(...spare) ==> free - Math.min(0, ...spare)",
  }),
  ...caughtBy("test/server/signals.test.ts", "server.ts", {
    "a signal that comes while the server starts ends it by default":
      'onSignal("SIGTERM", stop); ==> setTimeout(() => onSignal("SIGTERM", stop), 1000).unref();',
  }),
  ...caughtBy("test/server/people.test.ts", "lib/extras/names/names.ts", {
    "one that has sent the first line of all is told to have sent its name only":
      "member.cursor.lastRun < 0 ==> member.cursor.lastRun <= 0",
  }),
  ...caughtBy("test/doors/proxy-protocol.test.ts", "lib/doors/proxy-protocol.ts", {
    "a load balancer that only looks is refused, and is in the log":
      'else if (isAll) arrival.dismiss(); ==> else if (isAll) arrival.refuse("gone");',
    "a PROXY header may have 108 bytes": "BYTES_MAX = 107; ==> BYTES_MAX = 108;",
  }),
  ...caughtBy("test/doors/pass-phrase.test.ts", "lib/doors/pass-phrase.ts", {
    "guesses of a pass phrase are counted by a /48": ".slice(0, 4) ==> .slice(0, 3)",
    "one wrong pass phrase fewer is looked at": "if (busyMs > ( ==> if (busyMs >= (",
  }),
  ...caughtBy("test/doors/addresses.test.ts", "lib/doors/address-list.ts", {
    "all IPv4 as it is mapped into IPv6 is no IPv4": "bits >= 96 ==> bits > 96",
  }),
  ...caughtBy("test/doors/tls.test.ts", "lib/doors/tls.ts", {
    "a certificate of any CA is accepted":
      "(authorized && error === null) ==> (authorized || error !== null)",
  }),
  ...caughtBy("test/doors/telnet.test.ts", "lib/doors/telnet.ts", {
    "what a telnet client will do is refused as if the server was asked to":
      "verb === WILL ? DONT : WONT ==> verb === WILL ? WONT : DONT",
  }),
  ...caughtBy("test/program/words.test.ts", "lib/program/units.ts", {
    "a time may end with a point": "\\.\\d{1,6} ==> \\.\\d{0,6}",
  }),
  ...caughtBy("test/fuzz.test.ts", "lib/program/names.ts", {
    "names are the same in one normal form only": "return fold(fold(name)); ==> return fold(name);",
    "a name may have one character more": "]{1,32}$/v ==> ]{1,33}$/v",
  }),
  ...caughtBy("test/fuzz.test.ts", "lib/extras/names/named-lines.ts", {
    "a prefix is looked for again within a line":
      'sent.slice(last) : ""; ==> sent.slice(last) : "\\n";',
    "half of the C1 controls are not shown": "\\xc2[\\x80-\\x9f] ==> \\xc2[\\x80-\\x8f]",
  }),
  ...caughtBy("test/fuzz.test.ts", "lib/doors/first-bytes.ts", {
    "a request of HTTP may follow any number of empty lines":
      "/^(?:\\r?\\n){0,2}[A-Z]+ \\S+ HTTP ==> /^(?:\\r?\\n)*[A-Z]+ \\S+ HTTP",
  }),
  ...caughtBy("test/web/web.test.ts", "lib/web/page.ts", {
    "the page may be shown in a frame of another one":
      '"frame-ancestors \'none\'", ==> "frame-ancestors *",',
  }),
  ...caughtBy("test/web/web.test.ts", "lib/web/web.ts", {
    "the first address of X-Forwarded-For is believed, which a browser can send itself":
      'split(",").reverse() ?? [] ==> split(",") ?? []',
  }),
  ...caughtBy("test/web/web.test.ts", "lib/web/web-socket.ts", {
    "a question is answered before its sender is in the room":
      "this.#data instanceof Member && this.#late === undefined; ==> this.#late === undefined;",
  }),
  ...caughtBy("test/web/heartbeat.test.ts", "lib/web/heartbeat.ts", {
    "a WebSocket that is sent something counts as there":
      "this.#sentBytes += bytes; ==> this.#sentBytes += bytes; this.#silentBeats = 0;",
  }),
  ...caughtBy("test/http/http-port.test.ts", "lib/http/http-port.ts", {
    "the reserve of files is never looked after":
      "filesMax - countOpenFiles() >= enough) return ==> filesMax - countOpenFiles() >= 0) return",
  }),
  ...caughtBy("test/metrics/metrics.test.ts", "lib/metrics/metrics.ts", {
    "a health check is 200 while the server stops": 'room.isStopping ? "stopping" : ==>',
    "processor time is in ms": "(user + system) / 1e6 ==> (user + system) / 1e3",
  }),
  ...caughtBy("test/web/page.test.ts", "lib/web/page/connection.ts", {
    "a line counts as received although the question after it has no answer":
      "underWay.splice(0, asked ?? 0) ==> underWay.splice(0)",
  }),
  ...caughtBy("test/doors/first-bytes.test.ts", "lib/doors/first-bytes.ts", {
    "the answer to a request is longer than it is": "${body.length} ==> ${body.length + 1}",
  }),
  ...caughtBy("test/extras/names.test.ts", "lib/extras/names/named-lines.ts", {
    "a name and nothing at the end is no line": 'isEmptyLine ? "\\n" : ==> isEmptyLine ? "" :',
  }),
  ...caughtBy("test/server/ranges.test.ts", "lib/server/listen.ts", {
    "an arrival may have no time at all": "arrivalMs: [1, ==> arrivalMs: [0,",
  }),
  ...caughtBy("test/doors/pass-phrase.test.ts", "lib/doors/door.ts", {
    "one that is cut off at a door is waited for": 'this.failed("cut off"); ==> ;',
    "a seat is given back twice": "releaseSeat = undefined; ==> releaseSeat ??= undefined;",
    "what is cut off at a door is all of it": "this.#isCutOff = isCutOff; ==>",
  }),
  ...caughtBy("test/doors/proxy-protocol.test.ts", "lib/doors/tls.ts", {
    "a handshake begins behind what comes first": "records.received(initialData); ==>",
  }),
  ...caughtBy("test/web/pressure.test.ts", "lib/web/web-socket.ts", {
    "Bun tells of all that is out": "wire.cork(() => {}); ==> ;",
  }),
];
