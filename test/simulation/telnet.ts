/** What telnet makes of bytes, by one look at all of them: slow, but plain to see. */

/** One of data, of a doubled FF, and of each kind of command; what is not whole yet comes last. */
const TOKEN =
  /[^\xff]|\xff\xff|\xff[\xfb-\xfe][^]|\xff\xfa(?:[^\xff]|\xff[^\xf0])*\xff\xf0|\xff[\0-\xf9]|\xff[^]*$/g;

/**
 * What is said by bytes, given as latin1.
 *
 * @param isAll whether no more will come, so that a CR at the end is one
 * @param hasLineEnds whether CR LF and CR NUL are line ends
 */
export function readTelnet(bytes: string, isAll = false, hasLineEnds = true): string {
  const data = bytes.replace(TOKEN, (token) => {
    if (token.length === 1 && token !== "\xff") return token;
    return token === "\xff\xff" ? "\xff" : "";
  });
  if (!hasLineEnds) return data;
  const text = data.replace(/\r[\n\0]/g, "\n");
  return isAll ? text : text.replace(/\r$/, "");
}

/** How bytes, given as latin1, are to be answered: each request refused once, and marks. */
export function answersOf(bytes: string) {
  const all = requestsOf(bytes);
  const marks = all.filter((request) => request === "\xff\xfd\x06").length;
  const others = all.filter(
    ([, verb = "", option]) => "\xfb\xfd".includes(verb) && option !== "\x06",
  );
  const refusals = others.map(
    ([, verb, option]) => `\xff${verb === "\xfb" ? "\xfe" : "\xfc"}${option}`,
  );
  return { marks, refusals: [...new Set(refusals)].join("") };
}

/** The negotiation in bytes: WILL, WONT, DO, DONT, each with an option. */
export function requestsOf(bytes: string): string[] {
  return (bytes.match(TOKEN) ?? []).filter((token) => /^\xff[\xfb-\xfe][^]$/.test(token));
}
