/** The command line of the server: its options, what they mean, and what does not go together. */

import { splitAddress } from "../program/address.ts";
import { type Command, flag, parsePort, text, type Values } from "../program/command-line.ts";
import { checkRegular, loadTls, readPassPhrase } from "../program/files.ts";
import { count, fileMode, list, size, time } from "../program/option-values.ts";
import { plain, quote } from "../program/quote.ts";
import { usageError } from "../program/system-errors.ts";
import { AddressRules, parseAddressRule } from "./access.ts";
import { fileLimit } from "./file-limit.ts";
import type { ListenOptions, Secrets } from "./listen.ts";
import { checkTogether } from "./option-conflicts.ts";
import { hostAlone, lines, place, redisUrl, roomName } from "./option-kinds.ts";
import { spareFiles } from "./spare-files.ts";

const RULE = "an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";
const limit = fileLimit();

const options = {
  host: {
    ...text("address", "listen on this address (default: all, IPv6 and IPv4)", undefined),
    parse: hostAlone,
  },
  "reuse-port": flag(
    "share the port with other servers that do the same, each getting some clients",
  ),
  unix: text("path", "listen on this Unix socket instead of a port", undefined),
  "unix-mode": fileMode("permissions of that socket (default 600)", undefined),
  "max-clients": count(
    "clients accepted at a time (default: as many as the file limit allows)",
    undefined,
  ),
  "max-line": size("longest line accepted (default 64K)", 64 << 10),
  buffer: size(
    "size of the shared log: how far the slowest reader may lag before talkers are paused (default 8M)",
    8 << 20,
  ),
  patience: time(
    "disconnect a reader that holds up the room and takes less than 64K in this time (default 10s)",
    10_000,
  ),
  allow: list(
    "address",
    RULE,
    "accept only this address or range, like 10.0.0.0/8; repeatable (default: all)",
    parseAddressRule,
  ),
  deny: list(
    "address",
    RULE,
    "refuse this address or range, even if allowed; repeatable",
    parseAddressRule,
  ),
  "proxy-protocol": list(
    "address",
    RULE,
    "a load balancer, or a range of them: its connections begin with a PROXY header, which says whose they are; repeatable",
    parseAddressRule,
  ),
  "max-clients-per-address": count("connections from one address (default: any number)", undefined),
  "pass-file": text("file", "require the line in this file as each client's first line", undefined),
  "max-rate": count(
    "lines a second accepted from one client, in bursts of up to n; the rest is read later (default: any number)",
    undefined,
  ),
  idle: time("disconnect clients that have sent no line for this long (default: never)", undefined),
  names: flag(
    "put each client's name before its lines: that of its certificate with --tls-ca, else its first line",
  ),
  announce: flag("say in the room who joins and who leaves"),
  history: lines(
    "let newcomers hear first what was said before: the last n lines (8M at most), or as many as fit in a size like 8M (default: none)",
  ),
  telnet: flag("answer and leave out the commands that telnet clients send among their lines"),
  web: place("a page for browsers on this port, of 127.0.0.1 unless another host is named"),
  "web-name": list(
    "name",
    "a name as in a URL, like chat.example.org",
    "a name by which browsers find this server, beside its addresses; repeatable",
    (text) => (/^[^\s/@]+$/.test(text) ? text : undefined),
  ),
  metrics: place(
    "figures for Prometheus at /metrics on this port, of 127.0.0.1 unless another host is named; and /health",
  ),
  "tls-cert": text("file", "use TLS, with the certificate in this PEM file", undefined),
  "tls-key": text("file", "PEM file with the key of that certificate", undefined),
  "tls-ca": text("file", "require a client certificate from a CA in this PEM file", undefined),
  redis: redisUrl(
    "be one room with all servers that share it over this Redis, like redis://10.0.0.5 or rediss://user@host:6380/1",
  ),
  room: roomName("the name of that room (default linechat)"),
  quiet: flag("log only warnings and errors"),
};

/** `linechat-server`. */
export function serverCommand(version: string): Command<typeof options> {
  return {
    name: "linechat-server",
    version,
    summary: "Opens a chat room: whatever one client says, line by line, every other client hears.",
    operands: ["port"],
    instead: "unix",
    readOperands,
    options,
    examples: [
      ["linechat-server 8080", "a room on port 8080"],
      ["linechat-server --unix room", "on the path room, for its owner only"],
      ["linechat-server --tls-cert cert.pem --tls-key key.pem 8443", "over TLS"],
    ],
  };
}

