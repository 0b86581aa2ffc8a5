/** Stage 2 at the client's end: getaddrinfo, socket, connect. */

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { KEEP_ALIVE_MS } from "../program/keep-alive.ts";
import { LF } from "../program/lf.ts";
import { codeOf, failed, UserError } from "../program/system-errors.ts";
import { within } from "../program/timeout.ts";
import { addressesOf, firstToAnswer, type Place } from "./addresses.ts";
import { BY_SERVER, Connection } from "./connection.ts";

/** How long it may take until a server answers, on any of its addresses. */
const ANSWER_MS = 30_000;
/** How long a server may take for the TLS handshake. */
const HANDSHAKE_MS = 10_000;

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
  /** How long a server may take to answer, in ms from 1 on; 30 s by default. */
  answerMs?: number | undefined;
  /** How long the TLS handshake may take after that, in ms from 1 on; 10 s by default. */
  handshakeMs?: number | undefined;
};

/**
 * Connects; the classic `open_clientfd`. Over TLS the server's certificate and name are verified.
 * An attempt that nobody answers cannot be taken back: as long as the system goes on with it, which
 * may be two minutes, it keeps a program from ending by itself.
 *
 * @throws {UserError} that names the address, when no server answers or it cannot be verified, or
 *   the option that is out of range; with a code such as ECONNREFUSED, ENOTFOUND (no such host),
 *   ETIMEDOUT, CERT_HAS_EXPIRED; `permanent` if trying again cannot help
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { tls, passPhrase, answerMs = ANSWER_MS, handshakeMs = HANDSHAKE_MS } = options;
  const address = addressOf(options);
  try {
    if ("port" in options) checkRange("port", options.port, 1, 65_535);
    checkRange("answerMs", answerMs, 1);
    checkRange("handshakeMs", handshakeMs, 1);
    let connection: Connection;
    if (tls) {
      const { BENEATH_TLS, startTls } = await import("./tls.ts");
      const beneath = await open(options, BENEATH_TLS, answerMs);
      const serverName = tls.serverName ?? ("unix" in options ? "localhost" : options.host);
      connection = await startTls(beneath, { ...tls, serverName }, address, handshakeMs);
    } else connection = (await open(options, plainHandlers(address, handshakeMs), answerMs)).data;
    if (passPhrase) await connection.write(Buffer.concat([passPhrase, Buffer.of(LF)]));
    return connection;
  } catch (error) {
    const { inWords } = await import("./connect-errors.ts");
    throw failed(`cannot connect to ${address}`, inWords(error, options), BY_SERVER);
  }
}

/** Where that is, as the user wrote it. */
export function addressOf(place: Place): string {
  return "unix" in place ? place.unix : formatAddress(place.host, place.port);
}

function checkRange(option: string, value: number, min: number, max = Infinity): void {
  if (value >= min && value <= max) return;
  const range = max === Infinity ? `from ${min} on` : `from ${min} to ${max}`;
  throw new UserError(`${option} is a number ${range}, not ${value}`, { permanent: true });
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
 * Without TLS: socket events go to the connection, unless they show that the server speaks TLS: by
 * an alert, or by a reset without a byte, after its wait for a handshake or at our EOF.
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
      if (connection.hasReceived || !isTlsAlert(bytes)) return connection.received(bytes);
      const why = "the server speaks TLS; use --tls";
      connection.closed(new UserError(why, { code: "EPROTO", permanent: true }));
      socket.terminate();
    },
    drain: (socket) => socket.data.drained(),
    end: (socket) => socket.data.ended(),
    close(socket, error) {
      const connection = socket.data;
      const lateMs = performance.now() - openedAtMs - handshakeMs;
      const mayWaitForTls = connection.outputEnded || Math.abs(lateMs) < handshakeMs / 2;
      const isReset = codeOf(error) === "ECONNRESET" && !connection.hasReceived;
      const why = "reset by the server; does it speak TLS (--tls)?";
      connection.closed(isReset && mayWaitForTls ? new UserError(why, { cause: error }) : error);
    },
    error: (socket, error) => socket.data.closed(error),
  };
}

/** Whether a server that speaks TLS answers a client that does not: an alert (RFC 8446, 6), alone. */
export function isTlsAlert(bytes: Uint8Array): boolean {
  const [type, major, minor = 0xff, high, low] = bytes;
  return bytes.length === 7 && type === 21 && major === 3 && minor <= 4 && high === 0 && low === 2;
}
