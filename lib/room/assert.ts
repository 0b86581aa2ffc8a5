/** States what must hold, in the code that relies on it. */

/**
 * Throws when an invariant of this program is broken, which is a bug and never
 * a user's doing.
 *
 * @param condition what must hold
 * @param invariant the rule, as a sentence
 * @throws {Error} `broken invariant: …`
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${invariant}`);
}
