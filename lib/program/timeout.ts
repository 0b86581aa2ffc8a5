/** Waiting for something, but not for ever. */

import { UserError } from "./system-errors.ts";

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
  if (await settlesWithin(ms, something)) return something;
  throw new UserError(words(`within ${ms / 1000} s`), { code: "ETIMEDOUT" });
}

/** Waits until something is settled, but only for so many ms; returns whether it is. */
export async function settlesWithin(ms: number, something: Promise<unknown>): Promise<boolean> {
  const settled = Promise.withResolvers<boolean>();
  const alarm = setTimeout(settled.resolve, ms, false);
  const settle = () => settled.resolve(true);
  something.then(settle, settle);
  return settled.promise.finally(() => clearTimeout(alarm));
}
