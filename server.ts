#!/usr/bin/env sh
///usr/bin/env sh -c 'command -v bun' >/dev/null && exec bun "$0" "$@"
///usr/bin/env echo "linechat needs Bun 1.4.5 or later: https://bun.com" >&2; exit 127
/**
 * A chat room on a port: each line that one client sends is relayed to every other client. The first
 * lines are for `sh`, which hands over to Bun. The stages are those in lib/README.md.
 *
 * 1. Read the command line, and the files it names.
 * 2. Open the server (stage 1: getaddrinfo, socket, bind, listen, accept).
 * 3. Clients join, send and leave (stages 3 and 5): see the table in lib/server/connections.ts.
 * 4. Stop when told to: send everybody what is pending, for at most 5 s (`Server.stop`), then close.
 */

import { exit, runCommand } from "./lib/program/command-line.ts";
import { onSignal } from "./lib/program/process.ts";
import { UserError } from "./lib/program/system-errors.ts";
import type { Server } from "./lib/server/api.ts";
import { openEventLog } from "./lib/server/event-log.ts";
import { listen } from "./lib/server/listen.ts";
import { limitsOf, SERVER, settingsOf } from "./lib/server/options.ts";

await runCommand(SERVER, async (options, [port]) => {
  let server: Server | undefined;
  const log = openEventLog(options.quiet, () => server?.size ?? 0);

  let stopping = false;
  /** Stops and exits; at a second signal at once, without waiting for slow readers. */
  const stop = async () => {
    if (server && !stopping) {
      stopping = true;
      log.note("stopping");
      await server.stop();
    }
    log.end();
    await exit(0);
  };
  onSignal("SIGINT", stop);
  onSignal("SIGTERM", stop);
  /** What SIGHUP does; one that comes while the server starts waits for that. */
  const reload = Promise.withResolvers<() => Promise<void>>();
  onSignal("SIGHUP", async () => (await reload.promise)());

  const settings = await settingsOf(options, port);
  const { note, ...limits } = await limitsOf(options);
  const opened = (server = await listen({ ...settings, ...limits, ...log.events }));
  for (const line of [note, ...opened.notes, `listening on ${opened.address}`]) log.note(line);
  for (const [what, url] of Object.entries(opened.urls)) log.note(`${what} at ${url}`);

  /** Reads again what was read from files; members do not notice. */
  reload.resolve(async () => {
    try {
      const renewed = await settingsOf(options, port);
      opened.renew(renewed);
      log.note(`${renewed.tls || renewed.passPhrase ? "" : "no "}files read again`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      log.warn(`nothing changes: ${error.message}`);
    }
  });
});
