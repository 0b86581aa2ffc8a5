import { expect, test } from "bun:test";

import { TlsRecords } from "../../lib/program/tls-records.ts";

/** A record of such a type, with so many bytes in it. */
function record(type: number, bytes: number): Buffer {
  return Buffer.from([type, 3, 3, bytes >> 8, bytes & 0xff, ...Buffer.alloc(bytes, 23)]);
}

/** Whether it ended in order, its records having come together, and so much having been read. */
function endsInOrder(records: Buffer[], decrypted: number): boolean {
  const watch = new TlsRecords();
  watch.received(Buffer.concat(records));
  if (decrypted > 0) watch.decrypted(decrypted);
  return watch.endedInOrder;
}

test("a connection without a record, or within one, has not ended in order", () => {
  expect(new TlsRecords().endedInOrder).toBe(false);
  for (let end = 1; end < 24; end++)
    expect(endsInOrder([record(23, 19).subarray(0, end)], 0)).toBe(false);
  expect(endsInOrder([record(23, 19)], 0)).toBe(true);
});

test("an alert in the clear, as of TLS 1.2, is told by its type", () => {
  expect(endsInOrder([record(23, 300), record(21, 26)], 276)).toBe(true);
  expect(endsInOrder([record(21, 26), record(23, 300)], 276)).toBe(false);
});

test("in TLS 1.3, a record of two bytes is an alert if nobody has read them", () => {
  expect(endsInOrder([record(23, 300), record(23, 19)], 283)).toBe(true);
  expect(endsInOrder([record(23, 300), record(23, 19)], 285)).toBe(false);
  expect(endsInOrder([record(23, 19), record(23, 19)], 2)).toBe(true);
  expect(endsInOrder([record(23, 19), record(23, 19)], 4)).toBe(false);
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
