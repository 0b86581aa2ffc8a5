#!/usr/bin/env bun
/** A seat in a chat room: a terminal or a pipe on one end, the room on the other. */

import { connect, type Connection, type ConnectOptions } from "./lib/client/connect.ts";
import type { LocalEnd } from "./lib/client/local-end.ts";
import { openNotes, SILENCE } from "./lib/client/notes.ts";
import { openPipe } from "./lib/client/pipe.ts";
import { LastingConnection } from "./lib/client/reconnect.ts";
import { isTerminal, Terminal } from "./lib/client/terminal.ts";
import {
  flag,
  type Option,
  parsePort,
  runCommand,
  text,
  type Values,
} from "./lib/program/command-line.ts";
import { loadTls, readPassPhrase } from "./lib/program/files.ts";
import { EXIT, usageError } from "./lib/program/system-errors.ts";
import { version } from "./package.json";

/** The other end, over one connection or many. */
type Room = Pick<Connection, "address" | "read" | "write" | "endOutput">;

/** What ends the client at once, and with which code: 128 and the number of the signal. */
const SIGNALS = { SIGINT: EXIT.interrupted, SIGTERM: 143, SIGHUP: 129 };

const name: Option<string> = {
  takes: "name",
  expects: "a name of one word without a colon, of at most 32 characters",
  help: 'say who is talking: put "name: " before each line (lines go as typed)',
  default: "",
  parse: (value) => (/^[^\s:\p{C}]{1,32}$/u.test(value) ? value : undefined),
};

const command = {
  name: "linechat-client",
  version,
  summary: "Joins a chat room: says the lines of stdin, prints the lines of everybody else.",
  operands: ["host", "port"],
  instead: "unix",
  options: {
    name,
    "recv-only": flag("print what others say, leave stdin alone"),
    "send-only": flag("say the lines of stdin, print nothing"),
    reconnect: flag("when the connection is lost, try again until it is back"),
    quiet: flag("do not report that it is connected, or no longer"),
    unix: text("path", "connect to this path instead of a host and port", undefined),
    "pass-file": text("file", "say the line in this file first", undefined),
    tls: flag("speak TLS; the server's certificate and name are always verified"),
    "tls-ca": text("file", "trust this CA, in PEM, instead of the public ones", undefined),
    "tls-cert": text("file", "show this certificate, in PEM", undefined),
    "tls-key": text("file", "the key of that certificate", undefined),
    "tls-server-name": text("name", "verify this name instead of the host's", undefined),
  },
  examples: [
    ["linechat-client --name alice localhost 8080", "a seat for a person"],
    ["tail -f app.log | linechat-client --send-only localhost 8080", "a log on the air"],
    ["linechat-client --recv-only localhost 8080 | grep -i error", "whoever waits for it"],
    ["linechat-client --tls chat.example.org 8443", "over TLS"],
  ],
} as const;

type Options = Values<typeof command.options>;

await runCommand(command, async (options, [host, port]) => {
  checkTogether(options);
  const where = whereTo(options, host, port);

  let here: LocalEnd | undefined;
  const leave = async (exitCode: number) => {
    await here?.close();
    process.exit(exitCode);
  };
  for (const [signal, exitCode] of Object.entries(SIGNALS))
    process.on(signal, () => void leave(exitCode));

  const join = () => connect(where);
  const connection = await join();

  const inTerminal = isTerminal() && !options["recv-only"];
  // A pipeline that nobody watches is told only what goes wrong.
  const watched = inTerminal || process.stderr.isTTY || options.reconnect;
  const quiet = options.quiet || !watched;
  const prefix = options.name && `${options.name}: `;
  const notes = quiet ? SILENCE : openNotes();
  here = inTerminal ? new Terminal({ prefix, notes, quiet }) : openPipe({ prefix, notes });

  here.note(`connected to ${connection.remoteAddress}`);
  const room = options.reconnect ? new LastingConnection(connection, join, here) : connection;
  try {
    await converse(here, room, options);
  } finally {
    await here.close();
  }
  process.exit(0);
});

/** Finds what does not go together. */
function checkTogether(options: Options): void {
  if (options["recv-only"] && options["send-only"])
    throw usageError("--recv-only and --send-only leave nothing to do");
  if (!options["tls-cert"] !== !options["tls-key"])
    throw usageError("--tls-cert and --tls-key go together");
  for (const name of ["tls-ca", "tls-cert", "tls-server-name"] as const)
    if (options[name] && !options.tls) throw usageError(`--${name} needs --tls`);
}

function whereTo(options: Options, host = "", port = ""): ConnectOptions {
  const files = { ca: options["tls-ca"], cert: options["tls-cert"], key: options["tls-key"] };
  return {
    ...(options.unix ? { unix: options.unix } : { host, port: parsePort(port, 1) }),
    tls: options.tls ? { ...loadTls(files), serverName: options["tls-server-name"] } : undefined,
    passPhrase: options["pass-file"] ? readPassPhrase(options["pass-file"]) : undefined,
  };
}

/** Says and hears until the server closes or nobody looks any more. */
async function converse(
  here: LocalEnd,
  room: Room,
  only: { "recv-only": boolean; "send-only": boolean },
): Promise<void> {
  let saidAll = false;
  const heard = hear(room, here, !only["send-only"]);
  const said = async () => {
    saidAll = await say(here, room);
    // The end of stdin is not the end: it goes on until the server closes.
    await heard;
  };
  await Promise.race([heard, only["recv-only"] ? heard : said()]);
  if ((await heard) === "closed" && !saidAll)
    here.note(`${room.address} has closed the connection`);
}

/** What is said here to the room, then EOF; returns whether all went out. */
async function say(here: LocalEnd, room: Room): Promise<boolean> {
  for await (const bytes of here.said()) if (!(await room.write(bytes))) return false;
  room.endOutput();
  return true;
}

/** What the room says to this end; returns what has ended it. */
async function hear(room: Room, here: LocalEnd, show: boolean): Promise<"closed" | "unread"> {
  for (;;) {
    const bytes = await room.read();
    if (bytes === undefined) return "closed";
    if (show && !(await here.show(bytes))) return "unread";
  }
}
