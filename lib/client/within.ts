/** Waiting that has an end. */

import { UserError } from "../program/system-errors.ts";

/**
 * Waits for something for so many ms, and no longer.
 *
 * @param words what has not happened in time; what follows is "within" and the time
 * @throws {UserError} with the code ETIMEDOUT, after that time
 */
export async function within<Value>(
  ms: number,
  something: Promise<Value>,
  words: (time: string) => string,
): Promise<Value> {
  const over = Promise.withResolvers<never>();
  const late = () => new UserError(words(`within ${ms / 1000} s`), { code: "ETIMEDOUT" });
  const alarm = setTimeout(() => over.reject(late()), ms);
  return Promise.race([something, over.promise]).finally(() => clearTimeout(alarm));
}
