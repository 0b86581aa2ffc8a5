/** What the tests of connections and conversations share: both ends of one, and what is received. */

import { openConnection } from "../../lib/client/connect.ts";
import type { Conversation } from "../../lib/client/conversation.ts";
import { Host } from "../harness/host.ts";
import { Watched } from "../harness/watched.ts";

/** A connection, and its other end, which the test plays. */
export async function pair() {
  const host = await Host.open();
  const connecting = openConnection({ host: "127.0.0.1", port: host.port });
  const [here, there] = await Promise.all([connecting, host.guest()]);
  host.close();
  return { here, there };
}

/** What is received, how it ends, and a way to send. */
export function follow(conversation: Conversation) {
  const changes = new Watched();
  const seen = { received: "" };
  const readAll = async () => {
    for (let bytes = await conversation.read(); bytes; bytes = await conversation.read()) {
      seen.received += Buffer.from(bytes).toString();
      changes.changed();
    }
    return "all went well";
  };
  return {
    seen,
    /** Resolves to the failure, in words, or to "all went well". */
    ended: readAll().catch((error: Error) => error.message),
    receives: (text: string) => changes.until(text, () => seen.received.includes(text)),
    send: (text: string) => conversation.write(Buffer.from(text)),
  };
}
