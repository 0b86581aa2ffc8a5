/** What a user gave, as a message shows it. */

/** Text as a message shows it: quoted, on one line, of bounded length. */
export function quote(value: string): string {
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}

/** A word as a message shows it: as it is when it is plain, else quoted. */
export function plain(word: string): string {
  return /^[\w.:[\]%-]{1,60}$/.test(word) ? word : quote(word);
}

/** `a, b and c`; or with another word than "and". */
export function listed(words: readonly string[], and = "and"): string {
  return words.join(", ").replace(/, ([^,]*)$/, ` ${and} $1`);
}
