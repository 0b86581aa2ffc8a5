/** Whether a stream of TLS records ended in order; tests of both ends over TLS show what that is for. */

import { expect, test } from "bun:test";

import { TlsRecords } from "../../lib/program/tls-records.ts";

/** A record of such a type, with so many bytes in it. */
function record(type: number, bytes: number): Buffer {
  return Buffer.from([type, 3, 3, bytes >> 8, bytes & 0xff, ...Buffer.alloc(bytes, 23)]);
}

test.each([
  ["1.2", record(21, 26)],
  ["1.3", record(23, 19)],
])("an alert of TLS %s is the end once it is whole, in whatever pieces it comes", (_, alert) => {
  const stream = Buffer.concat([record(22, 90), record(23, 0x1234), alert]);
  for (const size of [1, 2, 3, 5, 7, 100, 4000]) {
    const watch = new TlsRecords();
    for (let at = 0; at < stream.length; at += size) {
      expect(watch.endedInOrder).toBe(false);
      watch.received(stream.subarray(at, at + size));
    }
    expect(watch.endedInOrder).toBe(true);
  }
});
