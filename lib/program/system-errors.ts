/** What went wrong, in words for the person who can mend it. */

import { getSystemErrorMap } from "node:util";

/**
 * An error a user can cause. Its message is one line that names what was given
 * and what would be right; it is shown without a stack trace.
 */
export class UserError extends Error {
  override readonly name = "UserError";
  /** A code to tell it by, such as `ECONNREFUSED`: that of the cause by default, empty for none. */
  readonly code: string;
  /**
   * Whether trying again cannot help until somebody changes something, as with a certificate that
   * cannot be verified; not so by default.
   */
  readonly permanent: boolean;
  /** What the program ends with: 2 for a mistake on its command line, else 1, the default. */
  readonly exitCode: 1 | 2;

  constructor(message: string, details: Partial<Omit<UserError, "message" | "name">> = {}) {
    const { cause, code = codeOf(cause), permanent = false, exitCode = 1 } = details;
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.permanent = permanent;
    this.exitCode = exitCode;
  }
}

/** A mistake on the command line. */
export function usageError(message: string): UserError {
  return new UserError(`${message} (see --help)`, { exitCode: 2, permanent: true });
}

/**
 * Checks a number that a program gives; one of ms need not be whole.
 *
 * @throws {UserError} that names the option, unless it is in its range
 */
export function checkRange(option: string, value: unknown, min: number, max = Infinity): void {
  const kind = option.endsWith("Ms") ? "number" : "whole number";
  const isKind = kind === "number" || value === Infinity || Number.isInteger(value);
  if (typeof value === "number" && isKind && value >= min && value <= max) return;
  const range = max === Infinity ? `from ${min} on` : `from ${min} to ${max}`;
  throw new UserError(`${option} is a ${kind} ${range}, not ${value}`, { permanent: true });
}

/** Checks what a program gives; throws a `UserError` that names the option, unless it is a function. */
export function checkFunction(option: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new UserError(`${option} is a function, not ${value}`, { permanent: true });
}

/**
 * Makes a function of a program's own that cannot throw, so that nothing is left half done by it.
 *
 * @param onError told of what the function throws; by default, that is an uncaught exception
 */
export function guarded<Details extends unknown[]>(
  report: ((...details: Details) => void) | undefined,
  onError: ((error: Error) => void) | undefined,
): (...details: Details) => void {
  return (...details) => {
    try {
      report?.(...details);
    } catch (error) {
      queueMicrotask(() => {
        if (onError && error instanceof Error) onError(error);
        else throw error;
      });
    }
  };
}

/** Text that a user gave, as a message shows it: quoted, on one line, of bounded length. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** `a, b and c`. */
export function listed(words: readonly string[]): string {
  return words.join(", ").replace(/, ([^,]*)$/, " and $1");
}

/** The system's code for what went wrong, such as `ECONNREFUSED`; empty when there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** What codes mean in one place, where that is more than in general. */
type Words = Readonly<Record<string, string>>;

/**
 * An error in words, for the end of a message: the system's for a code that it knows, as strerror(3)
 * has them, else the error's own message. A `UserError` is in words already.
 */
export function explain(error: unknown, words: Words = {}): string {
  if (error instanceof UserError) return error.message;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const own = message.includes(code) ? message : `${message} (${code})`;
  return words[code] ?? new Map(getSystemErrorMap().values()).get(code) ?? own;
}

/** What has failed, and why: an error with that as its cause, or with what a `UserError` carries. */
export function failed(what: string, error: unknown, words?: Words): UserError {
  const details = error instanceof UserError ? error : { cause: error };
  return new UserError(`${what}: ${explain(error, words)}`, details);
}
