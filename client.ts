#!/usr/bin/env bun
/** A seat in a chat room: a terminal or a pipe on one end, the room on the other. */

import { fstatSync } from "node:fs";
import { constants } from "node:os";
import { isatty } from "node:tty";

import { canPaint } from "./lib/client/colour.ts";
import { connect } from "./lib/client/connect.ts";
import type { Connection } from "./lib/client/connection.ts";
import { type LocalEnd, type Notes, openNotes, SILENCE } from "./lib/client/local-end.ts";
import { COMMAND, connectOptions, type Options } from "./lib/client/options.ts";
import { openPipe, prefixLines } from "./lib/client/pipe.ts";
import { ReconnectingConnection } from "./lib/client/reconnect.ts";
import { Terminal } from "./lib/client/terminal.ts";
import { exit, runCommand } from "./lib/program/command-line.ts";
import { onSignal } from "./lib/program/signals.ts";
import { UserError } from "./lib/program/system-errors.ts";
import { version } from "./package.json";

/** How long the end by a signal may take: a terminal that is stopped would hold it up. */
const LEAVE_MS = 1000;

/** The other end, over one connection or many. */
type Room = Connection | ReconnectingConnection;

await runCommand({ ...COMMAND, version }, async (options, operands) => {
  const place = connectOptions(options, operands);
  let here: LocalEnd | undefined;
  const leave = async (exitCode: number) => {
    await Promise.race([here?.close().catch(() => {}), Bun.sleep(LEAVE_MS)]);
    await exit(exitCode);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    onSignal(signal, () => void leave(128 + constants.signals[signal]));

  // Stage 2, opening the client: open_clientfd, which is getaddrinfo, socket and connect.
  const connection = await connect(place);
  const isChat = isatty(0) && canPaint(1) && !options["recv-only"];
  const terminal = isChat ? new Terminal(options.name) : undefined;
  here = terminal ?? openPipe();
  const notes = notesFor(terminal, options);
  notes.note(`connected to ${connection.remoteAddress}`);
  const room = options.reconnect
    ? new ReconnectingConnection(connection, () => connect(place), notes)
    : connection;

  // Stage 3, exchanging lines: rio_writen and rio_readlineb, both at once.
  try {
    const tooSoon = await converse(here, room, options);
    if (tooSoon) notes.note(`${room.address} has closed the connection`);
  } finally {
    await here.close();
  }

  // Stage 4, closing the client: close, which the end of the process does.
  await exit(0);
});

/** Where the client speaks of itself; a pipeline that nobody watches hears only what goes wrong. */
function notesFor(terminal: Terminal | undefined, { quiet, reconnect }: Options): Notes {
  if (quiet || !(terminal || isatty(2) || reconnect)) return SILENCE;
  const seenThere = terminal && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev;
  return seenThere ? terminal : openNotes();
}

/** Says and hears until nobody looks any more or the server closes; returns if it did too soon. */
async function converse(here: LocalEnd, room: Room, options: Options): Promise<boolean> {
  let saidAll = false;
  const heard = hear(room, here, !options["send-only"]);
  const lines = options.name ? prefixLines(here.said, `${options.name}: `) : here.said;
  const said = options["recv-only"] ? Promise.resolve(false) : say(lines, room);
  const unseen = options["send-only"] ? undefined : here.gone?.().then(() => false);
  // The end of stdin is not the end: it goes on until the server closes.
  const closed = await Promise.race([
    heard,
    unseen ?? heard,
    said.then((all) => ((saidAll = all), heard)),
  ]);
  if (!closed && !saidAll && !options["recv-only"] && !isatty(0))
    throw new UserError("nobody reads stdout any more, and not everything was said");
  return closed && !saidAll;
}

/** Sends what is said here, then half-closes; returns whether all went out. */
async function say(lines: AsyncIterable<Uint8Array>, room: Room): Promise<boolean> {
  for await (const bytes of lines) if (!(await room.write(bytes))) return false;
  room.endOutput();
  return true;
}

/** Shows what the room says, until the server closes; returns false if nobody looks any more. */
async function hear(room: Room, here: LocalEnd, show: boolean): Promise<boolean> {
  for (let bytes = await room.read(); bytes !== undefined; bytes = await room.read())
    if (show && !(await here.show(bytes))) return false;
  return true;
}
