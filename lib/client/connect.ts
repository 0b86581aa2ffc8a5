/** Stage 2 at the client's end: getaddrinfo, socket, connect. */

import { statSync } from "node:fs";
import { isIP } from "node:net";

import type { TlsMaterial } from "../program/files.ts";
import { ADDRESS_ERRORS, formatAddress, tune } from "../program/network.ts";
import { checkRange, codeOf, failed, UserError } from "../program/system-errors.ts";
import { BY_SERVER, type Connection, SocketConnection, withTimeout } from "./connection.ts";

/** How long it may take until a server answers, on any of its addresses; and then to speak TLS. */
const ANSWER_MS = 30_000;
/** No server gives up waiting for a TLS handshake before that. */
const TLS_DEADLINE_MS = 5_000;
/** How long an address is tried alone before the next one is tried as well (RFC 8305, 5). */
const HEAD_START_MS = 250;

/** A port, from 1 to 65535, of a host, by name or address; or the path of a Unix socket. */
export type Place = { host: string; port: number } | { unix: string };

/** Where to connect to, and how. */
export type ConnectOptions = Place & {
  /** Speaks TLS: with a CA to trust instead of the public ones, a certificate and key to show. */
  tls?:
    | (TlsMaterial & {
        /** Which name the server's certificate has to be for; the host by default. */
        serverName?: string | undefined;
      })
    | undefined;
  /** Sent first, as a line; without its LF. */
  passPhrase?: Uint8Array | undefined;
  /** How long it may take to answer, in ms from 1 on; 30 s by default. As long again for TLS. */
  answerMs?: number | undefined;
};

/**
 * Connects; the classic `open_clientfd`. Over TLS the server's certificate and name are verified.
 * An attempt that nobody answers cannot be taken back: as long as the system goes on with it, which
 * may be two minutes, it keeps a program from ending by itself.
 *
 * @throws {UserError} that names the address, when no server answers or it cannot be verified, or
 *   the option that is out of range; with a code such as ECONNREFUSED, DNS_ENOTFOUND (no such host),
 *   ETIMEDOUT, CERT_HAS_EXPIRED; `permanent` if trying again cannot help
 */
export const connect: (options: ConnectOptions) => Promise<Connection> = openConnection;

/** The same, with what the client itself needs to know of it. */
export async function openConnection(options: ConnectOptions): Promise<SocketConnection> {
  const { tls, passPhrase, answerMs = ANSWER_MS } = options;
  const address = "unix" in options ? options.unix : formatAddress(options.host, options.port);
  try {
    if ("port" in options) checkRange("port", options.port, 1, 65_535);
    checkRange("answerMs", answerMs, 1);
    let connection: SocketConnection;
    if (tls) {
      const { BENEATH_TLS, startTls } = await import("./tls.ts");
      const beneath = await openSocket(options, BENEATH_TLS, answerMs);
      const serverName = tls.serverName ?? ("unix" in options ? "localhost" : options.host);
      connection = await startTls(beneath, { ...tls, serverName }, address, answerMs);
    } else connection = (await openSocket(options, plainHandlers(address), answerMs)).data;
    if (passPhrase) await connection.write(Buffer.concat([passPhrase, Buffer.from("\n")]));
    return connection;
  } catch (error) {
    throw failed(`cannot connect to ${address}`, error, { ...ADDRESS_ERRORS, ...BY_SERVER });
  }
}

/** One socket that is connected there: socket and connect, for one address after another. */
async function openSocket<Data>(
  place: Place,
  socket: Bun.SocketHandler<Data>,
  answerMs: number,
): Promise<Bun.Socket<Data>> {
  const how = { allowHalfOpen: true, socket };
  const over = new AbortController();
  const first = async () => {
    if ("port" in place) {
      const tryOne = async (hostname: string) =>
        refuseItself(await Bun.connect<Data>({ hostname, port: place.port, ...how }));
      return firstToAnswer(await addressesOf(place.host), tryOne, over);
    }
    // Bun takes any other file for a socket that nobody listens on.
    if (statSync(place.unix).isSocket()) return Bun.connect<Data>({ unix: place.unix, ...how });
    throw new UserError("it is not a socket", { code: "ENOTSOCK", permanent: true });
  };
  const late = `no answer within ${answerMs / 1000} s`;
  const connected = await withTimeout(answerMs, late, first()).finally(() => over.abort());
  tune(connected);
  return connected;
}

