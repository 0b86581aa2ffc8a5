/** Whether a stream of TLS records ended in order. */

import { expect, test } from "bun:test";

import { TlsRecords } from "../../lib/program/tls-records.ts";

/** A record of such a type, with so many bytes in it. */
function record(type: number, bytes: number): Buffer {
  return Buffer.from([type, 3, 3, bytes >> 8, bytes & 0xff, ...Buffer.alloc(bytes, 23)]);
}

test.each<[string, Buffer[], number, boolean]>([
  ["no record is no end", [], 0, false],
  ["nor is a part of one", [record(23, 19).subarray(0, 23)], 0, false],
  ["an alert of TLS 1.2 is told by its type", [record(23, 300), record(21, 26)], 276, true],
  ["it is the last record", [record(21, 26), record(23, 300)], 276, false],
  ["nor has another begun", [record(21, 26), record(23, 300).subarray(0, 9)], 0, false],
  ["one of TLS 1.3 is two bytes nobody has read", [record(23, 300), record(23, 19)], 283, true],
  ["two that were read are data", [record(23, 300), record(23, 19)], 285, false],
  ["data of two bytes may come with it", [record(23, 19), record(23, 19)], 2, true],
  ["or without", [record(23, 19), record(23, 19)], 4, false],
])("%s", (_, records, decrypted, isInOrder) => {
  const watch = new TlsRecords();
  watch.received(Buffer.concat(records));
  watch.decrypted(decrypted);
  expect(watch.endedInOrder).toBe(isInOrder);
});

test("records may come in any pieces", () => {
  const stream = Buffer.concat([record(22, 90), record(23, 0x1234), record(23, 19)]);
  for (const size of [1, 2, 3, 5, 7, 100, 4000]) {
    const watch = new TlsRecords();
    for (let at = 0; at < stream.length; at += size) {
      expect(watch.endedInOrder).toBe(false);
      watch.received(stream.subarray(at, at + size));
    }
    expect(watch.endedInOrder).toBe(true);
  }
});
