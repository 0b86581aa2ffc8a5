/** `--allow`, `--deny` and `--max-clients-per-address`: from where clients may connect, and how many. */

import type { Part } from "../extras/part.ts";
import { unmapAddress } from "../program/network.ts";
import { REFUSALS } from "../program/server-messages.ts";
import { checkRange } from "../program/system-errors.ts";
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
 * A client counts as long as it has its seat; on a Unix socket it has no address, and passes.
 *
 * @throws {UserError} that names what is neither an address nor a range, or a number too small
 */
export function addresses({
  allow = [],
  deny = [],
  clientsPerAddressMax: max = Number.POSITIVE_INFINITY,
}: AddressSettings): Part {
  checkRange("clientsPerAddressMax", max, 1);
  const isListed = addressList("--allow", allow);
  const isAllowed = allow.length > 0 ? isListed : () => true;
  const isDenied = addressList("--deny", deny);
  const refusalOf = (address: string) =>
    isDenied(address) || !isAllowed(address)
      ? REFUSALS.notAllowedFrom(unmapAddress(address))
      : undefined;
  /** How many clients have a seat, by their address. */
  const counts = new Map<string, number>();

  const meet = (arrival: Arrival) => {
    const { address } = arrival;
    if (address === "") return arrival.pass();
    const refusal = refusalOf(address);
    if (refusal !== undefined) return arrival.refuse(refusal);
    const count = () => counts.get(address) ?? 0;
    const goOn = () => {
      counts.set(address, count() + 1);
      arrival.onRelease(() => {
        if (count() > 1) counts.set(address, count() - 1);
        else counts.delete(address);
      });
      arrival.pass();
    };
    arrival.await(() => count() < max, goOn, REFUSALS.tooManyFrom(address));
  };
  return { door: { meet, refusalOf } };
}