/** What a command line asks for. */
export type ServerOptions = Values<typeof options>;

/** What it means to `listen`; a `UserError` names what does not go together, or cannot be read. */
export function settingsOf(
  given: ServerOptions,
  port = "",
): ListenOptions & { clientsMax: number } {
  const allowed = limitFor(given);
  checkTogether(given, allowed);
  const { clientsMax, lingerersMax } = allowed;
  const { "proxy-protocol": proxies } = given;
  return {
    ...(given.unix
      ? { unix: given.unix, unixMode: given["unix-mode"] }
      : { host: given.host, port: parsePort(port, 0), reusePort: given["reuse-port"] }),
    clientsMax: given["max-clients"] ?? clientsMax,
    lingerersMax,
    lineBytesMax: given["max-line"],
    logBytes: given.buffer,
    patienceMs: given.patience,
    rules: new AddressRules(given.allow, given.deny),
    proxies: proxies.length > 0 ? new AddressRules(proxies, []) : undefined,
    clientsPerAddressMax: given["max-clients-per-address"],
    linesPerSecond: given["max-rate"],
    idleMs: given.idle,
    names: given.names,
    announce: given.announce,
    history: given.history,
    telnet: given.telnet,
    web: given.web && { ...given.web, names: given["web-name"] },
    metrics: given.metrics,
    redis: given.redis && {
      url: withPassword(given.redis, process.env["REDIS_PASSWORD"]),
      room: given.room ?? "linechat",
    },
    ...secretsOf(given),
  };
}

/**
 * What comes from files.
 *
 * @param anew whether it was read before, and the room is not to wait for it
 * @throws {UserError} that names the file and what is wrong with it
 */
export function secretsOf(given: ServerOptions, anew = false): Secrets {
  const { "tls-cert": cert, "tls-key": key, "tls-ca": ca, "pass-file": passFile } = given;
  if (anew) for (const file of [cert, key, ca, passFile]) if (file) checkRegular(file);
  return {
    tls: cert ? loadTls({ cert, key, ca }) : undefined,
    passPhrase: passFile ? readPassPhrase(passFile) : undefined,
  };
}

/** How the log names what `secretsOf` reads; undefined when that is nothing. */
export function secretsNamed(given: ServerOptions): string | undefined {
  const names = [given["tls-cert"] && "certificates", given["pass-file"] && "pass phrase"];
  return names.filter(Boolean).join(" and ") || undefined;
}

/** The line about the file limit at the start. */
export function limitNamed(clientsMax: number): string {
  return `up to ${clientsMax} clients, the file limit being ${limit.filesMax}`;
}

/** What an operator may not have meant, for a server that listens at an address. */
export function doubtsAbout(given: ServerOptions, address: string): string[] {
  const isOpen = (host = "") => host !== "localhost" && !/^(::1$|127\.)/.test(host);
  const isReadable = (!given.unix && isOpen(given.host)) || (given.web && isOpen(given.web.host));
  return [
    ...(given["pass-file"] && !given["tls-cert"] && isReadable
      ? [`the pass phrase travels in the clear: there is no TLS on ${address}`]
      : []),
    ...(given["reuse-port"] && !given.redis
      ? ["without --redis, servers on the same port are rooms of their own"]
      : []),
  ];
}

/** How many connections there may be, less what is kept for those on their way to the page. */
function limitFor({ web }: ServerOptions): typeof limit {
  return web ? { ...limit, clientsMax: limit.clientsMax - spareFiles() } : limit;
}

/** A port; where there is an address as well, the answer says where that goes. */
function readOperands(given: readonly string[]): readonly string[] {
  const [first = "", second] = given;
  const { host, port = second } = splitAddress(first);
  if (port === undefined || !/^\d+$/.test(port) || /^\d+$/.test(first)) return given;
  const where = host === "" ? "" : `--host ${plain(host)} `;
  throw usageError(`${quote(first)} is no port: linechat-server ${where}${port}`);
}

/** The address to connect to, with a password from elsewhere unless it has one. */
function withPassword(url: URL, password: string | undefined): URL {
  const complete = new URL(url);
  if (complete.password === "" && password) complete.password = encodeURIComponent(password);
  return complete;
}
