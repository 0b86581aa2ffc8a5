/** What the tests of conversations share: one that is read to its end. */

import type { Conversation } from "../../lib/client/conversation.ts";
import { Watched } from "../harness/watched.ts";

/** What is received, how it ends, and a way to send. */
export function follow(conversation: Conversation) {
  const changes = new Watched();
  const seen = { received: "", pieces: 0 };
  const readAll = async () => {
    for (let bytes = await conversation.read(); bytes; bytes = await conversation.read()) {
      seen.received += Buffer.from(bytes).toString();
      seen.pieces++;
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
