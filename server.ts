#!/usr/bin/env sh
///usr/bin/env sh -c 'command -v bun' >/dev/null && exec bun "$0" "$@"
///usr/bin/env echo "linechat needs Bun 1.4.5 or later: https://bun.com" >&2; exit 127
/**
 * A chat room on a port: whatever one client says, line by line, every other client hears.
 *
 * 1. Read the command line, and the files it names.
 * 2. Open the server (stage 1: getaddrinfo, socket, bind, listen, accept).
 * 3. Clients come, talk and go (stages 3 and 5; lib/server/connections.ts has the table).
 * 4. Stop when told to: hand everybody what they are owed, then close.
 */

import { exit, runCommand } from "./lib/program/command-line.ts";
import { onSignal } from "./lib/program/signals.ts";
import { UserError } from "./lib/program/system-errors.ts";
import { openEventLog } from "./lib/server/event-log.ts";
import { listen } from "./lib/server/listen.ts";
import {
  doubtsAbout,
  limitNamed,
  secretsNamed,
  secretsOf,
  serverCommand,
  settingsOf,
} from "./lib/server/options.ts";
import { serviceManager } from "./lib/server/service-manager.ts";
import { version } from "./package.json";

await runCommand(serverCommand(version), async (options, [port]) => {
  /** What SIGHUP does; one that comes while the server starts waits for that. */
  const readAnew = Promise.withResolvers<() => void>();
  onSignal("SIGHUP", async () => (await readAnew.promise)());

  const settings = settingsOf(options, port);
  const log = openEventLog(options.quiet, () => server.room.size, options.names);
  const manager = await serviceManager(log.warn);
  const server = await listen({ ...settings, ...log.events });

  log.note(limitNamed(settings.clientsMax));
  for (const doubt of doubtsAbout(options, server.address)) log.warn(doubt);
  if (server.nameInRoom)
    log.note(`sharing the room ${settings.redis?.room}, as server ${server.nameInRoom}`);
  log.note(`listening on ${server.address}`);
  if (server.webUrl) log.note(`browsers at ${server.webUrl}`);
  if (server.metricsUrl) log.note(`metrics at ${server.metricsUrl}`);

  let stopping = false;
  /** A second signal does not wait for those who read slowly. */
  const stop = async () => {
    if (!stopping) {
      stopping = true;
      log.note("stopping");
      manager.stopping();
      await server.stop();
    }
    log.end();
    await exit(0);
  };
  onSignal("SIGINT", stop);
  onSignal("SIGTERM", stop);

  /** Reads anew what was read from files; who is in the room does not notice. */
  const renew = () => {
    const files = secretsNamed(options);
    if (files === undefined) return log.note("SIGHUP: there are no files to read anew");
    try {
      server.renew(secretsOf(options, true));
      log.note(`${files} read anew`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      log.warn(`${files} stay as they were: ${error.message}`);
    }
  };
  manager.ready();
  readAnew.resolve(() => {
    manager.reloading();
    renew();
    manager.ready();
  });
});
