/** The page for a browser, and what a browser may do with it. */

import bundle from "./page.html" with { type: "text" };

/** Its text; the types of Bun only know the bundle that it is without `type: "text"`. */
const page = String(bundle);

/**
 * No other code than that of the page runs, nothing is fetched from elsewhere, it is shown in no
 * frame, and a form sends nothing anywhere.
 */
const POLICY = [
  ...["default-src 'none'", `script-src ${hashOf("script")}`, `style-src ${hashOf("style")}`],
  ...["img-src data:", "connect-src 'self'", "form-action 'none'", "base-uri 'none'"],
  "frame-ancestors 'none'",
].join("; ");

const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": POLICY,
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-cache",
  Connection: "close",
};

/** What the page has to know about the room: an attribute for each. */
export interface AboutRoom {
  /** Whether a pass phrase is asked for. */
  readonly pass: boolean;
  readonly names: boolean;
  readonly history: boolean;
  /** The longest line, in bytes, its LF included. */
  readonly lineBytes: number;
}

export function pageOf({ pass, names, history, lineBytes }: AboutRoom): Response {
  const flags = [pass && "data-pass", names && "data-names", history && "data-history"];
  const attributes = ["<html", ...flags.filter(Boolean), `data-line-bytes="${lineBytes}"`];
  return new Response(page.replace("<html", attributes.join(" ")), { headers: HEADERS });
}

/** The code in the page by its hash, which is how a policy allows it and nothing else. */
function hashOf(element: "script" | "style"): string {
  const [, code = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(page) ?? [];
  return `'sha256-${new Bun.CryptoHasher("sha256").update(code).digest("base64")}'`;
}
