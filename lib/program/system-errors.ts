/** What went wrong in words for the person who can mend it. */

/** What a `UserError` carries beside its message. */
export interface UserErrorDetails {
  /** What went wrong beneath it, such as an error of the system. */
  cause?: unknown;
  /** Its code; that of the cause by default. */
  code?: string | undefined;
  /** Whether the same thing, tried again later, must fail in the same way; not so by default. */
  permanent?: boolean | undefined;
  /** What a program ends with: 2 for a mistake on its command line, else 1, the default. */
  exitCode?: 1 | 2;
}

/**
 * An error a user can cause. Its message is one line that names what was given
 * and what would be right; it is shown without a stack trace.
 */
export class UserError extends Error {
  /** A code to tell it by, such as `ECONNREFUSED`; empty when there is none. */
  readonly code: string;
  /**
   * Whether trying again cannot help until somebody changes something, as with a certificate that
   * cannot be verified.
   */
  readonly permanent: boolean;
  /** What the program ends with: 2 for a mistake on its command line, else 1. */
  readonly exitCode: 1 | 2;

  constructor(message: string, details: UserErrorDetails = {}) {
    const { cause, code = codeOf(cause), permanent = false, exitCode = 1 } = details;
    super(message, cause === undefined ? {} : { cause });
    this.code = code;
    this.permanent = permanent;
    this.exitCode = exitCode;
  }
}

/** A mistake on the command line. */
export function usageError(message: string): UserError {
  return new UserError(`${message} (--help shows how)`, { exitCode: 2, permanent: true });
}

/** The system's code for what went wrong, such as `ECONNREFUSED`; empty when there is none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** What a user can cause, by the codes of errno(3) and getaddrinfo(3). */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRINUSE: "the address is in use",
  EADDRNOTAVAIL: "this machine has no such address",
  EAFNOSUPPORT: "this machine does not support that kind of address",
  EAI_AGAIN: "the name service does not answer",
  EAGAIN: "it is busy",
  EBADF: "it is not open",
  ECONNABORTED: "the connection was aborted",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "reset by the other side",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is as large as it may be",
  EHOSTDOWN: "that host is down",
  EHOSTUNREACH: "no route to that host",
  EIO: "the device does not answer",
  EISDIR: "it is a directory",
  ELOOP: "too many symbolic links",
  EMFILE: "too many open files (ulimit -n)",
  ENAMETOOLONG: "the path is too long",
  ENETDOWN: "the network is down",
  ENETUNREACH: "no route to that network",
  ENFILE: "too many open files on this machine",
  ENOBUFS: "no memory left for connections",
  ENODEV: "no such device",
  ENOENT: "no such file",
  ENOMEM: "no memory left",
  ENOSPC: "no space left on device",
  ENOTDIR: "a part of its path is not a directory",
  ENOTFOUND: "unknown host",
  ENXIO: "no such device",
  EPERM: "not permitted",
  EPIPE: "closed by the other side",
  EPROTOTYPE: "it is another kind of socket",
  EROFS: "the file system is read-only",
  ETIMEDOUT: "no answer",
};

/**
 * An error in words.
 *
 * @param words what a code means in this place, where that is more than in general
 * @returns a phrase for the end of a message; for a code without words, the
 *   error's own message and the code; a `UserError` is in words already
 */
export function explain(error: unknown, words: Readonly<Record<string, string>> = {}): string {
  if (error instanceof UserError) return error.message;
  const code = codeOf(error);
  const known = [words, WORDS].find((table) => Object.hasOwn(table, code))?.[code];
  if (known !== undefined) return known;
  const message = error instanceof Error ? error.message : String(error);
  return code === "" || message.includes(code) ? message : `${message} (${code})`.trim();
}

/**
 * What has failed, and why: an error with that as its cause, or with what a `UserError` carries.
 *
 * @param words what a code means in this place, where that is more than in general
 */
export function failed(
  what: string,
  error: unknown,
  words?: Readonly<Record<string, string>>,
): UserError {
  const details = error instanceof UserError ? error : { cause: error };
  return new UserError(`${what}: ${explain(error, words)}`, details);
}
