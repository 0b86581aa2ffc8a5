import { expect, test } from "bun:test";

import { explain, usageError, UserError } from "../../lib/program/system-errors.ts";

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

test("a known code is put into words, and what it means in a place goes first", () => {
  const error = failure("ENOENT", "ENOENT: no such file or directory, open 'x'");
  expect(explain(error)).toBe("no such file");
  expect(explain(error, { ENOENT: "no such socket" })).toBe("no such socket");
  expect(explain(error, { EACCES: "locked" })).toBe("no such file");
});

test("a known code without words of its own has those of the system", () => {
  expect(explain(failure("ENOSPC", "write"))).toBe("no space left on device");
});

test("an unknown code is shown, once", () => {
  expect(explain(failure("EODD", "Failed to connect"))).toBe("Failed to connect (EODD)");
  expect(explain(failure("EODD", "EODD: odd, read"))).toBe("EODD: odd, read");
  expect(explain(failure("toString", "odd"))).toBe("odd (toString)");
  expect(explain(new Error("odd"))).toBe("odd");
  expect(explain("odd")).toBe("odd");
});

test("an error of a user has the code of its cause, and another try may succeed", () => {
  const cause = failure("ECONNREFUSED", "connect ECONNREFUSED");
  const error = new UserError("cannot connect", { cause });
  expect(error).toMatchObject({ code: "ECONNREFUSED", permanent: false, exitCode: 1 });
  expect(error.cause).toBe(cause);
  expect(explain(error)).toBe("cannot connect");
});

test("an error of a user without a cause has none, and an empty code", () => {
  const error = new UserError("odd");
  expect([error.code, "cause" in error]).toEqual(["", false]);
  expect(new UserError("odd", { code: "EODD" }).code).toBe("EODD");
});

test("a mistake on the command line stays one, however often it is tried", () => {
  expect(usageError("odd")).toMatchObject({ exitCode: 2, permanent: true });
});
