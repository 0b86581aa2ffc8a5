/** The page for a browser, put together of the files in `page/`, and what a browser may do with it. */

import { People, Shown } from "../program/room-view.ts";

/**
 * Their text. TypeScript is not to see from here which files they are, as they are checked with the
 * types of a browser instead, by `page/tsconfig.json`; the bundler of Bun does see it.
 */
const [html = "", style = "", ...modules] = (
  await Promise.all([
    import("./page/page.html" as string, { with: { type: "text" } }),
    import("./page/page.css" as string, { with: { type: "text" } }),
    // Each of these imports only from those before it.
    import("./page/elements.ts" as string, { with: { type: "text" } }),
    import("./page/line.ts" as string, { with: { type: "text" } }),
    import("./page/transcript.ts" as string, { with: { type: "text" } }),
    import("./page/connection.ts" as string, { with: { type: "text" } }),
    import("./page/forms.ts" as string, { with: { type: "text" } }),
  ])
).map(({ default: text }) => String(text));

/**
 * What the terminal has too, by the text of its classes: a program that is one file, as `bun build`
 * makes it, has of each file either a module or its text, https://github.com/oven-sh/bun/pull/41834.
 */
const shared = `const People = ${People};\nconst Shown = ${Shown};\n`;

/** One script of all modules, which have no name at their top level in common. */
const transpiler = new Bun.Transpiler({ loader: "ts", target: "browser" });
const bodies = modules.map((module) =>
  transpiler.transformSync(module.replace(/^import [^;]*;$/gm, "")).replace(/^export /gm, ""),
);
const script = `"use strict";\n{\n${shared}${bodies.join("")}}`;

const page = html
  .replace("<style></style>", () => `<style>${style}</style>`)
  .replace("<script></script>", () => `<script>${script}</script>`);

/** Code by its hash, which is how a policy allows it and nothing else. */
const hashOf = (code: string) =>
  `'sha256-${new Bun.CryptoHasher("sha256").update(code).digest("base64")}'`;

const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  // No code but that of the page, nothing from elsewhere, in no frame, and no form sends anything.
  "Content-Security-Policy": [
    ...["default-src 'none'", `script-src ${hashOf(script)}`, `style-src ${hashOf(style)}`],
    ...["img-src data:", "connect-src 'self'", "form-action 'none'", "base-uri 'none'"],
    "frame-ancestors 'none'",
  ].join("; "),
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-cache",
  Connection: "close",
};

/** @param has what the room asks for or has, which the page finds on its first element */
export function pageOf(has: Readonly<Record<string, unknown>>, lineBytesMax: number): Response {
  const had = Object.keys(has).filter((name) => has[name]);
  const attributes = [...had.map((name) => ` data-${name}`), ` data-line-bytes="${lineBytesMax}"`];
  return new Response(page.replace("<html", `<html${attributes.join("")}`), { headers: HEADERS });
}
