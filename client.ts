#!/usr/bin/env bun
/** A seat in a chat room: a terminal or a pipe on one end, the room on the other. */

import { fstatSync } from "node:fs";
import { constants } from "node:os";
import { isatty } from "node:tty";

import { canPaint } from "./lib/client/colour.ts";
import { connect, type Connection } from "./lib/client/connect.ts";
import { History, historyPath } from "./lib/client/history.ts";
import { type LocalEnd, type Notes, openNotes, SILENCE } from "./lib/client/local-end.ts";
import { loginName } from "./lib/client/login-name.ts";
import { COMMAND, connectOptions, type Options } from "./lib/client/options.ts";
import { openPipe, prefixLines } from "./lib/client/pipe.ts";
import { ReconnectingConnection } from "./lib/client/reconnect.ts";
import { Terminal } from "./lib/client/terminal.ts";
import { exit, runCommand } from "./lib/program/command-line.ts";
import { onSignal } from "./lib/program/signals.ts";
import { version } from "./package.json";

/** How long the end by a signal may take: a terminal that is stopped would hold it up. */
const LEAVE_MS = 1000;

/** The other end, over one connection or many. */
type Room = Connection | ReconnectingConnection;

await runCommand({ ...COMMAND, version }, async (options, operands) => {
  const place = connectOptions(options, operands);
  let here: LocalEnd | undefined;
  const leave = async (exitCode: number) => {
    await Promise.race([here?.close(), Bun.sleep(LEAVE_MS)]);
    await exit(exitCode);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    onSignal(signal, () => void leave(128 + constants.signals[signal]));

  // Stage 2, opening the client: open_clientfd, which is getaddrinfo, socket and connect.
  const connection = await connect(place);
  const isChat = isatty(0) && isatty(1) && !options["recv-only"];
  const name = options.name ?? (isChat ? loginName() : "");
  const terminal =
    isChat && canPaint(1) ? openTerminal(options, name, place.passPhrase) : undefined;
  here = terminal ?? openPipe();
  const notes = notesFor(terminal, options);
  notes.note(`connected to ${connection.remoteAddress}`);
  const room = options.reconnect
    ? new ReconnectingConnection(connection, () => connect(place), notes)
    : connection;

  // Stage 3, exchanging lines: rio_writen and rio_readlineb, both at once.
  try {
    const tooSoon = await converse(here, room, name, options);
    if (tooSoon) notes.note(`${room.address} has closed the connection`);
  } finally {
    await here.close();
  }

  // Stage 4, closing the client: close, which the end of the process does.
  await exit(0);
});

/** A terminal as the options want it. */
function openTerminal(options: Options, name: string, passPhrase?: Uint8Array): Terminal {
  const path = options["no-history"] ? undefined : historyPath();
  const history = new History(path, passPhrase && new TextDecoder().decode(passPhrase));
  return new Terminal({ name, history, showsTime: options.time, bell: options.bell });
}

/** Where the client speaks of itself; a pipeline that nobody watches hears only what goes wrong. */
function notesFor(terminal: Terminal | undefined, { quiet, reconnect }: Options): Notes {
  if (quiet || !(terminal || isatty(2) || reconnect)) return SILENCE;
  const seenThere = terminal && isatty(2) && fstatSync(1).rdev === fstatSync(2).rdev;
  return seenThere ? terminal : openNotes();
}

/** Says and hears until nobody looks any more or the server closes; returns if it did too soon. */
async function converse(
  here: LocalEnd,
  room: Room,
  name: string,
  options: Options,
): Promise<boolean> {
  let saidAll = false;
  const heard = hear(room, here, !options["send-only"]);
  const lines = name ? prefixLines(here.said, `${name}: `) : here.said;
  const said = options["recv-only"] ? Promise.resolve(false) : say(lines, room);
  // The end of stdin is not the end: it goes on until the server closes.
  const closed = await Promise.race([heard, said.then((all) => ((saidAll = all), heard))]);
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
