/** The client's command line. */

import { isIP } from "node:net";

import { flag, kind, parsePort, text, under, type Values } from "../program/command-line.ts";
import { isName, NAME_LENGTH_MAX } from "../program/names.ts";
import { splitAddress } from "../program/network.ts";
import { quote, usageError } from "../program/system-errors.ts";
import type { ConnectOptions } from "./connect.ts";

const A_NAME = `a name of one word without a colon, of 1 to ${NAME_LENGTH_MAX} characters`;

// One that a room with names takes, so that the same works everywhere; in a terminal, also none.
const name = kind("name", A_NAME, (value) => (value === "" || isName(value) ? value : undefined));
const bell = kind<"name" | "none">("when", "name or none", (value) =>
  (["name", "none"] as const).find((one) => one === value),
);

/** What the command line may hold. */
export const COMMAND = {
  name: "linechat-client",
  summary: "Joins a chat room: sends the lines of stdin, prints the lines of all others.",
  operands: ["host", "port"],
  instead: "unix",
  readOperands,
  options: {
    ...under("Where", {
      unix: text("path")("use this Unix socket instead of a host and port"),
      tls: flag("use TLS; the server's certificate is always verified"),
      "tls-ca": text("file")("trust the CAs in this PEM file (default: public CAs)"),
      "tls-server-name": text("name")("verify this name (default: the host)"),
    }),
    ...under("Who", {
      name: name(
        'put "name: " before each line sent (default: in a terminal that in --tls-cert or the login name, else none)',
      ),
      "pass-file": text("file")("send the line in this file first: the pass phrase"),
      "tls-cert": text("file")("present the certificate in this PEM file"),
      "tls-key": text("file")("PEM file with the key of that certificate"),
    }),
    ...under("What", {
      "recv-only": flag("print what others send, do not read stdin"),
      "send-only": flag("send the lines of stdin, print nothing"),
      reconnect: flag("connect again if it fails or the connection is lost"),
      quiet: flag("report only failures"),
    }),
    ...under("In a terminal", {
      "no-reconnect": flag("end when the connection is lost, and not connect again"),
      time: flag("show when each line has arrived"),
      bell: bell("lines that ring the bell: name (those with yours) or none", "name"),
    }),
  },
  excludes: [
    ...["recv-only send-only", "reconnect no-reconnect", "tls-cert !tls-key", "tls-key !tls-cert"],
    ...["tls-ca !tls", "tls-cert !tls", "tls-server-name !tls"],
  ],
  examples: [
    ["linechat-client --name alice localhost 8080", "chat in a terminal"],
    ["tail -f app.log | linechat-client --send-only localhost 8080", "send a log to the room"],
    ["linechat-client --recv-only localhost 8080 | grep -i error", "wait for a word"],
    ["linechat-client --tls chat.example.org 8443", "over TLS"],
  ],
} as const;

export type Options = Values<typeof COMMAND.options>;

/**
 * Where to connect to and how.
 *
 * @param isTyped whether a person types what is sent, at a terminal
 * @throws {UserError} when the place is none, or a file will not do
 */
export async function connectOptions(
  options: Options,
  [host = "", port = ""]: string[],
  isTyped: boolean,
): Promise<ConnectOptions> {
  if (options.name === "" && !isTyped)
    throw usageError(`--name takes ${A_NAME}, not ""; only in a terminal that means none`);
  const place = options.unix ? { unix: options.unix } : { host, port: parsePort(port) };
  const phraseFile = options["pass-file"];
  if (!options.tls && !phraseFile) return place;
  const { loadTls, readPassPhrase } = await import("../program/files.ts");
  const files = { ca: options["tls-ca"], cert: options["tls-cert"], key: options["tls-key"] };
  return {
    ...place,
    tls: options.tls ? { ...loadTls(files), serverName: options["tls-server-name"] } : undefined,
    passPhrase: phraseFile ? readPassPhrase(phraseFile) : undefined,
  };
}

/** A host and a port, which may be one word. */
function readOperands([first, ...others]: readonly string[]): readonly string[] {
  if (first === undefined) return [];
  const { host, port } = splitAddress(first);
  if (!isIP(host) && !/^[^\s:/@[\]]+$/.test(host)) {
    const name = host.includes("@") ? "; --name gives your name" : "";
    throw usageError(
      `<host> is a name or an address, as in localhost 8080 or [::1]:8080, not ${quote(first)}${name}`,
    );
  }
  return port === undefined ? [host, ...others] : [host, port, ...others];
}
