import { expect, test } from "bun:test";

import { explain } from "../../lib/program/system-errors.ts";

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

test("a known code is said in words, and what it means in a place goes first", () => {
  const error = failure("ENOENT", "ENOENT: no such file or directory, open 'x'");
  expect(explain(error)).toBe("no such file");
  expect(explain(error, { ENOENT: "no such socket" })).toBe("no such socket");
  expect(explain(error, { EACCES: "locked" })).toBe("no such file");
});

test("an unknown code is shown, once", () => {
  expect(explain(failure("EODD", "Failed to connect"))).toBe("Failed to connect (EODD)");
  expect(explain(failure("EODD", "EODD: odd, read"))).toBe("EODD: odd, read");
  expect(explain(failure("toString", "odd"))).toBe("odd (toString)");
  expect(explain(new Error("odd"))).toBe("odd");
  expect(explain("odd")).toBe("odd");
});
