/** Faults of the seat of a WebSocket. */

import type { Mutant } from "./mutants.ts";

export const WEB_MUTANTS: readonly Mutant[] = [
  {
    fault: "a message ends inside a line",
    file: "server/web-seat.ts",
    code: "if (!hasLines || (this.#wire?.sendBinary(whole) ?? 0) > 0)",
    becomes: "if ((this.#wire?.sendBinary(whole) ?? 0) > 0)",
  },
  {
    fault: "a message that Bun holds counts as taken",
    file: "server/web-seat.ts",
    code: "(this.#wire?.sendBinary(whole) ?? 0) > 0)",
    becomes: "(this.#wire?.sendBinary(whole) ?? 0) !== 0)",
  },
  {
    fault: "the start of a line is left out of a message",
    file: "server/web-seat.ts",
    code: "begun.length > 0 ? Buffer.concat([begun, part]) : part",
    becomes: "part",
  },
  {
    fault: "the start of a line is kept where the log overwrites it",
    file: "server/web-seat.ts",
    code: "Uint8Array.from(whole)",
    becomes: "whole",
  },
  {
    fault: "what a WebSocket holds counts as taken",
    file: "server/web-seat.ts",
    code: "Math.max(0, this.#given - held)",
    becomes: "this.#given",
  },
  {
    fault: "more counts as taken than was offered",
    file: "server/web-seat.ts",
    code: "Math.min(out, bytesMax)",
    becomes: "out",
  },
  {
    fault: "a message is sent while another is held",
    file: "server/web-seat.ts",
    code: "taken < length && this.#given === 0 && this.#wire",
    becomes: "taken < length && this.#wire",
  },
  {
    fault: "nobody is told that a WebSocket has drained",
    file: "server/web-seat.ts",
    code: "if (this.#endedBy === undefined) this.data.drained();",
    becomes: "",
  },
  {
    fault: "what came after a pause is never heard",
    file: "server/web-seat.ts",
    code: "if (this.#late) this.#later(() => !this.#isPaused && this.#hearLate());",
    becomes: "",
  },
  {
    fault: "what came after a pause is heard in the middle of what came before",
    file: "server/web-seat.ts",
    code: "if (this.#late) this.#later(() => !this.#isPaused && this.#hearLate());",
    becomes: "this.#hearLate();",
  },
  {
    fault: "a page is told that it was sent away when the server stops",
    file: "server/web-seat.ts",
    code: "this.#connections.room.stopping ? GOING_AWAY : SENT_AWAY",
    becomes: "SENT_AWAY",
  },
  {
    fault: "a page that closes in order counts as reset",
    file: "server/web-seat.ts",
    code: "if (isInOrder) this.ended();",
    becomes: "",
  },
  {
    fault: "a page that is reset counts as closed in order",
    file: "server/web-seat.ts",
    code: "if (isInOrder) this.ended();",
    becomes: "this.ended();",
  },
  {
    fault: "a WebSocket that is gone is still counted",
    file: "server/web-seat.ts",
    code: "    this.#connections.closed(this, BY_WEB);",
    becomes: "",
  },
  {
    fault: "a WebSocket is never closed after its last word",
    file: "server/web-seat.ts",
    code: "  shutdown(): void {\n    this.end();",
    becomes: "  shutdown(): void {",
  },
];
