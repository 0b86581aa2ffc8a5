/** TLS: its handshake comes before all that a client sends and receives. */

import type { Context, Part } from "../extras/part.ts";
import { UserError } from "../program/system-errors.ts";
import { formatTime } from "../program/units.ts";
import type { Life } from "../room/socket.ts";
import { type Arrival, type Hold, REPLACED } from "./door.ts";
import { handshakeFailure } from "./tls-failures.ts";

/**
 * `--tls-cert` and the like: each connection begins TLS with the certificates of the moment.
 *
 * @throws {UserError} if there is no TLS with them
 */
export function tls(context: Context): Part {
  const { createSecureContext } = process.getBuiltinModule("node:tls");
  try {
    createSecureContext(context.secrets.tls);
  } catch (cause) {
    throw new UserError("tls is not a certificate and its key in PEM", { cause });
  }
  let handlers: Bun.SocketHandler<Life> | undefined;
  const meet = (arrival: Arrival) => begin(arrival, context, (handlers ??= context.handlers()));
  return { name: "tls", door: { isTransport: true, meet } };
}

/** @param handlers what happens to a socket, over TLS as without it */
function begin(
  arrival: Arrival,
  { secrets, arrivalMs }: Context,
  handlers: Bun.SocketHandler<Life>,
): void {
  // Where this door is, connections come from `Bun.listen`, and no other door replaces them before.
  const accepted = arrival.socket as Bun.Socket<Life>;
  const asksForCertificate = secrets.tls?.ca !== undefined;
  const initialData = arrival.takeEarly();
  const hold: Hold = {
    withinMs: arrivalMs,
    ended: () => arrival.failed("gone before the handshake"),
    late: () => arrival.failed(`no handshake within ${formatTime(arrivalMs)}`),
  };
  let plain: Bun.Socket<Life> | undefined;
  const socket: Bun.SocketHandler<Life> = {
    ...handlers,
    open(secure) {
      const terminate = secure.terminate.bind(secure);
      // After `end`, only the plain socket can still be reset.
      secure.terminate = () => {
        terminate();
        plain?.terminate();
      };
      arrival.replaceSocket(secure);
      arrival.hold(hold);
    },
    handshake({ authorized }, success, error) {
      // Closing a socket that the server has done with fails the handshake, which is no news.
      if (!arrival.isHeldBy(hold)) return;
      const failure = handshakeFailure(success, error, asksForCertificate, authorized);
      if (failure === undefined) arrival.pass();
      else arrival.failed(`the handshake failed: ${failure}`);
    },
  };
  accepted.data = REPLACED;
  try {
    const material = { ...secrets.tls, requestCert: asksForCertificate, rejectUnauthorized: true };
    // The types leave out `initialData`, what has come already.
    const how = { tls: material, socket, initialData };
    [plain] = accepted.upgradeTLS<Life>(how);
  } catch (error) {
    arrival.failed();
    throw error;
  }
}
