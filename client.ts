#!/usr/bin/env sh
///usr/bin/env sh -c 'command -v bun' >/dev/null && exec bun "$0" "$@"
///usr/bin/env echo "linechat needs Bun 1.4.5 or later: https://bun.com" >&2; exit 127
/** A client of a chat room: a terminal or a pipe on one side, the room on the other. */

import { constants } from "node:os";
import { isatty } from "node:tty";

import { openConnection } from "./lib/client/connect.ts";
import { type Conversation, OneConnection, type Part } from "./lib/client/conversation.ts";
import { COMMAND, connectOptions } from "./lib/client/options.ts";
import { type LocalSide, noteIn, openPipe, prefixLines, sendAll } from "./lib/client/pipe.ts";
import { exit, runCommand } from "./lib/program/command-line.ts";
import { onSignal } from "./lib/program/process.ts";

/** A terminal that can do no more than print line after line. */
const isDumb = process.env["TERM"] === "dumb";
/** How long the end by a signal may take: a terminal that is stopped would hold it up. */
const LEAVE_MS = 1000;
/** As a shell reports SIGPIPE, by which a filter ends when its reader has gone. */
const EXIT_NO_READER = 128 + constants.signals.SIGPIPE;

await runCommand(COMMAND, async (options, operands) => {
  const place = await connectOptions(options, operands, isatty(0));
  let side: LocalSide | undefined;
  const leave = async (exitCode: number) => {
    await Promise.race([side?.close().catch(() => {}), Bun.sleep(LEAVE_MS)]);
    await exit(exitCode);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    onSignal(signal, () => void leave(128 + constants.signals[signal]));

  // Stage 2, opening the client: open_clientfd, which is getaddrinfo, socket and connect.
  const connect = () => openConnection(place);
  const connection = options.reconnect ? undefined : await connect();
  // What only a terminal or an option needs is loaded only then; all of it before keys are read.
  const isChat = isatty(0) && isatty(1) && !options["recv-only"];
  const loadReconnecting = () => import("./lib/client/reconnect.ts");
  if (isChat) await loadReconnecting();
  const person = isChat ? await import("./lib/terminal/terminal.ts") : undefined;
  const cert = person && place.tls?.cert;
  const certified = cert ? (await import("./lib/program/files.ts")).nameIn(cert) : undefined;
  const terminal =
    person && new person.Terminal({ ...options, name: options.name ?? certified, isDumb });
  const name = terminal?.name ?? options.name ?? "";
  side = terminal ?? openPipe();
  if (!terminal && isatty(1))
    side = (await import("./lib/terminal/transcript.ts")).showPlainly(side);
  // In a pipeline that nobody watches, the client reports only what goes wrong.
  const reports = !options.quiet && (terminal || isatty(2) || options.reconnect);
  const note = reports ? noteIn(terminal) : () => {};
  if (certified && certified !== name)
    note(`a room with --names calls you ${certified}, as your certificate does`);
  const part = { sends: !options["recv-only"], name };
  let conversation: Conversation;
  if (connection && !terminal) {
    note(`connected to ${connection.remoteAddress}`);
    const one = new OneConnection(connection, part, note);
    void one.joined.then((sent) => sent && note(`you are ${sent}`));
    conversation = one;
  } else {
    const { Reconnecting } = await loadReconnecting();
    const tries = options.reconnect ? "always" : options["no-reconnect"] ? "never" : "once joined";
    const first = [connection];
    const connectNext = async () => first.pop() ?? connect();
    conversation = new Reconnecting({ connect: connectNext, tries, part, note, terminal });
  }

  // Stage 3, exchanging lines: rio_writen and rio_readlineb, both at once.
  let exitCode = 0;
  try {
    exitCode = await converse(side, conversation, part, !options["send-only"]);
  } finally {
    await side.close();
  }

  // Stage 4, closing the client: close, which the end of the process does.
  await exit(exitCode);
});

/** Sends and receives until everything is sent and the server has closed; returns the exit code. */
async function converse(
  side: LocalSide,
  conversation: Conversation,
  { sends, name }: Part,
  shows: boolean,
): Promise<number> {
  let hasReader = shows;
  let sentAll = false;
  const send = async () => {
    const lines = name ? prefixLines(side.lines, `${name}: `) : side.lines;
    sentAll = await sendAll(lines, (bytes) => conversation.write(bytes));
    if (sentAll) conversation.endOutput();
  };
  // Without a reader, only the end still tells whether all that was sent has arrived.
  const receive = async () => {
    for (let bytes = await conversation.read(); bytes; bytes = await conversation.read()) {
      hasReader &&= await side.show(bytes);
      if (shows && !hasReader && !sentAll) return sends ? EXIT_NO_READER : 0;
    }
    return 0;
  };
  const received = receive();
  return sends ? Promise.race([received, send().then(() => received)]) : received;
}
