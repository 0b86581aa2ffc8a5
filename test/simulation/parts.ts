/** What the server of a world does beside relaying: the parts that `listen` would load for its options. */

import { addresses } from "../../lib/doors/addresses.ts";
import { firstBytes } from "../../lib/doors/first-bytes.ts";
import { passPhrase } from "../../lib/doors/pass-phrase.ts";
import { telnet } from "../../lib/doors/telnet.ts";
import { tls } from "../../lib/doors/tls.ts";
import { bot, type BotEvents, type BotRoom } from "../../lib/extras/bot.ts";
import { history } from "../../lib/extras/history.ts";
import { idle } from "../../lib/extras/idle.ts";
import { names } from "../../lib/extras/names/names.ts";
import type { Context, Part } from "../../lib/extras/part.ts";
import { presence } from "../../lib/extras/presence.ts";
import { rate } from "../../lib/extras/rate.ts";
import type { Rules } from "./rules.ts";

/**
 * The parts in the order of `EXTRAS`, each pushed to those of the context.
 *
 * @param onNoticesFlush told in each flush just before the notices have their part of it
 */
export function loadParts(
  rules: Rules,
  context: Context & { readonly parts: Part[] },
  program: (room: BotRoom) => BotEvents,
  onNoticesFlush: () => void,
): void {
  const { parts } = context;
  const { allow, deny, clientsPerAddressMax } = rules;
  if (allow || deny || clientsPerAddressMax) parts.push(addresses(rules));
  if (rules.handshake) parts.push(tls(context));
  if (rules.telnet) parts.push(telnet());
  parts.push(firstBytes(context));
  if (rules.passPhrase !== undefined) parts.push(passPhrase(context));
  if (rules.linesPerSecond !== undefined) parts.push(rate(rules.linesPerSecond));
  if (rules.names) parts.push(names(context, rules.lineBytesMax));
  if (rules.history) parts.push(history(rules.history, rules.history.passingBytes));
  if (rules.announce) {
    const flush = () => {
      onNoticesFlush();
      return Number.POSITIVE_INFINITY;
    };
    parts.push({ extra: () => ({ flush }) }, presence(context));
  }
  if (rules.idleMs !== undefined) parts.push(idle(rules.idleMs));
  if (rules.bot) parts.push(bot(program, context));
}
