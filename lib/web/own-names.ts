/** Whether a request means this server: a page elsewhere must not get in by a name that leads here. */

import { isIP } from "node:net";
import { hostname } from "node:os";

/**
 * Tells whether the headers of a request are those of a page of this server, or of no page at all.
 *
 * `Host` has to be an address, `localhost`, the name of the machine or one of `names`: a name that
 * somebody else has made lead here (DNS rebinding) is none of these. `Origin`, which a browser sends
 * with a WebSocket and no page can change, has to be the same as `Host`, or one of `names`, by which
 * a reverse proxy is reached that does not hand `Host` on.
 *
 * @param names as a URL has them, with a port if it is not that of the scheme
 * @returns why not, as a line to answer; undefined if it may come in
 */
export function ownNames(names: readonly string[]) {
  const given = new Set(names.map((name) => name.toLowerCase()));
  const own = new Set(["localhost", hostname().toLowerCase(), ...given]);
  return (headers: Headers): string | undefined => {
    const host = headers.get("host")?.toLowerCase() ?? "";
    const name = host.replace(/:\d*$/, "");
    const isOwn = own.has(name) || given.has(host) || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0;
    if (!isOwn) return `this server is not called ${host}`;
    const origin = headers.get("origin")?.toLowerCase();
    const from = origin?.replace(/^https?:\/\//, "");
    const isSame = from === undefined || from === host || given.has(from);
    return isSame ? undefined : `not for pages of ${origin}`;
  };
}
