/** `--web` as a person has it: the page, in a real browser. */

import { afterAll, expect } from "bun:test";

import { endAfterEach, newFile, serverCommand, ServerProgram } from "../harness.ts";
import { enter, HURRY, Tab, withTab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";
import { startWeb } from "../harness/web-peer.ts";

endAfterEach();
const inBrowser = testWith("chromium");
afterAll(() => Bun.WebView.closeAll());

/** The server dies, and another one takes its port for browsers once something has been done. */
async function restart(
  server: ServerProgram,
  url: string,
  { meanwhile = () => {}, options = [] }: { meanwhile?: () => unknown; options?: string[] } = {},
) {
  await server.stop("SIGKILL");
  await meanwhile();
  const { port } = new URL(url);
  return ServerProgram.run(serverCommand("--host", "127.0.0.1", "--web", port, ...options, "0"));
}

inBrowser("two tabs and a socket are in one room, and a name is remembered", async () => {
  const { server, url, ann, peer } = await withTab();
  const bob = await enter(url, "bob");
  await server.members(3);
  await ann.says("hello, all");
  await bob.shows("hello, all");
  await peer.hears("ann: hello, all\n");
  peer.say("cat: and hello back\nno name here\n* odd words\n");
  await ann.shows("odd words");
  await bob.shows("odd words");
  await bob.says("one more");
  await ann.shows("one more");
  await bob.says("and another");
  await ann.shows("and another");
  expect(await ann.lines()).toEqual([
    "ann|hello, all",
    "cat|and hello back",
    "|no name here",
    "|* odd words",
    "bob|one more",
    "|and another",
  ]);
  // Own lines are set apart, lines of one sender are grouped.
  expect(await ann.each<string>("#log > *", "one.className")).toEqual([
    "line own first",
    "line first",
    "line bare first",
    "line server first",
    "line first",
    "line",
  ]);
  expect([...ann.errors, ...bob.errors]).toEqual([]);
  const again = await Tab.open(url);
  await again.isHere();
  expect(await again.run<string>(`document.querySelector("#name").textContent`)).toBe("bob");
});

inBrowser("nothing that is sent becomes markup or an order", async () => {
  const { ann, peer } = await withTab("--max-line", "2M");
  peer.say(
    `eve: <img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\n`,
  );
  peer.say(`<b>eve: &lt;i&gt; javascript:alert(1)\n`);
  peer.say(
    "eve: \x1b[2J\u202Eabc\u2066 https://example.net/a?b=<c>, http://x.example/\u202Ecod.exe\n",
  );
  peer.say(Buffer.from([0xff, 0xfe, 0x0a]));
  peer.say(`eve: ${"x".repeat(1 << 20)}\n`);
  peer.say("eve: end\r\n");
  await ann.shows("end");
  expect(await ann.each("#log :is(img, script)", "one.tagName")).toEqual([]);
  expect(await ann.run<string>("document.title")).toBe("linechat");
  const marks = await ann.each<string>("#log i", "one.textContent");
  expect(marks).toEqual(["^[", "U+202E", "U+2066", "U+202E"]);
  const links = await ann.each<string>("#log a", "one.href");
  expect(links).toEqual(["https://example.net/a?b=", "http://x.example/"]);
  expect((await ann.lines()).at(-1)).toBe("|end");
  expect(await ann.run<boolean>("document.documentElement.scrollWidth <= innerWidth")).toBeTrue();
  // The long line is shown whole when asked for.
  const buttons = await ann.each<string>("#log button", "one.textContent");
  expect(buttons).toEqual(["… all 1,048,576 characters"]);
  await ann.click("#log button");
  const lengths = await ann.each<number>("#log p", "one.textContent.length");
  expect(Math.max(...lengths)).toBe(1 << 20);
  expect(ann.errors).toEqual([]);
});

inBrowser("a flood of 100,000 lines keeps nobody from typing", async () => {
  const { server, ann, peer } = await withTab();
  // How many lines are put in place in one go, and how long until a typed character is seen.
  await ann.run(`(() => {
    delays = [];
    gaps = [];
    most = 0;
    new MutationObserver((changes) => {
      const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
      most = Math.max(most, added.length);
      for (const { className, textContent } of added) if (className === "gap") gaps.push(textContent);
    }).observe(log, { childList: true });
    words.addEventListener("keydown", ({ timeStamp }) =>
      requestAnimationFrame(() => setTimeout(() => delays.push(performance.now() - timeStamp))));
    words.focus();
  })()`);
  const lines = Array.from({ length: 1000 }, (_, i) => `bot: ${i} lorem ipsum dolor sit amet\n`);
  for (let turn = 0; turn < 40; turn++) {
    await peer.sayAll(lines.join(""));
    await ann.press("x");
  }
  await peer.sayAll(lines.join("").repeat(60));
  await ann.says(" typed meanwhile");
  await peer.hears(`ann: ${"x".repeat(40)} typed meanwhile\n`);
  await ann.until("delays.length >= 40");
  const delays = await ann.run<number[]>("delays.sort((a, b) => a - b)");
  expect(delays[delays.length >> 1]).toBeLessThan(1000);
  peer.say("bot: that was all\n");
  await ann.shows("that was all");
  expect(await ann.run<number>("most")).toBeWithin(1, 303); // A slice, and what it tells of the rest.
  // It tells where lines are left out, which may have scrolled away by now.
  const gaps = await ann.run<string[]>("gaps");
  expect(gaps[0]).toMatch(/^[\d,]+ lines went by too fast to be shown$/);
  expect(await ann.run<number>("log.childElementCount")).toBeLessThanOrEqual(5020);
  expect(server.count(/too slow/)).toBe(0);
  expect(ann.errors).toEqual([]);
});

inBrowser(
  "a reader stays where it is when less is in sight, and sees how much is new",
  async () => {
    const { ann, peer } = await withTab();
    peer.say(Array.from({ length: 100 }, (_, n) => `bot: ${n}\n`).join(""));
    await ann.shows("99");
    const above = "-view.scrollTop";
    await ann.until(`${above} < 2`);
    const height = await ann.run<number>("view.clientHeight");
    await ann.run(`words.value = "several\\n\\nlines"`);
    await ann.until(`view.clientHeight < ${height} && ${above} < 2`);
    await ann.press("PageUp");
    await ann.until(`${above} > 100`);
    await ann.run(`words.value = ""`);
    await ann.until(`view.clientHeight === ${height}`);
    const top = await ann.run<number>("(bot90 = log.children[70]).getBoundingClientRect().top");
    peer.say("bot: one\nbot: two\n");
    await ann.until(`newer.textContent === "↓ 2 new"`);
    expect(await ann.run<boolean>("newer.hidden")).toBeFalse();
    expect(await ann.run<number>("bot90.getBoundingClientRect().top")).toBeWithin(top - 2, top + 2);
    await ann.click("#newer");
    await ann.until(`newer.hidden && ${above} < 2`);
  },
);

inBrowser("an empty line is seen, and a link may end in brackets", async () => {
  const { ann, peer } = await withTab();
  const text = "(https://a.example/b) https://a.example/c_(d) https://a.example/e_(f)g).";
  peer.say(`bob: \nNote:\nbob: ${text}\n`);
  await ann.shows("Note:");
  expect(await ann.lines()).toEqual(["bob|", "|Note:", `bob|${text}`]);
  expect(await ann.each<string>("#log a", "one.textContent")).toEqual([
    "https://a.example/b",
    "https://a.example/c_(d)",
    "https://a.example/e_(f)g",
  ]);
  const isSeen = await ann.each<boolean>("#log p", "one.clientHeight > 15");
  expect(isSeen).toEqual([true, true, true]);
});

inBrowser("each minute and each day of one sender is told", async () => {
  const { ann, peer } = await withTab();
  const at = async (day: string, time: string, line: number) => {
    await ann.run(`(() => {
      Date.prototype.toDateString = () => "${day}";
      Date.prototype.toTimeString = () => "${time}:00";
    })()`);
    peer.say(`bob: line ${line}\n`);
    await ann.shows(`line ${line}`);
  };
  await at("Mon", "23:58", 1);
  await ann.run(`log.replaceChildren()`);
  await at("Mon", "23:58", 2);
  await at("Mon", "23:59", 3);
  await at("Tue", "00:00", 4);
  expect(await ann.lines()).toEqual(["|line 2", "bob|line 3", "--- Tue", "bob|line 4"]);
});

inBrowser("history has no times and an end, and one's own lines in it are one's own", async () => {
  const { server, url } = await startWeb("--names", "--history", "10");
  const ann = await enter(url, "ann");
  await ann.says("was here");
  const bob = await enter(url, "bob");
  await bob.shows("end of history");
  // For the first one in the room there was none, and after a while all is new.
  await ann.run("performance.now = () => Performance.prototype.now.call(performance) + 5000");
  await bob.says("so I read");
  await ann.shows("so I read");
  const hasTime = `one.querySelector("time")?.textContent > ""`;
  expect((await bob.lines()).slice(-4)).toEqual([
    "--- 2 here: bob (you), ann",
    "ann|was here",
    "--- end of history",
    "bob|so I read",
  ]);
  const times = await bob.each<boolean>("#log .line", hasTime);
  expect(times.slice(-2)).toEqual([false, true]);
  expect(await ann.each<boolean>("#log .line", hasTime)).toEqual([true, true]);
  await ann.run(`localStorage.setItem("name", "ann")`);
  ann.close();
  await server.logged(/left ann/);
  const again = await Tab.open(url);
  await again.shows("end of history");
  const kinds = await again.each<string>("#log .line", "one.className");
  expect(kinds).toEqual(["line own first", "line first"]);
});

inBrowser("a hidden page counts in its title", async () => {
  const { ann, peer } = await withTab();
  await ann.run(`Object.defineProperty(document, "hidden", { value: true, configurable: true })`);
  peer.say("bot: one\nbot: two\n");
  await ann.until(`document.title === "(2) linechat"`);
  await ann.run(`delete document.hidden && document.dispatchEvent(new Event("visibilitychange"))`);
  expect(await ann.run<string>("document.title")).toBe("linechat");
});

inBrowser("a page comes back after the server does, and marks the gap", async () => {
  const { server, url } = await startWeb("--history", "10");
  const ann = await enter(url, "ann");
  const back = await restart(server, url);
  await ann.shows("reconnected");
  const peer = await back.join();
  await ann.says("here again");
  await peer.hears("ann: here again\n");
  const [lost, again] = (await ann.lines()).filter((line) => /^--- (re)?conn/.test(line));
  expect(lost).toBe("--- connection lost");
  expect(again).toMatch(
    /^--- reconnected to [\d.:]+ after \d s; what was sent in between is missing$/,
  );
});

/** Counts how often the page has asked whether the server is there, and the answers. */
const COUNT_QUESTIONS = `(() => {
  asked = answered = 0;
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (what) {
    if (what.length === 0 && ++asked)
      this.addEventListener("message", () => answered++, { once: true });
    send.call(this, what);
  };
})()`;

inBrowser("a page asks a silent server, and gives up one that does not answer", async () => {
  const { server, ann, peer } = await withTab();
  const isGone = () => ann.until(`state.textContent.startsWith("not connected; retrying in")`);
  for (const script of [COUNT_QUESTIONS, HURRY]) await ann.run(script);
  await ann.run(`dispatchEvent(new Event("online"))`);
  await ann.until("answered === 2");
  expect(await ann.lines()).toEqual([]);
  expect(await ann.run<string>("state.className")).toBe("here");
  // Its network goes: nothing comes, and nothing tells of that.
  server.kill("SIGSTOP");
  await ann.says("is anybody there");
  await isGone();
  await ann.shows("connection lost; the last line you sent may be lost");
  // The next try gets no answer either.
  await ann.until(`state.textContent === "connecting"`);
  await isGone();
  server.kill("SIGCONT");
  await ann.isHere();
  await ann.shows("reconnected");
  await peer.hears("ann: is anybody there\n");
});

const kindsOf = (tab: Tab) => tab.each<string>("#log .line", `one.className.replace(" first", "")`);

inBrowser("a line is under way until the server has answered after it", async () => {
  const { server, ann, peer } = await withTab();
  await ann.run(COUNT_QUESTIONS);
  server.kill("SIGSTOP");
  for (const line of ["one", "two", "three"]) await ann.says(line);
  await ann.shows("three");
  expect(await kindsOf(ann)).toEqual(Array(3).fill("line own sending"));
  expect(await ann.run<number>("asked")).toBe(1);
  server.kill("SIGCONT");
  await ann.until(`!document.querySelector(".sending")`);
  expect(await kindsOf(ann)).toEqual(Array(3).fill("line own"));
  expect(await ann.run<number>("asked")).toBe(2);
  await peer.hears("ann: three\n");
});

inBrowser("what may be lost is told, and can be sent again", async () => {
  const { server, url, ann } = await withTab();
  await ann.says("received");
  await ann.until(`log.textContent.includes("received") && !document.querySelector(".sending")`);
  server.kill("SIGSTOP");
  for (const line of ["lost 1", "lost 2"]) await ann.says(line);
  const back = await restart(server, url);
  await ann.shows("connection lost; the last 2 lines you sent may be lost");
  expect(await kindsOf(ann)).toEqual(["line own", "line own doubtful", "line own doubtful"]);
  const peer = await back.join();
  await ann.shows("reconnected to");
  await ann.click(".gap button");
  await peer.hears("ann: lost 2\n");
  expect(peer.text).toBe("ann: lost 1\nann: lost 2\n");
  await ann.until(
    `log.lastChild.textContent.includes("lost 2") && !document.querySelector(".sending")`,
  );
  expect(await ann.each("#log :is(.doubtful, button)", "one.textContent")).toEqual([]);
  expect((await ann.lines()).map((line) => line.replace(/.*\|/, "")).slice(-2)).toEqual([
    "lost 1",
    "lost 2",
  ]);
});

inBrowser("a page has reconnected only once it is let in, and tells a refusal once", async () => {
  const { server, url } = await startWeb();
  const ann = await enter(url, "ann");
  // It does not try again before its place is taken.
  await ann.run(`(() => { really = fetch; fetch = () => Promise.reject(); })()`);
  const back = await restart(server, url, { options: ["--max-clients", "1"] });
  const peer = await back.join();
  await ann.run(`(() => { fetch = really; })()`);
  for (const deadline = performance.now() + 5000; back.count(/: room is full/) < 3;) {
    expect(performance.now()).toBeLessThan(deadline);
    await ann.run(`dispatchEvent(new Event("online"))`);
  }
  await ann.until(`/^room is full; retrying in/.test(state.textContent)`);
  expect(await ann.lines()).toEqual(["--- connection lost", "--- room is full"]);
  await peer.end();
  await back.logged(/\(0 here\)/);
  await ann.run(`dispatchEvent(new Event("online"))`);
  await ann.shows("reconnected to");
});

inBrowser("a page that wakes, or has a network again, asks at once", async () => {
  const { server, ann } = await withTab();
  await ann.run(COUNT_QUESTIONS);
  for (const [number, event] of [
    [1, `document.dispatchEvent(new Event("visibilitychange"))`],
    [2, `document.dispatchEvent(new Event("resume"))`],
    [3, `dispatchEvent(new Event("pageshow"))`],
    [4, `dispatchEvent(new Event("online"))`],
  ] as const) {
    // Once, while there is no answer yet.
    expect(await ann.run<number>(`${event}, ${event}, asked`)).toBe(number);
    await ann.until(`answered === ${number}`);
  }
  expect(server.count(/ left /)).toBe(0);
});

inBrowser("one that was disconnected keeps what was typed, and Enter connects again", async () => {
  const { server, url } = await startWeb("--idle", "1");
  const ann = await enter(url, "ann");
  await ann.run(`words.value = "half a line"`);
  await ann.until(`state.textContent === "idle for 1s"`);
  expect(await ann.run<boolean>("again.hidden")).toBeFalse();
  expect(await ann.run<string>("document.activeElement.id")).toBe("words");
  await ann.press("Enter");
  await ann.isHere();
  expect(await ann.run<boolean>("again.hidden")).toBeTrue();
  const peer = await server.join();
  await ann.press("Enter");
  await peer.hears("ann: half a line\n");
});

inBrowser("a page that finds the room full tries again by itself", async () => {
  const { server, url } = await startWeb("--max-clients", "1");
  const peer = await server.join();
  const ann = await Tab.open(url);
  await ann.enterAs("ann");
  await ann.until(`/^room is full; retrying/.test(state.textContent)`);
  await peer.end();
  await server.logged(/joined web:\S+ \(1 here\)/);
  await ann.isHere();
});

inBrowser("a page comes back also when its name was being changed meanwhile", async () => {
  const { server, url } = await startWeb();
  const ann = await enter(url, "ann");
  await ann.click("#name");
  await restart(server, url, { meanwhile: () => ann.until(`state.className === "away"`) });
  // The next try comes to nothing, as the question stands in its way.
  await ann.run(`dispatchEvent(new Event("online"))`);
  await ann.run(`door.close()`);
  await ann.isHere();
});

inBrowser("a wrong pass phrase is told, the right one lets in", async () => {
  const phrase = newFile("phrase", "open sesame\n");
  const { server, url } = await startWeb("--pass-file", phrase);
  const ann = await Tab.open(url);
  await ann.enter("ann", "open wheat");
  await ann.until(`!wrong.hidden`);
  const wrong = await ann.run<string>("wrong.textContent");
  expect(wrong).toBe("The server refuses: wrong pass phrase");
  expect(await ann.run<string>(`sessionStorage.getItem("pass")`)).toBe("");
  await ann.enter("ann", "open sesame");
  await ann.isHere();
  await server.logged(/refused web:127\.0\.0\.1:\d+: wrong pass phrase/);
  await server.logged(/joined web:127\.0\.0\.1:\d+ \(1 here\)/);
});

inBrowser("a room with names takes the name of the page, and each only once", async () => {
  const { server, url } = await startWeb("--names");
  const ann = await enter(url, "ann");
  await server.logged(/joined ann web:127\.0\.0\.1:\d+ \(1 here\)/);
  const other = await Tab.open(url);
  await other.enterAs("Ann");
  await other.until(`!wrong.hidden`);
  await other.enter("bob");
  await other.isHere();
  await other.says("it is me");
  await ann.shows("it is me");
  expect(await ann.lines()).toContain("bob|it is me");
  // With a new name it joins again.
  await ann.click("#name");
  await ann.enter("anna");
  await ann.isHere();
  await ann.says("and me");
  await other.shows("and me");
  expect(await other.lines()).toContain("anna|and me");
});

inBrowser("a line that is too long is not sent", async () => {
  const { ann, peer } = await withTab("--max-line", "16");
  await ann.says("much too long a line");
  await ann.until(`!trouble.hidden`);
  await ann.run(`words.select()`);
  await ann.says("short");
  await peer.hears("ann: short\n");
  expect(peer.text).toBe("ann: short\n");
});

inBrowser("with --names, a line may be as long as it may be without the name", async () => {
  const { server, url } = await startWeb("--max-line", "6", "--names");
  const bob = await server.connectNamed("bob");
  const ann = await enter(url, "ann-with-a-long-name");
  await server.logged(" joined ann-with-a-long-name ");
  await ann.says("short");
  await bob.hears("ann-with-a-long-name: short\n");
});

inBrowser("it fits on a phone", async () => {
  const { server, url } = await startWeb();
  const phone = await enter(url, "ann", { width: 360, height: 640 });
  const peer = await server.join();
  peer.say(`bob: ${"a long line ".repeat(20)}${"x".repeat(200)}\n`);
  await phone.shows("a long line");
  for (const fits of ["scrollWidth <= innerWidth", "scrollHeight <= innerHeight"])
    expect(await phone.run<boolean>(`document.documentElement.${fits}`), fits).toBeTrue();
  expect(await phone.run<number>("words.clientWidth")).toBeGreaterThan(120);
});

inBrowser("everything that can be used has a name for those who cannot see it", async () => {
  const { server, url } = await startWeb();
  const ann = await Tab.open(url);
  await ann.run("localStorage.clear()");
  const dialog = await namesOf(ann);
  await ann.enter("ann");
  await ann.isHere();
  const peer = await server.join();
  peer.say("bob: see https://example.net/\n");
  await ann.shows("example.net");
  const page = await namesOf(ann);
  expect([...dialog, ...page].filter(({ name }) => name === "")).toEqual([]);
  expect(dialog).toContainEqual({ role: "textbox", name: "Your name" });
  expect(page).toContainEqual({ role: "textbox", name: "Message" });
  expect(page).toContainEqual({ role: "log", name: "Messages" });
  expect(page).toContainEqual({ role: "button", name: "Send" });
  expect(page).toContainEqual({ role: "link", name: "https://example.net/" });
});
const USABLE = ["button", "textbox", "link", "log", "dialog"];

/** What can be used, as a screen reader is told. */
async function namesOf(tab: Tab): Promise<{ role: string; name: string }[]> {
  await tab.ask("Accessibility.enable");
  const tree = await tab.ask("Accessibility.getFullAXTree");
  const { nodes } = tree as { nodes: Node[] }; // as the protocol has it
  interface Node {
    ignored: boolean;
    role?: { value: string };
    name?: { value: string };
  }
  return nodes
    .filter(({ ignored, role }) => !ignored && USABLE.includes(role?.value ?? ""))
    .map(({ role, name }) => ({ role: role?.value ?? "", name: name?.value ?? "" }));
}
