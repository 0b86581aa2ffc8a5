/** Who is called: a person, by a line of somebody else that has the person's name in it. */

const LETTER = String.raw`[\p{L}\p{N}\p{M}_]`;

/**
 * Tells lines that call a person from others: they have the name as a word, in capitals or not.
 * The name before a line is that of its speaker, and the server calls nobody.
 *
 * @param name empty for a person who has none, and is never called
 */
export function callOf(name: string): (line: string) => boolean {
  if (name === "") return () => false;
  const written = RegExp.escape(name.normalize());
  const word = new RegExp(`(?<!${LETTER})${written}(?!${LETTER})`, "iu");
  const speaker = new RegExp(`^${written}:(?= |$)`, "iu");
  return (line) => {
    const text = line.normalize();
    return word.test(text) && !text.startsWith("* ") && word.test(text.replace(speaker, ""));
  };
}