/** A port of this machine may be given to the client that wants to connect there: to itself, then. */
function refuseItself<Data>(socket: Bun.Socket<Data>): Bun.Socket<Data> {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (localPort !== remotePort || localAddress !== remoteAddress) return socket;
  socket.terminate();
  throw new UserError("connection refused", { code: "ECONNREFUSED" });
}

/** The addresses of a host in the order in which they are to be tried: getaddrinfo. */
async function addressesOf(host: string): Promise<string[]> {
  if (isIP(host)) return [host];
  // By RFC 6761, 6.3, whatever the system may know of it.
  if (/^localhost\.?$/i.test(host)) return ["::1", "127.0.0.1"];
  const found = await Bun.dns.lookup(host, { backend: "system" });
  return inTurns([...new Set(found.map(({ address }) => address))]);
}

/** Addresses of both families in turns, so that one family which does not work delays little. */
export function inTurns(addresses: readonly string[]): string[] {
  const turnOf = (address: string) =>
    addresses.filter((other) => isIP(other) === isIP(address)).indexOf(address);
  return addresses.toSorted((one, other) => turnOf(one) - turnOf(other));
}

/**
 * Tries one address after another, each a while after the one before or as soon as that has failed
 * ("Happy Eyeballs", RFC 8305). One that answers late is closed at once, as Bun cannot take an
 * attempt back, and nothing is written to it.
 *
 * @param connect tries one address
 * @param over aborted at the first connection; after that, or before, nothing more is tried
 * @returns the first connection
 * @throws what the last failure was, once all have failed
 */
export async function firstToAnswer<Socket extends { terminate(): void }>(
  addresses: readonly string[],
  connect: (address: string) => Promise<Socket>,
  over: AbortController,
  headStartMs = HEAD_START_MS,
): Promise<Socket> {
  const attempts: Promise<Socket>[] = [];
  for (const address of addresses) {
    if (over.signal.aborted) break;
    const attempt = connect(address).then((socket) => {
      const isLate = over.signal.aborted;
      over.abort();
      if (!isLate) return socket;
      socket.terminate();
      throw new Error("late");
    });
    attempts.push(attempt);
    await Promise.race([attempt.catch(() => {}), Bun.sleep(headStartMs)]);
  }
  return Promise.any(attempts).catch(({ errors }) => Promise.reject(errors.at(-1)));
}

/** Without TLS: socket events go to the connection, unless they show that the server speaks TLS. */
function plainHandlers(address: string): Bun.SocketHandler<SocketConnection> {
  const startMs = performance.now();
  return {
    open: (socket) => void (socket.data = new SocketConnection(socket, address)),
    data(socket, bytes) {
      const connection = socket.data;
      if (connection.hasReceived || !isTlsAlert(bytes)) return connection.received(bytes);
      const why = "the server speaks TLS; use --tls";
      connection.closed(new UserError(why, { code: "EPROTO", permanent: true }));
      socket.terminate();
    },
    drain: ({ data }) => data.drained(),
    end: ({ data }) => data.ended(),
    close({ data }, error) {
      // A server that waits for TLS in vain resets it, at its deadline or at the end of input.
      const isLate = data.outputEnded || performance.now() - startMs > TLS_DEADLINE_MS;
      if (codeOf(error) !== "ECONNRESET" || data.hasReceived || !isLate) return data.closed(error);
      const why = "reset by the server; does it speak TLS (--tls)?";
      data.closed(new UserError(why, { code: "ECONNRESET" }));
    },
    error: ({ data }, error) => data.closed(error),
  };
}

/** Whether a server that speaks TLS answers a client that does not: an alert (RFC 8446, 6), alone. */
export function isTlsAlert(bytes: Uint8Array): boolean {
  const [type, major, minor = 0xff, high, low] = bytes;
  return bytes.length === 7 && type === 21 && major === 3 && minor <= 4 && high === 0 && low === 2;
}
