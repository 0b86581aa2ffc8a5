/**
 * Everything that a server can do beside relaying: each entry has its options, what does not go with
 * them, and how it is loaded, which happens only when it is asked for. An entry whose file is deleted
 * is deleted here, and nowhere else. Connections meet doors in this order, and what a member sends goes
 * through the extras in this order.
 */

import type { Entry, Intersection, Secrets } from "../extras/part.ts";
import { flag, type Table, text } from "../program/command-line.ts";
import * as kinds from "../program/option-values.ts";

const ON_PORT = "on this port, of 127.0.0.1 unless another host is named";
const file = text("file");
const addresses = kinds.list("address", "an address or a range", /^/);

function entry<Settings, Options extends Table = {}>(one: Entry<Options, Settings>) {
  return one;
}

/** All of them. */
export const EXTRAS = {
  redis: entry({
    options: {
      redis: kinds.redisUrl(
        "be one room with all servers that share it over this Redis, like redis://10.0.0.5 or rediss://user@host:6380/1",
      ),
      room: kinds.roomName("the name of that room (default linechat)"),
    },
    excludes: ["room !redis"],
    settings: ({ redis, room }) => ({ redis: redis && { url: redis, room: room ?? "linechat" } }),
    load: async ({ redis, ...common }: import("../redis/redis.ts").RedisSettings, context) =>
      redis && (await import("../redis/redis.ts")).redis(redis, common, context),
  }),
  proxyProtocol: entry({
    options: {
      "proxy-protocol": addresses(
        "a load balancer, or a range of them: its connections begin with a PROXY header, which says whose they are; repeatable",
      ),
    },
    excludes: ["proxy-protocol unix"],
    settings: (given) => ({ proxyProtocol: given["proxy-protocol"] }),
    load: async (settings: { proxyProtocol?: readonly string[] | undefined }, context) =>
      settings.proxyProtocol &&
      (await import("../doors/proxy-protocol.ts")).proxyProtocol(settings.proxyProtocol, context),
  }),
  addresses: entry({
    options: {
      allow: addresses(
        "accept only this address or range, like 10.0.0.0/8; repeatable (default: all)",
      ),
      deny: addresses("refuse this address or range, even if allowed; repeatable"),
      "max-clients-per-address": kinds.count("connections from one address (default: any number)"),
    },
    excludes: ["allow unix !web", "deny unix !web", "max-clients-per-address unix !web"],
    settings: (given) => ({ clientsPerAddressMax: given["max-clients-per-address"] }),
    load: async (settings: import("../doors/addresses.ts").AddressSettings) =>
      (settings.allow || settings.deny || settings.clientsPerAddressMax !== undefined) &&
      (await import("../doors/addresses.ts")).addresses(settings),
  }),
  tls: entry({
    options: {
      "tls-cert": file("use TLS, with the certificate in this PEM file"),
      "tls-key": file("PEM file with the key of that certificate"),
      "tls-ca": file("require a client certificate from a CA in this PEM file"),
    },
    excludes: ["tls-cert !tls-key", "tls-key !tls-cert", "tls-ca !tls-cert"],
    settings: async ({ "tls-cert": cert, "tls-key": key, "tls-ca": ca }) => ({
      tls: cert ? (await import("../program/files.ts")).loadTls({ cert, key, ca }) : undefined,
    }),
    load: async ({ tls }: Pick<Secrets, "tls">, context) =>
      tls && (await import("../doors/tls.ts")).tls(context),
  }),
  telnet: entry({
    options: {
      telnet: flag("answer and leave out the commands that telnet clients send among their lines"),
    },
    load: async ({ telnet }: { telnet?: boolean | undefined }) =>
      telnet && (await import("../doors/telnet.ts")).telnet(),
  }),
  passPhrase: entry({
    options: {
      "pass-file": file("require the line in this file as each client's first line"),
    },
    settings: async ({ "pass-file": file }) => ({
      passPhrase: file ? (await import("../program/files.ts")).readPassPhrase(file) : undefined,
    }),
    load: async ({ passPhrase }: Pick<Secrets, "passPhrase">, context) =>
      passPhrase && (await import("../doors/pass-phrase.ts")).passPhrase(context),
  }),
  firstBytes: entry({
    load: async (_: object, context) =>
      (await import("../extras/first-bytes.ts")).firstBytes(context),
  }),
  rate: entry({
    options: {
      "max-rate": kinds.count(
        "lines a second accepted from one client, in bursts of up to n; the rest is read later (default: any number)",
      ),
    },
    settings: (given) => ({ linesPerSecond: given["max-rate"] }),
    load: async ({ linesPerSecond }: { linesPerSecond?: number | undefined }) =>
      linesPerSecond !== undefined && (await import("../extras/rate.ts")).rate(linesPerSecond),
  }),
  names: entry({
    options: {
      names: flag(
        "put each client's name before its lines: that of its certificate with --tls-ca, else its first line",
      ),
    },
    load: async (settings: import("../extras/names/names.ts").NamesSettings, context) =>
      settings.names &&
      (await import("../extras/names/names.ts")).names(context, settings.lineBytesMax),
  }),
  history: entry({
    options: {
      history: kinds.lines(
        "let newcomers receive first what was sent before: the last n lines (8M at most), or as many as fit in a size like 8M (default: none)",
      ),
    },
    load: async ({ history }: import("../extras/history.ts").HistorySettings) =>
      history && (await import("../extras/history.ts")).history(history),
  }),
  presence: entry({
    options: { announce: flag("say in the room who joins and who leaves") },
    load: async (given: import("../extras/presence.ts").PresenceSettings, context) =>
      given.announce &&
      (await import("../extras/presence.ts")).presence(context, given.lineBytesMax),
  }),
  idle: entry({
    options: {
      idle: kinds.time("disconnect clients that have sent no line for this long (default: never)"),
    },
    settings: ({ idle }) => ({ idleMs: idle || undefined }),
    load: async ({ idleMs }: { idleMs?: number | undefined }) =>
      idleMs !== undefined && (await import("../extras/idle.ts")).idle(idleMs),
  }),
  bot: entry({
    load: async ({ bot }: import("../extras/bot.ts").BotSettings, context) =>
      bot && (await import("../extras/bot.ts")).bot(bot, context),
  }),
  web: entry({
    options: {
      web: kinds.place(`a page for browsers ${ON_PORT}`),
      "web-name": kinds.list(
        "name",
        "a name as in a URL, like chat.example.org",
        /^[^\s/@]+$/,
      )("a name by which browsers find this server, beside its addresses; repeatable"),
      "web-proxy": addresses("believe X-Forwarded-For of this reverse proxy, or range; repeatable"),
    },
    excludes: ["web-name !web", "web-proxy !web", "web names tls-ca"],
    settings: ({ web, ...given }) => ({
      web: web && { ...web, names: given["web-name"], proxies: given["web-proxy"] },
    }),
    spareFiles: async ({ web }) => (web ? (await import("../http/http-port.ts")).spareFiles() : 0),
    load: async ({ web, ...about }: import("../web/web.ts").WebSettings, context) =>
      web && (await import("../web/web.ts")).web(web, about, context),
  }),
  metrics: entry({
    options: {
      metrics: kinds.place(`figures for Prometheus at /metrics, and /health, ${ON_PORT}`),
    },
    spareFiles: async ({ metrics }) =>
      metrics ? (await import("../http/http-port.ts")).spareFiles() : 0,
    load: async ({ metrics, ...about }: import("../metrics/metrics.ts").MetricsSettings, context) =>
      metrics && (await import("../metrics/metrics.ts")).metrics(metrics, about, context),
  }),
} as const;

type Entries = (typeof EXTRAS)[keyof typeof EXTRAS];
/** What `listen` takes for all of them. */
export type ExtraSettings = Intersection<Parameters<Entries["load"]>[0]>;

/** All of them, as they are where it does not matter which they are: each looks at its own options. */
export const ENTRIES = Object.values(EXTRAS) as unknown as readonly Entry<Table, object>[];
