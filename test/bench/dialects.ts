/** How each protocol carries a line: what a talker writes, and what a receiver must then read. */

/** A protocol as the load generator speaks it. Lines are given with their LF. */
export interface Dialect {
  /** Written first by a connection that listens. */
  readonly greeting: string;
  /** Written first by a connection that only talks; undefined when one connection does both. */
  readonly talkerGreeting: string | undefined;
  /** Whether a talker hears its own lines. */
  readonly echo: boolean;
  /** The bytes that say a line. */
  say(line: Buffer): Buffer;
  /** The bytes in which a receiver hears it; all of one length for lines of one length. */
  hear(line: Buffer): Buffer;
  /** What the server may send between two lines, which nobody has to answer soon. */
  readonly aside: string;
}

/** Of 4 bytes, as Redis is told. */
const SUBJECT = "chat";

/** Lines as they are: linechat, `ncat --broker`, a plain relay. */
const plain: Dialect = {
  greeting: "",
  talkerGreeting: undefined,
  echo: false,
  say: (line) => line,
  hear: (line) => line,
  aside: "",
};

/** The text protocol of NATS; a line travels without its LF. */
const nats: Dialect = {
  ...plain,
  greeting: `CONNECT {"verbose":false,"pedantic":false,"echo":false}\r\nSUB ${SUBJECT} 1\r\n`,
  say: (line) => wrap(`PUB ${SUBJECT} ${line.length - 1}\r\n`, line),
  hear: (line) => wrap(`MSG ${SUBJECT} 1 ${line.length - 1}\r\n`, line),
  aside: "PING\r\n",
};

/** Redis publish/subscribe in RESP2, where who has subscribed cannot publish; a line travels without its LF. */
const redis: Dialect = {
  ...plain,
  greeting: `SUBSCRIBE ${SUBJECT}\r\n`,
  talkerGreeting: "CLIENT REPLY OFF\r\n",
  echo: true,
  say: (line) => wrap(`*3\r\n$7\r\nPUBLISH\r\n$4\r\n${SUBJECT}\r\n$${line.length - 1}\r\n`, line),
  hear: (line) => wrap(`*3\r\n$7\r\nmessage\r\n$4\r\n${SUBJECT}\r\n$${line.length - 1}\r\n`, line),
};

export const DIALECTS = { plain, nats, redis } as const;
export type DialectName = keyof typeof DIALECTS;

function wrap(before: string, line: Buffer): Buffer {
  return Buffer.concat([Buffer.from(before), line.subarray(0, -1), Buffer.from("\r\n")]);
}
