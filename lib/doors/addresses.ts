/** From which addresses clients may connect, and how many from each. */

import type { Part } from "../extras/part.ts";
import { unmapAddress } from "../program/address.ts";
import { notAllowedFrom, tooManyFrom } from "../program/server-messages.ts";
import { UserError } from "../program/system-errors.ts";
import { addressList } from "./address-list.ts";
import type { Arrival } from "./door.ts";

/** What is left out limits nothing. */
export interface AddressSettings {
  /** Addresses or ranges, like `10.0.0.0/8`: others are refused. */
  readonly allow?: readonly string[] | undefined;
  /** Addresses or ranges that are refused, even if they are allowed. */
  readonly deny?: readonly string[] | undefined;
  /** How many clients there may be from one address, at least 1. */
  readonly clientsPerAddressMax?: number | undefined;
}

/**
 * `--allow`, `--deny` and `--max-clients-per-address`. A client counts as long as it has its seat; on
 * a Unix socket it has no address, and passes.
 *
 * @throws {UserError} that names what is neither an address nor a range, or a number too small
 */
export function addresses({ allow = [], deny = [], ...limits }: AddressSettings): Part {
  const { clientsPerAddressMax = Number.POSITIVE_INFINITY } = limits;
  if (!(clientsPerAddressMax >= 1))
    throw new UserError(
      `clientsPerAddressMax is a number of at least 1, not ${clientsPerAddressMax}`,
    );
  const isAllowed = allow.length > 0 ? addressList("--allow", allow) : () => true;
  const isDenied = addressList("--deny", deny);
  /** How many clients have a seat, by their address. */
  const counts = new Map<string, number>();
  const countOf = (address: string) => counts.get(address) ?? 0;

  const takeSeat = (arrival: Arrival, address: string) => {
    const { seat } = arrival;
    counts.set(address, countOf(address) + 1);
    arrival.seat = {
      release() {
        seat?.release();
        counts.set(address, countOf(address) - 1);
        if (countOf(address) === 0) counts.delete(address);
      },
    };
  };

  const refusalOf = (address: string) =>
    isDenied(address) || !isAllowed(address) ? notAllowedFrom(unmapAddress(address)) : undefined;

  return {
    name: "addresses",
    door: {
      refusalOf,
      meet(arrival) {
        const address = unmapAddress(arrival.address);
        if (address === "") return arrival.pass();
        const refusal = refusalOf(address);
        if (refusal !== undefined) return arrival.refuse(refusal);
        if (countOf(address) >= clientsPerAddressMax) return arrival.refuse(tooManyFrom(address));
        takeSeat(arrival, address);
        arrival.pass();
      },
    },
  };
}
