/** Which lines mention the user: those of somebody else that have the user's name in them. */

const LETTER = String.raw`[\p{L}\p{N}\p{M}_]`;

/**
 * Tells lines that mention a name from others: they have it as a word, in capitals or not. The name
 * before a line is that of its sender, and a server message mentions nobody.
 *
 * @param name empty for none, which is never mentioned
 */
export function mentions(name: string): (line: string) => boolean {
  if (name === "") return () => false;
  const written = RegExp.escape(name.normalize());
  const word = new RegExp(`(?<!${LETTER})${written}(?!${LETTER})`, "iu");
  const sender = new RegExp(`^${written}:(?= |$)`, "iu");
  return (line) => {
    const text = line.normalize();
    return word.test(text) && !text.startsWith("* ") && word.test(text.replace(sender, ""));
  };
}
