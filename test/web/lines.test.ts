/** Lines as the page shows them: links, directions, copies, and what nobody is shown. */

import { afterAll, expect } from "bun:test";

import { endAfterEach } from "../harness.ts";
import { enter, withTab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";
import { startWeb } from "../harness/web-peer.ts";

endAfterEach();
const inBrowser = testWith("chromium");
afterAll(() => Bun.WebView.closeAll());

inBrowser(
  "a link ends where a reader of any script would end it, and leads nowhere else",
  async () => {
    const { ann, peer } = await withTab();
    const x = "x".repeat(2000);
    const expected = [
      ["見てhttps://a.example/一。次", "https://a.example/一"],
      ["（https://b.example/c）", "https://b.example/c"],
      ["«https://c.example/d»", "https://c.example/d"],
      ["https://d.example/؟", "https://d.example/"],
      ["https://e.example/a।", "https://e.example/a"],
      ["“https://f.example/g…”", "https://f.example/g"],
      ["[https://g.example/h_(i)],", "https://g.example/h_(i)"],
      ["https://h.example/" + ")".repeat(5000), "https://h.example/"],
      ["https://i.example/?a=b&c=%2F-", "https://i.example/?a=b&c=%2F-"],
      [`https://j.example/${x}y`, `https://j.example/${x}y`],
      [`${"z ".repeat(498)}https://k.example/${x}y`, `https://k.example/${x}y`],
    ];
    for (const [text = ""] of expected) peer.say(`bob: ${text}\n`);
    peer.say("bob: end\n");
    await ann.shows("end");
    const links = await ann.each<string>("#log a", "decodeURI(one.href)");
    expect(links).toEqual(expected.map(([, link = ""]) => link));
    // What is not shown of one is told, and all of it is there when asked for.
    const shown = await ann.each<string>("#log a", "one.textContent");
    expect(shown.at(-1)).toBe("http");
    await ann.run(`document.querySelector(".line:nth-last-child(2) button").click()`);
    expect((await ann.each<string>("#log a", "one.textContent")).at(-1)).toBe(
      `https://k.example/${x}y`,
    );
    expect(ann.errors).toEqual([]);
  },
);

inBrowser("a link in a line that runs right to left stays in one piece", async () => {
  const { ann, peer } = await withTab();
  peer.say("bob: שלום https://a.example/b?c=1! שלום\n");
  await ann.shows("a.example");
  const [link] = await ann.each("#log a", "[one.dir, getComputedStyle(one).unicodeBidi, one.href]");
  expect(link).toEqual(["ltr", "isolate", "https://a.example/b?c=1"]);
  expect(await ann.each<string>("#log p", "getComputedStyle(one).direction")).toEqual(["rtl"]);
});

inBrowser("a copy has each line with its sender", async () => {
  const { ann, peer } = await withTab();
  peer.say("bob: one\nbob: two\n* odd\nno name\n");
  await ann.shows("no name");
  await ann.says("three");
  await ann.shows("three");
  const copied = await ann.run<string>(`(() => {
    getSelection().selectAllChildren(log);
    const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true });
    log.dispatchEvent(event);
    return event.clipboardData.getData("text/plain");
  })()`);
  expect(copied).toBe("bob: one\nbob: two\n* odd\nno name\nann: three");
});

inBrowser("nobody is shown the address of another one", async () => {
  const { server, url } = await startWeb("--announce");
  const ann = await enter(url, "ann");
  await ann.shows("#1 joined (1 here)");
  const peer = await server.join();
  await ann.shows("#2 joined (2 here)");
  await peer.end();
  await ann.shows("#2 left (1 here)");
  expect(await ann.run<boolean>("/127|web:/.test(log.textContent)")).toBeFalse();
  expect(server.stderr).toMatch(/joined web:127\.0\.0\.1:\d+ /);
});

inBrowser("with the colours of the system, one's own lines are marked by a border", async () => {
  const { ann, peer } = await withTab();
  const features = [{ name: "forced-colors", value: "active" }];
  await ann.ask("Emulation.setEmulatedMedia", { features });
  peer.say("bob: one\n");
  await ann.shows("one");
  await ann.says("two");
  await ann.shows("two");
  const borders = await ann.each<string>(
    "#log .line",
    "getComputedStyle(one).borderInlineStartWidth",
  );
  expect(borders).toEqual(["0px", "3px"]);
});

inBrowser("without its script, the page says what it needs", async () => {
  const { url } = await startWeb();
  const text = await (await fetch(url)).text();
  expect(text).toMatch(/needs a browser of 2022 or later<noscript>, with JavaScript<\/noscript>/);
  // A browser that does not know these would run nothing at all of it.
  expect(text).not.toMatch(/\(\?<[=!]/);
});
