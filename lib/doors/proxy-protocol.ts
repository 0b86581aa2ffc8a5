/**
 * A connection that a load balancer passes on begins with a PROXY header, which tells whose it is.
 * What follows comes from that client.
 */

import type { Context, Part } from "../extras/part.ts";
import { NO_PROXY_HEADER, noProxyHeaderWithin } from "../program/server-messages.ts";
import { formatTime } from "../program/units.ts";
import { addressList } from "./address-list.ts";
import type { Arrival } from "./door.ts";
import { readProxyHeader } from "./proxy-header.ts";

/**
 * `--proxy-protocol`.
 *
 * @param rules addresses or ranges of load balancers; connections from elsewhere have no header
 * @throws {UserError} that names what is neither an address nor a range
 */
export function proxyProtocol(rules: readonly string[], { arrivalMs }: Context): Part {
  const isProxy = addressList("--proxy-protocol", rules);
  return {
    name: "proxyProtocol",
    door: {
      isTransport: true,
      meet(arrival) {
        if (isProxy(arrival.address)) awaitHeader(arrival, arrivalMs);
        else arrival.pass();
      },
    },
  };
}

function awaitHeader(arrival: Arrival, withinMs: number): void {
  let begun: Uint8Array = new Uint8Array(0);
  /** Whether the load balancer is there for itself; mostly it only looks, and goes again. */
  let isLocal = false;
  // Where TLS is to follow the header, a message in plain text would only confuse.
  const refuse = (message: string) =>
    arrival.way.kind === "tls" ? arrival.failed(message) : arrival.refuse(message);

  arrival.hold({
    withinMs,
    received(bytes) {
      if (isLocal) return arrival.pass(bytes);
      begun = Buffer.concat([begun, bytes]);
      let header;
      try {
        header = readProxyHeader(begun);
      } catch (error) {
        return refuse(error instanceof Error ? error.message : String(error));
      }
      if (header === undefined) return;
      const rest = begun.subarray(header.bytes);
      isLocal = header.isLocal && rest.length === 0;
      if (isLocal) return;
      if (header.client) ({ address: arrival.address, port: arrival.port } = header.client);
      arrival.pass(rest);
    },
    ended: () => (isLocal ? arrival.dismiss() : refuse(NO_PROXY_HEADER)),
    late: () => (isLocal ? arrival.pass() : refuse(noProxyHeaderWithin(formatTime(withinMs)))),
  });
}
