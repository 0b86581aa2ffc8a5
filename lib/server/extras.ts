/**
 * Everything that a server can do besides relaying: each entry has its options, what does not go with
 * them, and how it is loaded, which happens only when it is asked for, as `firstBytes` always is. An
 * entry whose file is deleted is deleted here, and nowhere else. Connections meet doors in this order,
 * and what a member sends goes through the extras in this order.
 */

import type { Entry, Intersection, Secrets } from "../extras/part.ts";
import { flag, type Table, text, under } from "../program/command-line.ts";
import * as kinds from "../program/option-values.ts";

const file = text("file");
const addresses = kinds.list("address", "an address or a range", /^/);

function entry<Settings, Options extends Table = {}>(one: Entry<Options, Settings>) {
  return one;
}

/** All of them. */
export const EXTRAS = {
  redis: entry({
    options: under("For several servers", {
      redis: kinds.redisUrl("be one room with all at this Redis, as redis://10.0.0.5"),
      room: kinds.roomName("the name of that room (default linechat)"),
    }),
    excludes: ["room !redis"],
    settings: ({ redis, room }) => ({ redis: redis && { url: redis, room: room ?? "linechat" } }),
    load: async ({ redis, ...common }: import("../redis/redis.ts").RedisSettings, context) =>
      redis && (await import("../redis/redis.ts")).redis(redis, common, context),
  }),
  proxyProtocol: entry({
    options: under("Who may connect", {
      "proxy-protocol": addresses("a load balancer that sends PROXY headers; repeatable"),
    }),
    excludes: ["proxy-protocol unix"],
    settings: (given) => ({ proxyProtocol: given["proxy-protocol"] }),
    load: async (settings: { proxyProtocol?: readonly string[] | undefined }, context) =>
      settings.proxyProtocol &&
      (await import("../doors/proxy-protocol.ts")).proxyProtocol(settings.proxyProtocol, context),
  }),
  addresses: entry({
    options: under("Who may connect", {
      allow: addresses("only this address or range, like 10.0.0.0/8; repeatable"),
      deny: addresses("not this one, even if allowed; repeatable"),
      "max-clients-per-address": kinds.count("connections from one (default: any number)"),
    }),
    excludes: ["allow unix !web", "deny unix !web", "max-clients-per-address unix !web"],
    settings: (given) => ({ clientsPerAddressMax: given["max-clients-per-address"] }),
    load: async (settings: import("../doors/addresses.ts").AddressSettings) =>
      (settings.allow || settings.deny || settings.clientsPerAddressMax !== undefined) &&
      (await import("../doors/addresses.ts")).addresses(settings),
  }),
  tls: entry({
    options: under("Who may connect", {
      "tls-cert": file("use TLS, with the certificate in this PEM file"),
      "tls-key": file("the key of that certificate, a PEM file"),
      "tls-ca": file("require client certificates from a CA in this PEM file"),
    }),
    excludes: ["tls-cert !tls-key", "tls-key !tls-cert", "tls-ca !tls-cert"],
    settings: async ({ "tls-cert": cert, "tls-key": key, "tls-ca": ca }) => ({
      tls: cert ? (await import("../program/files.ts")).loadTls({ cert, key, ca }) : undefined,
    }),
    load: async ({ tls }: Pick<Secrets, "tls">, context) =>
      tls && (await import("../doors/tls.ts")).tls(context),
  }),
  telnet: entry({
    options: under("For people", {
      telnet: flag("answer and leave out the commands of telnet clients"),
    }),
    load: async ({ telnet }: { telnet?: boolean | undefined }) =>
      telnet && (await import("../doors/telnet.ts")).telnet(),
  }),
  firstBytes: entry({
    load: async (_: object, context) =>
      (await import("../doors/first-bytes.ts")).firstBytes(context),
  }),
  passPhrase: entry({
    options: under("Who may connect", {
      "pass-file": file("require the line in this file as a client's first line"),
    }),
    settings: async ({ "pass-file": file }) => ({
      passPhrase: file ? (await import("../program/files.ts")).readPassPhrase(file) : undefined,
    }),
    load: async ({ passPhrase }: Pick<Secrets, "passPhrase">, context) =>
      passPhrase && (await import("../doors/pass-phrase.ts")).passPhrase(context),
  }),
  rate: entry({
    options: under("How much", {
      "max-rate": kinds.count("lines a second from one client (default: any number)"),
    }),
    settings: (given) => ({ linesPerSecond: given["max-rate"] }),
    load: async ({ linesPerSecond }: { linesPerSecond?: number | undefined }) =>
      linesPerSecond !== undefined && (await import("../extras/rate.ts")).rate(linesPerSecond),
  }),
  names: entry({
    options: under("For people", { names: flag("put each client's name before its lines") }),
    load: async (settings: import("../extras/names/names.ts").NamesSettings, context) =>
      settings.names &&
      (await import("../extras/names/names.ts")).names(context, settings.lineBytesMax),
  }),
  history: entry({
    options: under("For people", {
      history: kinds.lines("send newcomers the last lines first (default: none)"),
    }),
    load: async ({ history }: import("../extras/history.ts").HistorySettings) =>
      history && (await import("../extras/history.ts")).history(history),
  }),
  presence: entry({
    options: under("For people", { announce: flag("tell the room who joins and who leaves") }),
    load: async (given: import("../extras/presence.ts").PresenceSettings, context) =>
      given.announce &&
      (await import("../extras/presence.ts")).presence(context, given.lineBytesMax),
  }),
  idle: entry({
    options: under("How much", {
      idle: kinds.time("how long a client may send no line (default: any time)"),
    }),
    settings: ({ idle }) => ({ idleMs: idle || undefined }),
    load: async ({ idleMs }: { idleMs?: number | undefined }) =>
      idleMs !== undefined && (await import("../extras/idle.ts")).idle(idleMs),
  }),
  bot: entry({
    load: async ({ bot }: import("../extras/bot.ts").BotSettings, context) =>
      bot !== undefined && (await import("../extras/bot.ts")).bot(bot, context),
  }),
  web: entry({
    options: under("For browsers", {
      web: kinds.place("serve a page, on 127.0.0.1 if no host is named"),
      "web-name": kinds.list(
        "name",
        "a name as in a URL, like chat.example.org",
        /^[^\s/@]+$/,
      )("a name of this server in URLs; repeatable"),
      "web-proxy": addresses("a reverse proxy that sends X-Forwarded-For; repeatable"),
    }),
    excludes: ["web-name !web", "web-proxy !web", "web names tls-ca"],
    settings: ({ web, ...given }) => ({
      web: web && { ...web, names: given["web-name"], proxies: given["web-proxy"] },
    }),
    spareFiles: async ({ web }) => (web ? (await import("../http/http-port.ts")).spareFiles() : 0),
    load: async ({ web, ...about }: import("../web/web.ts").WebSettings, context) =>
      web && (await import("../web/web.ts")).web(web, about, context),
  }),
  metrics: entry({
    options: under("For operators", {
      metrics: kinds.place("serve /metrics and /health, like --web"),
    }),
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
