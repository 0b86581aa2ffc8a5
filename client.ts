#!/usr/bin/env sh
///usr/bin/env sh -c 'command -v bun' >/dev/null && exec bun "$0" "$@"
///usr/bin/env echo "linechat needs Bun 1.4.5 or later: https://bun.com" >&2; exit 127
/** A seat in a chat room: a terminal or a pipe on one end, the room on the other. */

import { constants } from "node:os";
import { isatty } from "node:tty";

import { addressOf, connect } from "./lib/client/connect.ts";
import { type Conversation, OneConnection } from "./lib/client/conversation.ts";
import { type LocalSide, notesFor } from "./lib/client/local-side.ts";
import { COMMAND, connectOptions, type Options } from "./lib/client/options.ts";
import { openPipe, prefixLines } from "./lib/client/pipe.ts";
import { ReconnectingConnection } from "./lib/client/reconnect.ts";
import { canPaint } from "./lib/client/style.ts";
import { exit, runCommand } from "./lib/program/command-line.ts";
import { onSignal } from "./lib/program/signals.ts";
import { UserError } from "./lib/program/system-errors.ts";
import type { Terminal } from "./lib/terminal/terminal.ts";
import { version } from "./package.json";

/** How long the end by a signal may take: a terminal that is stopped would hold it up. */
const LEAVE_MS = 1000;

await runCommand({ ...COMMAND, version }, async (options, operands) => {
  const place = connectOptions(options, operands);
  let here: LocalSide | undefined;
  const leave = async (exitCode: number) => {
    await Promise.race([here?.close().catch(() => {}), Bun.sleep(LEAVE_MS)]);
    await exit(exitCode);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    onSignal(signal, () => void leave(128 + constants.signals[signal]));

  // Stage 2, opening the client: open_clientfd, which is getaddrinfo, socket and connect.
  const connection = options.reconnect ? undefined : await connect(place);
  const isChat = isatty(0) && isatty(1) && !options["recv-only"];
  const name = options.name ?? (isChat ? await loginName() : "");
  const terminal = isChat && canPaint(1) ? await openTerminal(name, options) : undefined;
  here = terminal ?? (isatty(1) ? await openPlainly() : openPipe());
  const notes = notesFor(terminal, options);
  const room = connection
    ? new OneConnection(connection, !options["recv-only"], isChat ? name : "", notes)
    : new ReconnectingConnection(addressOf(place), () => connect(place), isChat ? name : "", notes);

  // Stage 3, exchanging lines: rio_writen and rio_readlineb, both at once.
  try {
    await converse(here, room, name, options);
  } finally {
    await here.close();
  }

  // Stage 4, closing the client: close, which the end of the process does.
  await exit(0);
});

// What a terminal is made of is loaded only for somebody to see it.

async function openTerminal(name: string, { time, bell }: Options): Promise<Terminal> {
  const { Terminal } = await import("./lib/terminal/terminal.ts");
  return new Terminal({ name, showsTime: time, bell });
}

async function openPlainly(): Promise<LocalSide> {
  const { showPlainly } = await import("./lib/terminal/plain.ts");
  return showPlainly(openPipe());
}

async function loginName(): Promise<string> {
  const login = await import("./lib/terminal/login-name.ts");
  return login.loginName();
}

/** Says and hears until everything is said and the server has closed, or nobody looks any more. */
async function converse(
  here: LocalSide,
  room: Conversation,
  name: string,
  options: Options,
): Promise<void> {
  const lines = name ? prefixLines(here.lines, `${name}: `) : here.lines;
  const shows = !options["send-only"];
  let saidAll = options["recv-only"];
  const heard = hear(room, here, shows);
  const said = saidAll ? heard : say(lines, room).then((all) => ((saidAll = all), heard));
  const unseen = shows && here.gone ? here.gone().then(() => false) : heard;
  if (await Promise.race([heard, said, unseen])) return;
  if (!saidAll) throw new UserError("stdout was closed before everything was said");
  // Nobody looks any more; but whether all has arrived, only the end tells.
  if (!options["recv-only"]) await heard.then((closed) => closed || hear(room, here, false));
}

/** Says what is said here, then half-closes; returns whether all went out. */
async function say(lines: AsyncIterable<Uint8Array>, room: Conversation): Promise<boolean> {
  for await (const bytes of lines) if (!(await room.write(bytes))) return false;
  room.endOutput();
  return true;
}

/** Shows what the room says, until the server closes; returns false if nobody looks any more. */
async function hear(room: Conversation, here: LocalSide, show: boolean): Promise<boolean> {
  for (let bytes = await room.read(); bytes !== undefined; bytes = await room.read())
    if (show && !(await here.show(bytes))) return false;
  return true;
}
