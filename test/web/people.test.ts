/** The page as people use it: names that are heard, who is here, what is typed and what is not sent. */

import { afterAll, expect } from "bun:test";

import { endAfterEach } from "../harness.ts";
import { enter, withTab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";
import { startWeb } from "../harness/web-peer.ts";

endAfterEach();
const inBrowser = testWith("chromium");
afterAll(() => Bun.WebView.closeAll());

const HIDE = `Object.defineProperty(document, "hidden", { value: true, configurable: true })`;
const SHOW = `delete document.hidden && document.dispatchEvent(new Event("visibilitychange"))`;

inBrowser(
  "one's own name is heard: it stands out, is counted, and comes as a notification",
  async () => {
    const { ann, peer } = await withTab();
    await ann.run(`(() => {
    told = [];
    Notification = class { static permission = "granted"; constructor(...what) { told.push(what); } };
  })()`);
    await ann.run(HIDE);
    peer.say("bob: annoying\nbob: hey Ann, look\n* bob joined (3 here)\nann: not me\nbob: @ann?\n");
    await ann.until(`document.title === "(2!) linechat"`);
    expect(await ann.each<string>("#log .mention p", "one.textContent")).toEqual([
      "hey Ann, look",
      "@ann?",
    ]);
    expect(await ann.run<string>("JSON.stringify(told)")).toBe(
      JSON.stringify([
        ["bob", { body: "hey Ann, look", tag: "linechat" }],
        ["bob", { body: "@ann?", tag: "linechat" }],
      ]),
    );
    await ann.run(SHOW);
    expect(await ann.run<string>("document.title")).toBe("linechat");
  },
);

inBrowser("joined and left are not unread, nor is history; a mark shows what is new", async () => {
  const { server, url } = await startWeb("--history", "10", "--announce");
  const peer = await server.join();
  peer.say("bob: before\n");
  const ann = await enter(url, "ann");
  await ann.shows("joined");
  await ann.run(HIDE);
  const cat = await server.join();
  await cat.end();
  await ann.shows("left");
  expect(await ann.run<string>("document.title")).toBe("linechat");
  for (const line of ["one", "two"]) {
    peer.say(`bob: ${line}\nbob: more\n`);
    await ann.until(`document.title === "(2) linechat"`);
    await ann.run(`${SHOW}, ${HIDE}`);
    await ann.run(SHOW);
    expect(await ann.run<string>("document.title")).toBe("linechat");
    await ann.run(HIDE);
  }
  const lines = await ann.lines();
  expect(lines.slice(lines.indexOf("--- new") - 2)).toEqual([
    ...["bob|one", "|more", "--- new", "bob|two", "|more"],
  ]);
});

inBrowser("who is here is counted, and named on a click, which addresses somebody", async () => {
  const { server, url } = await startWeb("--names", "--announce");
  const bob = await server.connectNamed("bob");
  const ann = await enter(url, "ann");
  const cat = await server.connectNamed("cat");
  await ann.until(`people.innerText.trim() === "3 here"`);
  await ann.click("summary");
  expect(await ann.each<string>("#people button", "one.textContent")).toEqual(["bob", "cat"]);
  await ann.click("#people button");
  expect(await ann.run<string>("words.value")).toBe("bob: ");
  expect(await ann.run<boolean>("people.open")).toBeFalse();
  await bob.end();
  await ann.until(`people.innerText.trim() === "2 here"`);
  await ann.says("hello");
  await cat.hears("ann: bob: hello\n");
  await ann.says("/who");
  await ann.shows("2 here: ann (you), cat");
  cat.say("hello\n");
  await ann.shows("cat");
  await ann.until(`!!document.querySelector("#log b[title=cat]")`);
  await ann.click("#log b[title=cat]");
  expect(await ann.run<string>("words.value")).toBe("cat: ");
});

inBrowser("Tab completes names, those that have sent last first", async () => {
  const { ann, peer } = await withTab();
  peer.say("carl: one\nbob: two\ncat: three\n");
  await ann.shows("three");
  const typed = async (text: string, ...keys: string[]) => {
    await ann.run("words.select()");
    await ann.type(text);
    for (const key of keys) await ann.press(key);
    return ann.run<string>("words.value");
  };
  expect(await typed("c", "Tab")).toBe("cat: ");
  expect(await typed("c", "Tab", "Tab")).toBe("carl: ");
  expect(await typed("hey B", "Tab")).toBe("hey bob ");
  expect(await typed("x", "Tab")).toBe("x");
});

inBrowser("Enter that ends a word of an input method sends nothing", async () => {
  const { ann, peer } = await withTab();
  await ann.run(`words.value = "日本"`);
  const enter = (how: string) =>
    ann.run(`words.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ${how} })), 0`);
  await enter("isComposing: true");
  await enter("keyCode: 229");
  expect(await ann.run<string>("words.value")).toBe("日本");
  await enter("keyCode: 13");
  await peer.until("the word", () => peer.heard.toString() === "ann: 日本\n");
});

inBrowser("more than five lines ask, and so does what looks like a command", async () => {
  const { ann, peer } = await withTab();
  const paste = (lines: number) => Array.from({ length: lines }, (_, n) => `${n}`).join("\n");
  const asks = (text: string) => ann.until(`trouble.innerText.startsWith(${JSON.stringify(text)})`);
  const say = async (text: string) => {
    await ann.run(`words.value = ${JSON.stringify(text)}, words.focus()`);
    await ann.press("Enter");
  };
  await say(paste(5));
  await peer.hears("ann: 4\n");
  await say(paste(7));
  await asks("send 7 lines?");
  await ann.press("Enter");
  await ann.press("Escape");
  expect(await ann.run<boolean>("trouble.hidden")).toBeTrue();
  await ann.press("Enter");
  await ann.click("#yes");
  await peer.hears("ann: 6\n");
  expect(peer.text).toBe(`${paste(5)}\n${paste(7)}\n`.replace(/^/gm, "ann: ").slice(0, -5));
  await say("/nick bob");
  await asks("unknown command /nick; send it as a message?");
  await say("/help");
  await ann.shows("/who: show who is here");
  await say("/etc/hosts is wrong");
  await say("//help");
  await peer.hears("ann: /help\n");
  expect(peer.text).not.toContain("/nick");
  expect(peer.text).toContain("ann: /etc/hosts is wrong\n");
  await say("/quit bye");
  await ann.until(`state.textContent === "not connected"`);
});

inBrowser("the button takes no focus, so that a telephone keeps its keyboard", async () => {
  const { ann, peer } = await withTab();
  await ann.run("words.focus()");
  await ann.type("hello");
  const { x, y } = await ann.run<{ x: number; y: number }>(
    "(({ x, y }) => ({ x: x + 5, y: y + 5 }))(send.getBoundingClientRect())",
  );
  for (const type of ["mousePressed", "mouseReleased"])
    await ann.ask("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
  await peer.hears("ann: hello\n");
  expect(await ann.run<string>("document.activeElement.id")).toBe("words");
});
