import { expect, test } from "bun:test";

import { within } from "../../lib/program/network.ts";
import { explain, failed, usageError, UserError } from "../../lib/program/system-errors.ts";

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

test("a known code has the system's words, and what it means in a place goes first", () => {
  const error = failure("ENOENT", "ENOENT: no such file or directory, open 'x'");
  expect(explain(error)).toBe("no such file or directory");
  expect(explain(error, { ENOENT: "no such socket" })).toBe("no such socket");
  expect(explain(error, { EACCES: "locked" })).toBe("no such file or directory");
});

test("an unknown code is shown, once", () => {
  expect(explain(failure("EODD", "Failed to connect"))).toBe("Failed to connect (EODD)");
  expect(explain(failure("EODD", "EODD: odd, read"))).toBe("EODD: odd, read");
  expect([explain(new Error("odd")), explain("odd")]).toEqual(["odd", "odd"]);
});

test("what has failed has the code of its cause, and another try may succeed", () => {
  const cause = failure("ECONNREFUSED", "connect");
  const message = "cannot connect: connection refused";
  const why = { message, cause, code: "ECONNREFUSED", permanent: false, exitCode: 1 };
  expect(failed("cannot connect", cause)).toMatchObject(why);
});

test("an error of a user without a cause has none, and an empty code", () => {
  const error = new UserError("odd");
  expect([error.code, "cause" in error]).toEqual(["", false]);
  expect(failed("it", new UserError("odd", { code: "EODD", permanent: true }))).toMatchObject({
    ...{ message: "it: odd", code: "EODD", permanent: true },
  });
});

test("a mistake on the command line stays one, however often it is tried", () => {
  expect(usageError("odd")).toMatchObject({ exitCode: 2, permanent: true });
});

test("what takes too long is an error that names the time", async () => {
  const never = within(20, new Promise(() => {}), (time) => `nothing ${time}`);
  await expect(never).rejects.toMatchObject({
    message: "nothing within 0.02 s",
    code: "ETIMEDOUT",
  });
  expect(await within(60_000, Promise.resolve("there"), String)).toBe("there");
});
