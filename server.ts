#!/usr/bin/env bun
/** A chat room on a port: whatever one client says, line by line, every other client hears. */

import { AddressRules, OncePerSecond, parseAddressRule } from "./lib/access.ts";
import { fileLimit } from "./lib/file-limit.ts";
import { type Journal, openJournal } from "./lib/journal.ts";
import { listen, type ListenSettings, type Place, type Server } from "./lib/listen.ts";
import {
  count,
  fileMode,
  flag,
  list,
  parsePort,
  runCommand,
  size,
  text,
  time,
  type Values,
} from "./lib/program/command-line.ts";
import { loadTls, readPassPhrase, type TlsFiles } from "./lib/program/files.ts";
import { usageError, UserError } from "./lib/program/system-errors.ts";
import { formatSize } from "./lib/program/units.ts";
import { version } from "./package.json";

const { clientsMax, filesMax, lingerersMax } = fileLimit();
const RULE = "an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

const command = {
  name: "linechat-server",
  version,
  summary: "Opens a chat room: whatever one client says, line by line, every other client hears.",
  operands: ["port"],
  instead: "unix",
  options: {
    host: text("address", "listen on this address only (all, IPv6 and IPv4)", undefined),
    unix: text("path", "listen on this path instead of a port", undefined),
    "unix-mode": fileMode("who may connect to the path (600)", 0o600),
    "max-clients": count(`let in so many at a time (${clientsMax}, by the file limit)`, clientsMax),
    "max-line": size("end who says a longer line (64K)", 64 << 10),
    buffer: size("what the room may be behind its fastest talker (8M)", 8 << 20),
    patience: time("how long a stopped reader may hold up the room (10s)", 10_000),
    allow: list("address", RULE, "let in only such addresses; may be repeated", parseAddressRule),
    deny: list("address", RULE, "let in no such address; may be repeated", parseAddressRule),
    "max-clients-per-address": count("let in so many of one address (any)", undefined),
    "pass-file": text("file", "let in who says the line in this file first", undefined),
    "max-rate": count("hear so many lines a second of one client (any)", undefined),
    idle: time("send away who says nothing for so long (never)", undefined),
    "tls-cert": text("file", "speak TLS, with this certificate in PEM", undefined),
    "tls-key": text("file", "the key of that certificate", undefined),
    "tls-ca": text("file", "let in only clients with a certificate of this CA", undefined),
    quiet: flag("report only warnings and errors"),
  },
  examples: [
    ["linechat-server 8080", "a room on port 8080"],
    ["linechat-server --host 127.0.0.1 0", "only from this machine, on a free port"],
    ["linechat-server --tls-cert cert.pem --tls-key key.pem 8443", "over TLS"],
  ],
} as const;

type Options = Values<typeof command.options>;

await runCommand(command, async (options, [port]) => {
  checkTogether(options);
  const journal = openJournal(options.quiet);
  const server: Server = await listen({
    ...placeOf(options, port),
    ...settingsOf(options),
    ...reportTo(journal, () => server.room.size),
  });
  journal.note(`up to ${options["max-clients"]} clients, the file limit being ${filesMax}`);
  if (options["pass-file"] && !options["tls-cert"] && !options.unix && !isLoopback(options.host))
    journal.warn(`the pass phrase travels in the clear: there is no TLS on ${server.address}`);
  journal.note(`listening on ${server.address}`);
  obeySignals(server, journal, options);
});

/** Finds what does not go together. */
function checkTogether(options: Options): void {
  if (options.unix && options.host) throw usageError("--host does not go with --unix");
  if (options["max-clients"] > clientsMax)
    throw usageError(
      `--max-clients ${options["max-clients"]} is more than the file limit allows: ${clientsMax}, as ulimit -n is ${filesMax}`,
    );
  if (options["max-line"] > options.buffer)
    throw usageError(
      `--max-line ${formatSize(options["max-line"])} does not fit into --buffer ${formatSize(options.buffer)}`,
    );
  if (!options["tls-cert"] !== !options["tls-key"])
    throw usageError("--tls-cert and --tls-key go together");
  if (options["tls-ca"] && !options["tls-cert"])
    throw usageError("--tls-ca needs --tls-cert and --tls-key");
}

function placeOf(options: Options, port = ""): Place {
  if (options.unix) return { unix: options.unix, unixMode: options["unix-mode"] };
  return { host: options.host, port: parsePort(port, 0) };
}

function settingsOf(options: Options): ListenSettings {
  return {
    membersMax: options["max-clients"],
    lingerersMax,
    lineBytesMax: options["max-line"],
    logBytes: options.buffer,
    patienceMs: options.patience,
    rules: new AddressRules(options.allow, options.deny),
    clientsPerAddressMax: options["max-clients-per-address"],
    passPhrase: options["pass-file"] ? readPassPhrase(options["pass-file"]) : undefined,
    linesPerSecond: options["max-rate"],
    idleMs: options.idle || undefined,
    tls: options["tls-cert"] ? loadTls(tlsFilesOf(options)) : undefined,
  };
}

function tlsFilesOf(options: Options): TlsFiles {
  return { cert: options["tls-cert"], key: options["tls-key"], ca: options["tls-ca"] };
}

/** One line for each that comes and goes; what the server itself decided is a warning. */
function reportTo(journal: Journal, here: () => number): ListenSettings {
  const refusals = new OncePerSecond();
  return {
    onJoin: (member) => journal.note(`joined ${member.name} (${here()} here)`),
    onLeave(member, reason, behindBytes) {
      const detail = reason === "too slow" ? `, ${behindBytes} bytes behind` : "";
      const event = `left ${member.name}: ${reason}${detail} (${here()} here)`;
      if (["too slow", "line too long"].includes(reason)) journal.warn(event);
      else journal.note(event);
    },
    onRefuse(name, why) {
      if (refusals.admits(`${name.replace(/:\d+$/, "")} ${why}`, performance.now()))
        journal.warn(`refused ${name}: ${why} (${here()} here)`);
    },
    onError: (error) => journal.warn(`error: ${error.stack ?? error.message}`),
  };
}

function isLoopback(host: string | undefined): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host ?? "");
}

/** SIGINT and SIGTERM stop the server, a second one at once; SIGHUP reads its certificates anew. */
function obeySignals(server: Server, journal: Journal, options: Options): void {
  let stopping = false;
  const stop = async () => {
    if (stopping) process.exit(0);
    stopping = true;
    journal.note("stopping");
    await server.stop();
    process.exit(0);
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);

  if (!options["tls-cert"]) return;
  process.on("SIGHUP", async () => {
    try {
      await server.renewTls(loadTls(tlsFilesOf(options)));
      journal.note("certificates read anew");
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      journal.warn(`certificates stay as they were: ${error.message}`);
    }
  });
}
