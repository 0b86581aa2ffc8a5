/** What a client speaks by its first line, by one look at all of it: slow, but plain to see. */

/** Protocols that are not lines. */
export type Other = "TLS" | "HTTP" | "PROXY" | "SSH";

const VERSIONS = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"];

/**
 * Which protocol it is, as soon as that can be told.
 *
 * @returns undefined too, once the first line is whole, for lines
 */
export function protocolIn(bytes: Buffer): Other | undefined {
  const text = bytes.toString("latin1");
  const [type, major, minor] = bytes;
  if (type === 22 && major === 3 && minor !== undefined && minor <= 4) return "TLS";
  if (text.startsWith("SSH-2.0-")) return "SSH";
  for (const start of ["PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN"])
    if (text.startsWith(start)) return "PROXY";
  const [one, two, ...rest] = linesOf(text);
  if (one === "" && two === "" && rest[0] === "\0") return "PROXY";
  const [line] = one !== "" ? [one] : two !== "" ? [two] : rest;
  return line !== undefined && isRequest(line) ? "HTTP" : undefined;
}

/** Whether the first line is whole, before which two may be empty. */
export function hasFirstLine(bytes: Buffer): boolean {
  const lines = linesOf(bytes.toString("latin1"));
  return lines.length > 2 || lines.some((line) => line !== "");
}

/** Those that are whole. */
const linesOf = (text: string) =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));

function isRequest(line: string): boolean {
  const [method = "", target = "", version = "", ...more] = line.split(" ");
  const isMethod = method !== "" && [...method].every((one) => one >= "A" && one <= "Z");
  const isTarget = target !== "" && [...target].every((one) => one.trim() !== "");
  return isMethod && isTarget && VERSIONS.includes(version) && more.length === 0;
}

export const speaks = (protocol: Other) => `speaks ${protocol}, this port does not`;

const BODY = "This is a chat room, not a web server: join it with linechat, nc or telnet.\n";
/** What one is told that speaks HTTP, where there is no page. */
export const HTTP_ANSWER = `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

/** What clients may send first that are no clients, and what only looks so. */
export const OTHER_STARTS = [
  "\x16\x03\x01\0\x09\x01\0\0\x05\x03\x03\n\x01\x02\n",
  "POST / HTTP/1.1\r\nCookie: session=1\r\n\r\nann: hello\n",
  "\r\nGET http://host/a HTTP/1.0\n\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "PROXY TCP4 192.0.2.7 10.0.0.1 56324 443\r\nhello\n",
  "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0hello\n",
  "SSH-2.0-client\r\n",
  "GET / HTTP/1.1\n",
  "GET well soon\n",
  "GET /\n",
  "SSH-2 is old\n",
  "\n\n\nGET / HTTP/1.1\n",
];
