/** `--metrics`: figures for Prometheus, and whether the server takes clients, on a port of their own. */

import { HttpPort } from "./http-port.ts";
import type { Port } from "./port.ts";

/** As Prometheus asks for it: the text format. */
const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

/** What there is to ask for. */
export interface Asked {
  /** All figures, in the text format. */
  readonly figures: () => string;
  /** Why no clients are taken at the moment; undefined if they are. */
  readonly unhealthy: () => string | undefined;
}

/**
 * Answers `GET /metrics` and `GET /health`. Whoever reaches the port may ask: figures name nobody.
 *
 * @throws {UserError} when it cannot listen there
 */
export function openMetrics(place: Port, asked: Asked): Promise<HttpPort> {
  return HttpPort.open(place, (ground) =>
    Bun.serve({ ...ground, fetch: (request) => answer(request, asked) }),
  );
}

function answer(request: Request, { figures, unhealthy }: Asked): Response {
  const { pathname } = new URL(request.url);
  if (!["GET", "HEAD"].includes(request.method)) return text("GET and nothing else\n", 405);
  if (pathname === "/metrics") return text(figures(), 200, TEXT_FORMAT);
  if (pathname !== "/health") return text("/metrics or /health\n", 404);
  const reason = unhealthy();
  return reason === undefined ? text("ok\n") : text(`${reason}\n`, 503);
}

/** Closes the connection after it, so that none is open for nothing. */
function text(body: string, status = 200, type = "text/plain; charset=utf-8"): Response {
  return new Response(body, {
    status,
    headers: { "Content-Type": type, "Cache-Control": "no-store", Connection: "close" },
  });
}
