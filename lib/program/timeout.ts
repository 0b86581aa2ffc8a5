/** How long to wait for what may never happen. */

import { UserError } from "./system-errors.ts";

/**
 * Waits for something for so many ms, and no longer.
 *
 * @param words what has not happened in time; what follows is "within" and the time
 * @throws {UserError} with the code ETIMEDOUT, after that time
 */
export function within<Value>(
  ms: number,
  something: Promise<Value>,
  words: (time: string) => string,
): Promise<Value> {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = () => reject(new UserError(words(`within ${ms / 1000} s`), { code: "ETIMEDOUT" }));
  const alarm = setTimeout(late, ms);
  return Promise.race([something, promise]).finally(() => clearTimeout(alarm));
}
