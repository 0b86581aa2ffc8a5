/** What went wrong in words for the person who can mend it. */

/** The exit codes of both programs. */
export const EXIT = { failed: 1, usage: 2, interrupted: 130 } as const;

/**
 * An error a user can cause. Its message is one line that names what was given
 * and what would be right; it is shown without a stack trace.
 */
export class UserError extends Error {
  /**
   * @param message one line for the user
   * @param exitCode what the program ends with; `EXIT.failed` by default
   */
  constructor(
    message: string,
    readonly exitCode: number = EXIT.failed,
  ) {
    super(message);
  }
}

/** The system's code for what went wrong, such as `ECONNREFUSED`; empty when there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** A mistake on the command line. */
export function usageError(message: string): UserError {
  return new UserError(`${message} (--help shows how)`, EXIT.usage);
}
