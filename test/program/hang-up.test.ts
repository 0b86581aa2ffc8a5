import { afterEach, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";

import { hangUp } from "../../lib/program/hang-up.ts";
import { Fifo, removeFifos } from "../fifo.ts";
import { endAfterEach, newFolder } from "../harness.ts";

endAfterEach();
afterEach(removeFifos);

test("a pipe is hung up once its reader has gone; a file never is", async () => {
  const events: string[] = [];
  const fifo = new Fifo();
  const piped = fifo.writer();
  const filed = openSync(join(newFolder(), "file"), "w");
  const gone = hangUp(piped).then(() => events.push("hung up"));
  void hangUp(filed).then(() => events.push("not a file"));
  await Bun.sleep(300); // More than one look.
  events.push("reader goes");
  fifo.close();
  await gone;
  expect(events).toEqual(["reader goes", "hung up"]);
  for (const descriptor of [piped, filed]) closeSync(descriptor);
});
