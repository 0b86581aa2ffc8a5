#!/usr/bin/env bun
/** A chat room on a port: whatever one client says, line by line, every other client hears. */

import { openJournal } from "./lib/journal.ts";
import { fileLimit, listen } from "./lib/listen.ts";
import { count, flag, parsePort, runCommand, size, text, time } from "./lib/options.ts";
import { formatSize } from "./lib/units.ts";
import { usageError } from "./lib/user-error.ts";
import { version } from "./package.json";

/** How long a server that was told to stop waits for slow readers. */
const STOP_MS = 5_000;
const { clientsMax, filesMax, lingerersMax } = fileLimit();

const command = {
  name: "linechat-server",
  version,
  summary: "Opens a chat room: whatever one client says, line by line, every other client hears.",
  operands: ["port"],
  options: {
    host: text("address", "listen on this address only (all, IPv6 and IPv4)", undefined),
    "max-clients": count(`let in so many at a time (${clientsMax}, by the file limit)`, clientsMax),
    "max-line": size("end who says a longer line (64K)", 64 << 10),
    buffer: size("what the room may be behind its fastest talker (8M)", 8 << 20),
    patience: time("how long a stopped reader may hold up the room (10s)", 10_000),
    quiet: flag("report only warnings and errors"),
  },
  examples: [
    ["linechat-server 8080", "a room on port 8080"],
    ["linechat-server --host 127.0.0.1 0", "only from this machine, on a free port"],
  ],
} as const;

await runCommand(command, (options, [portText = ""]) => {
  const port = parsePort(portText, 0);
  if (options["max-clients"] > clientsMax)
    throw usageError(
      `--max-clients ${options["max-clients"]} is more than the file limit allows: ${clientsMax}, as ulimit -n is ${filesMax}`,
    );
  if (options["max-line"] > options.buffer)
    throw usageError(
      `--max-line ${formatSize(options["max-line"])} does not fit into --buffer ${formatSize(options.buffer)}`,
    );

  const journal = openJournal(options.quiet);
  const server = listen({
    host: options.host,
    port,
    membersMax: options["max-clients"],
    lingerersMax,
    lineBytesMax: options["max-line"],
    logBytes: options.buffer,
    patienceMs: options.patience,
    onJoin: (member) => journal.note(`joined ${member.name} (${server.room.size} here)`),
    onLeave(member, reason, behindBytes) {
      const here = `(${server.room.size} here)`;
      if (reason === "too slow")
        journal.warn(`left ${member.name}: ${reason}, ${behindBytes} bytes behind ${here}`);
      else if (reason === "line too long") journal.warn(`left ${member.name}: ${reason} ${here}`);
      else journal.note(`left ${member.name}: ${reason} ${here}`);
    },
    onRefuse: (member, word) =>
      journal.warn(`refused ${member.name}: ${word} (${server.room.size} here)`),
    onError: (error) => journal.warn(`error: ${error.stack ?? error.message}`),
  });
  journal.note(`up to ${options["max-clients"]} clients, the file limit being ${filesMax}`);
  journal.note(`listening on ${server.address}`);

  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(0);
    stopping = true;
    journal.note("stopping");
    await server.stop(STOP_MS);
    process.exit(0);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
});
