/** Stage 2 at the client's end: getaddrinfo, socket, connect. */

import { accessSync, constants, statSync } from "node:fs";

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { KEEP_ALIVE_MS } from "../program/keep-alive.ts";
import { codeOf, explain, failed, UserError } from "../program/system-errors.ts";
import { within } from "../program/timeout.ts";
import { addressesOf, firstToAnswer } from "./addresses.ts";
import { BY_SERVER, Connection } from "./connection.ts";
import { isTlsAlert } from "./tls-records.ts";
import { RESET_UNHEARD, USE_TLS } from "./tls-words.ts";
import { BENEATH_TLS, startTls } from "./tls.ts";

/** How long it may take until a server answers, on any of its addresses. */
const ANSWER_MS = 30_000;
/** How long a server may take for the TLS handshake. */
const HANDSHAKE_MS = 10_000;

/** A port of a host, by name or address, or the path of a Unix socket. */
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
  /** What the server wants to hear first: a line, without its LF. */
  passPhrase?: Uint8Array | undefined;
  /** How long a server may take to answer, in ms; 30 s by default. */
  answerMs?: number | undefined;
  /** How long the TLS handshake may take after that, in ms; 10 s by default. */
  handshakeMs?: number | undefined;
};

/**
 * Connects; the classic `open_clientfd`. Over TLS the server's certificate and name are verified.
 * An attempt that nobody answers cannot be taken back: as long as the system goes on with it, which
 * may be two minutes, it keeps a program from ending by itself.
 *
 * @throws {UserError} that names the address, when no server answers or it cannot be verified; with
 *   a code such as ECONNREFUSED, ENOTFOUND (no such host), ETIMEDOUT, CERT_HAS_EXPIRED; `permanent`
 *   if trying again cannot help
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { tls, passPhrase, answerMs = ANSWER_MS, handshakeMs = HANDSHAKE_MS } = options;
  const address = addressOf(options);
  try {
    const connection = tls
      ? await startTls(
          await open(options, BENEATH_TLS, answerMs),
          {
            ...tls,
            serverName: tls.serverName ?? ("unix" in options ? "localhost" : options.host),
          },
          address,
          handshakeMs,
        )
      : (await open(options, plainHandlers(address, handshakeMs), answerMs)).data;
    if (passPhrase) await connection.write(Buffer.concat([passPhrase, Buffer.from("\n")]));
    return connection;
  } catch (error) {
    throw failed(`cannot connect to ${address}`, inWords(error, options), BY_SERVER);
  }
}

/** Where that is, as the user said it. */
export function addressOf(place: Place): string {
  return "unix" in place ? place.unix : formatAddress(place.host, place.port);
}

/** One socket that is connected there: socket and connect, for one address after another. */
async function open<Data>(
  place: Place,
  socket: Bun.SocketHandler<Data>,
  answerMs: number,
): Promise<Bun.Socket<Data>> {
  const how = { allowHalfOpen: true, socket };
  let late: unknown;
  const first = async () => {
    if ("unix" in place) return Bun.connect<Data>({ unix: place.unix, ...how });
    const { host, port } = place;
    return firstToAnswer(await addressesOf(host), async (hostname) => {
      if (late) throw late;
      return Bun.connect<Data>({ hostname, port, ...how });
    });
  };
  const opening = first();
  try {
    const connected = await within(answerMs, opening, (time) => `no answer ${time}`);
    connected.setNoDelay(true);
    connected.setKeepAlive(true, KEEP_ALIVE_MS);
    return connected;
  } catch (error) {
    late = error;
    opening.then((connected) => connected.terminate()).catch(() => {});
    throw error;
  }
}

/**
 * Without TLS: what the socket tells goes to the connection, unless it shows that the server speaks
 * TLS: by an alert, or by a reset without a word, after its wait for a handshake or at our EOF.
 */
function plainHandlers(address: string, handshakeMs: number): Bun.SocketHandler<Connection> {
  let openedAtMs = 0;
  return {
    open(socket) {
      openedAtMs = performance.now();
      socket.data = new Connection(socket, address);
    },
    data(socket, bytes) {
      const connection = socket.data;
      if (connection.heardAny || !isTlsAlert(bytes)) return connection.received(bytes);
      connection.closed(new UserError(USE_TLS, { code: "EPROTO", permanent: true }));
      socket.terminate();
    },
    drain: (socket) => socket.data.drained(),
    end: (socket) => socket.data.ended(),
    close(socket, error) {
      const connection = socket.data;
      const isUnheard = codeOf(error) === "ECONNRESET" && !connection.heardAny;
      const lateMs = performance.now() - openedAtMs - handshakeMs;
      const inVain = connection.outputEnded || Math.abs(lateMs) < handshakeMs / 2;
      connection.closed(
        isUnheard && inVain ? new UserError(RESET_UNHEARD, { cause: error }) : error,
      );
    },
    error: (socket, error) => socket.data.closed(error),
  };
}

/** What the system says, as it is meant for such a place. */
function inWords(error: unknown, place: Place): unknown {
  const code = codeOf(error);
  if (error instanceof UserError) return error;
  if ("unix" in place) return pathFailure(place.unix) ?? error;
  if (code === "DNS_ENOTFOUND")
    return new UserError("unknown host", { cause: error, code: "ENOTFOUND" });
  if (code.startsWith("DNS_"))
    return new UserError("the name service does not answer", { cause: error });
  if (code !== "EINVAL") return error;
  const words = place.host.includes("%")
    ? "this machine has no such interface"
    : "a link-local address needs its interface, like fe80::1%eth0";
  return new UserError(words, { cause: error, permanent: true });
}

/** What is wrong with a path, if anything is: Bun takes most of it for ECONNREFUSED. */
function pathFailure(path: string): UserError | undefined {
  try {
    accessSync(path, constants.W_OK);
    if (statSync(path).isSocket()) return undefined;
    return new UserError("it is not a socket", { code: "ENOTSOCK", permanent: true });
  } catch (cause) {
    return new UserError(explain(cause, { ENOENT: "no such socket" }), { cause });
  }
}
