#!/usr/bin/env bun
/** A seat in a chat room: stdin is said, what others say goes to stdout. */

import { connect, type Connection } from "./lib/connect.ts";
import { flag, parsePort, runCommand } from "./lib/options.ts";
import { EXIT, usageError, UserError } from "./lib/user-error.ts";
import { version } from "./package.json";

const command = {
  name: "linechat-client",
  version,
  summary: "Joins a chat room: says the lines of stdin, prints the lines of everybody else.",
  operands: ["host", "port"],
  options: {
    "recv-only": flag("print what others say, leave stdin alone"),
    "send-only": flag("say the lines of stdin, print nothing"),
  },
  examples: [
    ["linechat-client localhost 8080", "a seat for a person"],
    ["tail -f app.log | linechat-client --send-only localhost 8080", "a log on the air"],
    ["linechat-client --recv-only localhost 8080 | grep -i error", "whoever waits for it"],
  ],
} as const;

await runCommand(command, async (options, [host = "", portText = ""]) => {
  const port = parsePort(portText, 1);
  if (options["recv-only"] && options["send-only"])
    throw usageError("--recv-only and --send-only leave nothing to do");
  process.on("SIGINT", () => process.exit(EXIT.interrupted));

  const connection = await connect({ host, port });
  const heard = hear(connection, !options["send-only"]);
  // The end of stdin is not the end: it goes on until the server closes.
  if (!options["recv-only"]) await Promise.race([heard, say(connection).then(() => heard)]);
  await heard;
  process.exit(0);
});

/** stdin to the room, then EOF. */
async function say(connection: Connection): Promise<void> {
  for await (const chunk of process.stdin) if (!(await connection.write(chunk))) return;
  connection.endOutput();
}

/** The room to stdout, until the server closes. */
async function hear(connection: Connection, print: boolean): Promise<void> {
  for (;;) {
    const chunk = await connection.read();
    if (chunk === undefined) return;
    if (print && !(await writeOut(chunk))) return;
  }
}

/** Writes to stdout and waits until it has gone out; returns whether anybody still reads. */
function writeOut(chunk: Uint8Array): Promise<boolean> {
  return new Promise((resolve, reject) => {
    process.stdout.write(chunk, (error) => {
      if (!error) resolve(true);
      else if ("code" in error && error.code === "EPIPE") resolve(false);
      else reject(new UserError(`cannot write to stdout: ${error.message}`));
    });
  });
}
