import { expect, test } from "bun:test";

import { History } from "../../lib/terminal/history.ts";

test("back and on again, and what was being typed is still there", () => {
  const history = new History();
  for (const line of ["one", "two", "two", " ", "three"]) history.add(line);
  const back = ["typed", "three", "two", "one"].map((line) => history.go(1, line));
  expect(back).toEqual(["three", "two", "one", "one"]);
  const on = ["one", "two", "three", "typed"].map((line) => history.go(-1, line));
  expect(on).toEqual(["two", "three", "typed", "typed"]);
});

test("it has at most a thousand lines, the last ones", () => {
  const history = new History();
  for (let index = 0; index < 1500; index++) history.add(`line ${index}`);
  let line = "";
  for (let index = 0; index < 2000; index++) line = history.go(1, line);
  expect(line).toBe("line 500");
});
