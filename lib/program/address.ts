/** Addresses as text, as `getnameinfo` with `NI_NUMERICHOST` gives them; and as people write them. */

/** What names addresses in an option: see lib/doors/address-list.ts. */
export const ADDRESS_RULE = "an address or a range like 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32";

/**
 * Where a connection comes from or goes to: `203.0.113.9:51234`, `[2001:db8::1]:51234`.
 *
 * @param address a numeric address, of which `unmapAddress` is shown; or a host name
 */
export function formatAddress(address: string, port: number): string {
  const plain = unmapAddress(address);
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** `203.0.113.9` for `::ffff:203.0.113.9`, as sockets for both families have it; others unchanged. */
export function unmapAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/**
 * What `formatAddress` has put together: `localhost:8080`, `[::1]:8080`. Without a port: `[::1]`,
 * or what cannot be split, such as an IPv6 address that is not in brackets.
 */
export function splitAddress(address: string): { host: string; port: string | undefined } {
  const [, six, host = six, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(address) ?? [];
  return { host: host ?? address, port };
}
