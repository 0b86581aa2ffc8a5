/** The page for a browser, put together of the files in `page/`, and what a browser may do with it. */

/**
 * Their text. TypeScript is not to see from here which files they are, as they are checked with the
 * types of a browser instead, by `page/tsconfig.json`; the bundler of Bun does see it.
 */
const [html, style, ...modules] = (
  await Promise.all([
    import("./page/page.html" as string, { with: { type: "text" } }),
    import("./page/page.css" as string, { with: { type: "text" } }),
    // Each of these imports only from those before it.
    import("../program/room-view.ts" as string, { with: { type: "text" } }),
    import("./page/elements.ts" as string, { with: { type: "text" } }),
    import("./page/line.ts" as string, { with: { type: "text" } }),
    import("./page/people.ts" as string, { with: { type: "text" } }),
    import("./page/transcript.ts" as string, { with: { type: "text" } }),
    import("./page/receipts.ts" as string, { with: { type: "text" } }),
    import("./page/connection.ts" as string, { with: { type: "text" } }),
    import("./page/seat.ts" as string, { with: { type: "text" } }),
  ])
).map(({ default: text }) => String(text));

const script = scriptOf(modules);
const page = String(html)
  .replace("<style></style>", () => `<style>${style}</style>`)
  .replace("<script></script>", () => `<script>${script}</script>`);

/**
 * No other code than that of the page runs, nothing is fetched from elsewhere, it is shown in no
 * frame, and a form sends nothing anywhere.
 */
const POLICY = [
  ...["default-src 'none'", `script-src ${hashOf(script)}`, `style-src ${hashOf(`${style}`)}`],
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

/** One script of modules in TypeScript, which have no name at their top level in common. */
function scriptOf(modules: readonly string[]): string {
  const transpiler = new Bun.Transpiler({ loader: "ts", target: "browser" });
  const bodies = modules.map((module) =>
    transpiler.transformSync(module.replace(/^import [^;]*;$/gm, "")).replace(/^export /gm, ""),
  );
  return `"use strict";\n{\n${bodies.join("")}}`;
}

/** Code by its hash, which is how a policy allows it and nothing else. */
function hashOf(code: string): string {
  return `'sha256-${new Bun.CryptoHasher("sha256").update(code).digest("base64")}'`;
}
