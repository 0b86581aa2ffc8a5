/** The page for a browser, and what a browser may do with it. */

import bundle from "./page.html" with { type: "text" };

/** Its text; the types of Bun only know the bundle that it is without `type: "text"`. */
const page = String(bundle);

/** What the page has to know about the room. */
export interface AboutRoom {
  readonly asksPassPhrase: boolean;
  readonly hasNames: boolean;
  readonly hasHistory: boolean;
  readonly lineBytesMax: number;
}

/**
 * No other code than that of the page runs, nothing is fetched from elsewhere, it is shown in no
 * frame, and a form sends nothing anywhere.
 */
const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf("script")}`,
  `style-src ${hashOf("style")}`,
  "img-src data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
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

/** The answer to whoever asks for the page. */
export function pageOf(about: AboutRoom): Response {
  const attributes = [
    about.asksPassPhrase && "data-pass",
    about.hasNames && "data-names",
    about.hasHistory && "data-history",
    `data-line-bytes="${about.lineBytesMax}"`,
  ];
  const text = page.replace("<html", `<html ${attributes.filter(Boolean).join(" ")}`);
  return new Response(text, { headers: HEADERS });
}

/** The code in the page by its hash, which is how a policy allows it and nothing else. */
function hashOf(element: "script" | "style"): string {
  const [, code = ""] = new RegExp(`<${element}>([^]*)</${element}>`).exec(page) ?? [];
  return `'sha256-${new Bun.CryptoHasher("sha256").update(code).digest("base64")}'`;
}
