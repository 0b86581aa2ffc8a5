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

/** @param attributes what the page has to know about the room, on its first element */
export function pageOf(attributes: readonly string[]): Response {
  return new Response(page.replace("<html", ["<html", ...attributes].join(" ")), {
    headers: HEADERS,
  });
}

/** The code in the page by its hash, which is how a policy allows it and nothing else. */
function hashOf(element: "script" | "style"): string {
  const [, code = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(page) ?? [];
  return `'sha256-${new Bun.CryptoHasher("sha256").update(code).digest("base64")}'`;
}
