/** Stage 2 at the client's end: getaddrinfo, socket, connect. */

import { accessSync, constants, statSync } from "node:fs";

import { formatAddress } from "../program/address.ts";
import type { TlsMaterial } from "../program/files.ts";
import { KEEP_ALIVE_MS } from "../program/keep-alive.ts";
import { codeOf, explain, UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import { BY_SERVER, Connection } from "./connection.ts";

/** How long a server may take for the TLS handshake. */
const HANDSHAKE_MS = 10_000;
const CLOSED_IN_HANDSHAKE = "it closed the connection during the TLS handshake";

/** Where to connect to, a port of a host or the path of a Unix socket, and how. */
export type ConnectOptions = ({ host: string; port: number } | { unix: string }) & {
  /** Speaks TLS: with a CA to trust instead of the public ones, a certificate and key to show. */
  tls?: (TlsMaterial & { serverName?: string | undefined }) | undefined;
  /** What the server wants to hear first. */
  passPhrase?: Uint8Array | undefined;
};

/**
 * Connects; the classic `open_clientfd`. Over TLS the server's certificate and name are verified.
 *
 * @throws {UserError} that names the address, when no server answers or it cannot be verified
 */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const { tls, passPhrase } = options;
  const address = addressOf(options);
  // What Bun is to verify: always the certificate, and the name the user gave.
  const serverName = tls?.serverName ?? ("unix" in options ? "localhost" : options.host);
  const ready = Promise.withResolvers<void>();
  ready.promise.catch(() => {}); // It may fail before anybody waits for it.
  const handler: Bun.SocketHandler<Connection> = {
    open(socket) {
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      socket.data = new Connection(socket, address);
    },
    handshake: (_, success, error) => (success && !error ? ready.resolve() : ready.reject(error)),
    data: (socket, bytes) => socket.data.received(bytes),
    drain: (socket) => socket.data.drained(),
    end: (socket) => socket.data.ended(),
    close(socket, error) {
      ready.reject(error ?? new Error(CLOSED_IN_HANDSHAKE));
      socket.data?.closed(error);
    },
    error: (socket, error) => socket.data.closed(error),
  };
  const withTls = tls && { tls: { ...tls, serverName, rejectUnauthorized: true } };
  const how = { allowHalfOpen: true, ...withTls, socket: handler };
  try {
    const socket = await ("unix" in options
      ? Bun.connect<Connection>({ unix: options.unix, ...how })
      : Bun.connect<Connection>({ hostname: options.host, port: options.port, ...how }));
    const connection = socket.data;
    if (tls) {
      const deadline = setTimeout(() => {
        ready.reject(new Error(`no TLS handshake within ${formatTime(HANDSHAKE_MS)}`));
        socket.terminate();
      }, HANDSHAKE_MS);
      await ready.promise.finally(() => clearTimeout(deadline));
    }
    if (passPhrase) await connection.write(Buffer.concat([passPhrase, Buffer.from("\n")]));
    return connection;
  } catch (error) {
    const why = failure(error, options, serverName);
    throw new UserError(`cannot connect to ${address}: ${why}`, { cause: error });
  }
}

/** Where that is, as the user said it. */
export function addressOf(place: ConnectOptions): string {
  return "unix" in place ? place.unix : formatAddress(place.host, place.port);
}

/** Why `connect` has failed; of TLS by the codes of OpenSSL's X509_verify_cert_error(3). */
function failure(error: unknown, place: ConnectOptions, serverName: string): string {
  const message = error instanceof Error ? error.message : "";
  if (/SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED/.test(codeOf(error)))
    return "its certificate is not signed by a CA that is trusted here";
  if (message.includes("WRONG_VERSION_NUMBER")) return "it does not speak TLS";
  if (message.includes("before secure TLS connection")) return CLOSED_IN_HANDSHAKE;
  const words = {
    ...BY_SERVER,
    CERT_HAS_EXPIRED: "its certificate has expired",
    CERT_NOT_YET_VALID: "its certificate is not valid yet",
    ERR_TLS_CERT_ALTNAME_INVALID: `its certificate is for another name than ${serverName}`,
  };
  if ("unix" in place)
    return pathFailure(place.unix) ?? explain(error, { ...words, EINVAL: "the path is too long" });
  const EINVAL = place.host.includes("%")
    ? "this machine has no such interface"
    : "a link-local address needs its interface, like fe80::1%eth0";
  return explain(error, { ...words, EINVAL });
}

/** What is wrong with a path, if anything is: Bun takes most of it for ECONNREFUSED. */
function pathFailure(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isSocket() ? undefined : "it is not a socket";
  } catch (why) {
    return explain(why, { ENOENT: "no such socket" });
  }
}
