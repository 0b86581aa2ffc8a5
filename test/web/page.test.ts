/** `--web` as a person has it: the page, in a real browser. */

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";

import { LONGEST_MS, newFile, Peer, Program, serverCommand, ServerProgram } from "../harness.ts";
import { browserTests, enter, Tab } from "../harness/browser.ts";
import { freePort, testWith, tlsOptions } from "../harness/tools.ts";
import { startWeb } from "../harness/web-peer.ts";

setDefaultTimeout(2 * LONGEST_MS);
const inBrowser = testWith("chromium");
const besideOthers = browserTests();

const HIDE = `Object.defineProperty(document, "hidden", { value: true, configurable: true })`;
const SHOW = `delete document.hidden && document.dispatchEvent(new Event("visibilitychange"))`;
const PAGESHOW = `dispatchEvent(new Event("pageshow"))`;
/** Counts how often the page asks whether the server is there, which can be held, and the answers. */
const WATCH_QUESTIONS = `(() => {
  asked = answered = 0;
  isHeld = false;
  const { send } = WebSocket.prototype;
  WebSocket.prototype.send = function (what) {
    if (what.length > 0) return send.call(this, what);
    ask = () => send.call(this, what);
    asked++;
    this.addEventListener("message", () => answered++, { once: true });
    if (!isHeld) ask();
  };
})()`;
/** What the page would do later, after `dueMs`, it does when `due` is called. */
const HOLD_TIMERS = `(() => {
  const later = setTimeout;
  setTimeout = (action, delayMs) => {
    if (delayMs < 100) return later(action, delayMs);
    due = () => void action();
    dueMs = delayMs;
  };
})()`;

const kindsOf = (tab: Tab) => tab.each("#log .line", `one.className.replace(" first", "")`);

// 1. One tab and one room, for one test after the other: each loads the page again.

let server: ServerProgram;
let url: string;
let ann: Tab;

if (inBrowser === test)
  beforeAll(async () => {
    ({ server, url } = await startWeb());
    ann = await enter(url, "ann");
  });
afterAll(() => server?.end());

/** Somebody else in that room. */
let peer: Peer;

/** A test of the page in the room without options. */
function onPage(name: string, run: () => Promise<unknown>): void {
  inBrowser(name, async () => {
    await ann.navigate(url);
    await ann.isHere();
    peer = await server.join();
    await run();
    await peer.end();
  });
}

/** Has the other one send lines, and waits until the page shows the end of the last one. */
async function show(...lines: string[]): Promise<void> {
  peer.say(lines.map((line) => `${line}\n`).join(""));
  await ann.shows(lines.at(-1)?.split(": ").at(-1)?.trim() ?? "");
}

onPage("one's own lines are set apart, and those of one sender grouped", async () => {
  await ann.says("hello, all");
  await peer.hears("ann: hello, all\n");
  await show("cat: one", "cat: two, ann", "no name here", "* odd words");
  const lines = ["ann|hello, all", "cat|one", "|two, ann", "|no name here", "|* odd words"];
  expect(await ann.lines()).toEqual(lines);
  const kinds = ["own first", "first", "mention", "bare first", "server first"];
  expect(await ann.each("#log > *", "one.className")).toEqual(kinds.map((kind) => `line ${kind}`));
  // With the colours of the system, a border marks one's own lines.
  await ann.prefer("forced-colors", "active");
  const widths = await ann.each("#log .line", "getComputedStyle(one).borderInlineStartWidth");
  await ann.prefer("forced-colors", "none");
  expect(widths).toEqual(["3px", "0px", "3px", "0px", "0px"]);
  // A copy has each line with its sender; three clicks on one select up to the next one.
  const copied = (lastLine: number, characters: number) =>
    ann.run<string>(`(() => {
      const [from, to] = [1, ${lastLine}].map((n) => log.children[n].querySelector("p"));
      getSelection().setBaseAndExtent(from, 0, to, ${characters});
      const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true });
      log.dispatchEvent(event);
      return event.clipboardData.getData("text/plain");
    })()`);
  expect(await copied(4, 1)).toBe("cat: one\ncat: two, ann\nno name here\n* odd words");
  expect(await copied(2, 0)).toBe("");
  // Each minute and each day is told.
  await ann.run("log.replaceChildren()");
  for (const [n, time] of ["Mon 23:58", "Mon 23:58", "Mon 23:59", "Tue 00:00"].entries()) {
    await ann.run(`(() => {
      Date.prototype.toDateString = () => "${time.slice(0, 3)}";
      Date.prototype.toTimeString = () => "${time.slice(4)}:00";
    })()`);
    await show(`bob: line ${n}`);
  }
  const told = ["--- Mon", "bob|line 0", "|line 1", "bob|line 2", "--- Tue", "bob|line 3"];
  expect(await ann.lines()).toEqual(told);
});

onPage("nothing that is sent becomes markup or an order", async () => {
  const blocked = `(blocked = []).push(one.violatedDirective + one.blockedURI)`;
  await ann.run(`blocked = [], addEventListener("securitypolicyviolation", (one) => ${blocked})`);
  peer.say(`eve: <img src=x onerror="document.title='owned'"><script>document.title=0</script>\n`);
  peer.say(`<b>eve: &lt;i&gt; javascript:alert(1)\n`);
  peer.say(
    "eve: \x1b[2J\u202Eabc\u2066 https://example.net/a?b=<c>, http://x.example/\u202Ecod.exe\n",
  );
  peer.say(Buffer.from([0xff, 0xfe, 0x0a]));
  await show(`eve: ${"x".repeat(60_000)}`, "eve: ", "eve: end\r");
  expect(await ann.each("#log :is(img, script)")).toEqual([]);
  expect(await ann.run<unknown>("blocked")).toEqual([]);
  expect(await ann.run<string>("document.title")).toBe("linechat");
  expect(await ann.each("#log i")).toEqual(["^[", "U+202E", "U+2066", "U+202E"]);
  const links = await ann.each("#log a", "one.href");
  expect(links).toEqual(["https://example.net/a?b=", "http://x.example/"]);
  expect((await ann.lines()).slice(-2)).toEqual(["|", "|end"]);
  expect(await ann.each("#log p", "one.clientHeight > 15")).not.toContain(false);
  // It fits on a phone, and the long line is shown whole when asked for.
  await ann.resize({ width: 360, height: 640 });
  expect(await ann.each("#log button")).toEqual(["… all 60,000 characters"]);
  await ann.click("#log button");
  const lengths = await ann.each<number>("#log p", "one.textContent.length");
  expect(Math.max(...lengths)).toBe(60_000);
  for (const fits of ["scrollWidth <= innerWidth", "scrollHeight <= innerHeight"])
    await ann.until(`document.documentElement.${fits}`);
  expect(await ann.run<number>("words.clientWidth")).toBeGreaterThan(120);
  await ann.resize({ width: 800, height: 600 });
});

onPage("a link ends where a reader of any script would end it", async () => {
  const x = "x".repeat(2000);
  const expected = [
    ["見てhttps://a.example/一。次", "https://a.example/一"],
    ["（https://b.example/c）", "https://b.example/c"],
    ["«https://c.example/d»", "https://c.example/d"],
    ["https://d.example/؟", "https://d.example/"],
    ["https://e.example/a।", "https://e.example/a"],
    ["“https://f.example/g…”", "https://f.example/g"],
    ["[https://g.example/h_(i)],", "https://g.example/h_(i)"],
    ["https://g.example/e_(f)g).", "https://g.example/e_(f)g"],
    ["https://h.example/" + ")".repeat(5000), "https://h.example/"],
    ["https://i.example/?a=b&c=%2F-", "https://i.example/?a=b&c=%2F-"],
    ["שלום https://a.example/b?c=1! שלום", "https://a.example/b?c=1"],
    [`${"z ".repeat(498)}https://k.example/${x}y`, `https://k.example/${x}y`],
  ];
  await show(...expected.map(([text]) => `bob: ${text}`), "bob: end");
  const links = await ann.each("#log a", "decodeURI(one.href)");
  expect(links).toEqual(expected.map(([, link = ""]) => link));
  // In a line that runs right to left it stays in one piece.
  const styles =
    "[one.dir, getComputedStyle(one).unicodeBidi, getComputedStyle(one.parentNode).direction]";
  const [hebrew] = (await ann.each<string[]>("#log a", styles)).slice(-2);
  expect(hebrew).toEqual(["ltr", "isolate", "rtl"]);
  // What is not shown of one is told, and all of it is there when asked for.
  expect((await ann.each("#log a")).at(-1)).toBe("http");
  await ann.click(".line:nth-last-child(2) button");
  expect((await ann.each("#log a")).at(-1)).toBe(`https://k.example/${x}y`);
});

onPage("a reader further up stays there, and sees how much is new", async () => {
  await show(...Array.from({ length: 100 }, (_, n) => `bot: ${n}`));
  const above = "-view.scrollTop";
  await ann.until(`${above} < 2`);
  const height = await ann.run<number>("view.clientHeight");
  await ann.run(`words.value = "several\\n\\nlines"`);
  await ann.until(`view.clientHeight < ${height} && ${above} < 2`);
  await ann.press("PageUp");
  await ann.until(`${above} > 100`);
  const top = await ann.run<number>("(bot70 = log.children[70]).getBoundingClientRect().top");
  peer.say("bot: one\nbot: two\n");
  await ann.until(`newer.textContent === "↓ 2 new" && !newer.hidden`);
  expect(await ann.run<number>("bot70.getBoundingClientRect().top")).toBeWithin(top - 2, top + 2);
  // It takes no click if anything is painted over it, as a line with a layer of its own would be.
  await ann.click("#newer");
  await ann.until(`newer.hidden && ${above} < 2`);
});

onPage("keys and Send do to a line what they do elsewhere", async () => {
  // Tab completes a name; what is typed where the messages are is meant for the line.
  await show("bob: hi");
  await ann.fill("words", "hey B");
  await ann.press("Tab");
  await ann.run("view.focus()");
  await ann.press("y");
  const typed = "[document.activeElement.id, words.value]";
  expect(await ann.run<string[]>(typed)).toEqual(["words", "hey bob y"]);
  // Enter of an input method sends nothing.
  await ann.run(`words.value = "日本"`);
  for (const how of ["isComposing: true", "keyCode: 229", "keyCode: 13"]) {
    expect(await ann.run<string>("words.value")).toBe("日本");
    await ann.run(`words.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ${how} })), 0`);
  }
  // Send leaves a telephone its keyboard.
  await ann.fill("words", "hello");
  await ann.click("#send");
  await peer.hears("ann: hello\n");
  expect(peer.heard.toString()).toBe("ann: 日本\nann: hello\n");
  expect(await ann.run<string[]>(typed)).toEqual(["words", ""]);
});

onPage("more than five lines ask, and so does what looks like a command", async () => {
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
  await ann.press("Escape");
  expect(await ann.run<boolean>("trouble.hidden")).toBeTrue();
  await ann.press("Enter");
  await ann.click("#trouble button");
  await peer.hears("ann: 6\n");
  expect(peer.text).toBe(`${paste(5)}\n${paste(7)}\n`.replace(/^/gm, "ann: ").slice(0, -5));
  await say("/nick bob");
  await asks("unknown command /nick; send it as a message?");
  for (const line of ["/help", "/etc/hosts is wrong", "//help"]) await say(line);
  await ann.shows("/who: show who is here");
  await peer.hears("ann: /help\n");
  expect(peer.text).not.toContain("/nick");
  expect(peer.text).toContain("ann: /etc/hosts is wrong\n");
  await say("/quit bye");
  await ann.until(`state.textContent === "not connected"`);
  await say("/who");
  await ann.shows("not connected");
});

onPage("a page asks whether the server is there, and gives up one that is silent", async () => {
  const expectDue = async (ms: number) => expect(await ann.run<number>("dueMs")).toBe(ms);
  const isGone = () => ann.until(`state.textContent.startsWith("not connected; retrying in")`);
  await ann.run(`${WATCH_QUESTIONS}, ${HOLD_TIMERS}`);
  // When it wakes, or has a network again: once, while there is no answer yet.
  for (const [number, event] of [
    [1, `document.dispatchEvent(new Event("visibilitychange"))`],
    [2, `document.dispatchEvent(new Event("resume"))`],
    [3, PAGESHOW],
    [4, `dispatchEvent(new Event("online"))`],
  ] as const) {
    expect(await ann.run<number>(`${event}, ${event}, asked`)).toBe(number);
    await ann.until(`answered === ${number}`);
  }
  // When nothing has come for long.
  await expectDue(45_000);
  await ann.run("due()");
  await ann.until("answered === 5");
  expect(await ann.lines()).toEqual([]);
  // After lines, which are under way until it is answered.
  server.kill("SIGSTOP");
  for (const line of ["one", "two", "three"]) await ann.says(line);
  await ann.shows("three");
  expect(await kindsOf(ann)).toEqual(Array(3).fill("line own sending"));
  expect(await ann.run<number>("asked")).toBe(6);
  server.kill("SIGCONT");
  await ann.until(`!document.querySelector(".sending")`);
  expect(await kindsOf(ann)).toEqual(Array(3).fill("line own"));
  expect(await ann.run<number>("asked")).toBe(7);
  await peer.hears("ann: three\n");
  // Its network goes: nothing comes, and nothing tells of that. The next try gets no answer either.
  await ann.until("answered === 7");
  server.kill("SIGSTOP");
  await ann.says("is anybody there");
  await expectDue(15_000);
  await ann.run("due()");
  await isGone();
  await ann.shows("connection lost; the last line you sent may be lost");
  await ann.run("due()");
  await ann.until(`state.textContent === "connecting"`);
  await expectDue(15_000);
  await ann.run("due()");
  await isGone();
  server.kill("SIGCONT");
  await ann.run("due()");
  await ann.isHere();
  await ann.shows("reconnected");
  await peer.hears("ann: is anybody there\n");
  // One that is left leaves the room until it is gone back to.
  const leave = `dispatchEvent(new Event("pagehide"))`;
  expect(await ann.run<string>(`${leave}, state.className`)).toBe("away");
  await ann.run(PAGESHOW);
  await ann.isHere();
});

onPage("all that can be used has a name for those who cannot see it", async () => {
  type Text = { value: string };
  const names: string[] = [];
  await show("bob: see https://example.net/");
  for (const place of ["#words", "#name"]) {
    await ann.click(place); // The second one opens the dialog.
    const asked = ann.ask<{ nodes: { role?: Text; name?: Text }[] }>("Accessibility.getFullAXTree");
    const all = (await asked).nodes.map(({ role, name }) => `${role?.value}: ${name?.value ?? ""}`);
    names.push(...all.filter((name) => /^(button|textbox|link|log|dialog): /.test(name)));
  }
  expect(names.filter((name) => name.endsWith(": "))).toEqual([]);
  const some = ["log: Messages", "link: https://example.net/", "textbox: Message", "button: Send"];
  expect(names).toEqual(expect.arrayContaining([...some, "textbox: Your name"]));
});

// 2. Rooms with options, and servers that come back: beside each other.

/** The server dies, and another one takes its port for browsers. */
async function comesBack(old: ServerProgram, at: string, ...options: string[]) {
  await old.stop("SIGKILL");
  const { port } = new URL(at);
  return ServerProgram.run(serverCommand("--host", "127.0.0.1", "--web", port, ...options, "0"));
}

besideOthers("a room with names has each once, and tells who is here", async () => {
  const { server, url } = await startWeb("--names", "--announce", "--max-line", "128");
  const bob = await server.connectNamed("bob");
  const ann = await Tab.open(url);
  // The dialog can be left, and Enter asks again.
  await ann.until("door.open");
  await ann.click("#cancel");
  await ann.until("!door.open && !again.hidden");
  await ann.press("Enter");
  await ann.enter("ann");
  await ann.isHere();
  await ann.shows("2 here: ann (you), bob");
  const cat = await server.connectNamed("cat");
  await ann.until(`people.innerText.trim() === "3 here"`);
  await ann.click("summary");
  await ann.run(`document.querySelector("#people button").focus()`);
  await ann.press("Escape");
  await ann.until(`document.activeElement === words && !people.open`);
  await ann.click("summary");
  expect(await ann.each("#people button")).toEqual(["bob", "cat"]);
  await ann.click("#people button");
  await ann.until(`words.value === "bob: " && !people.open`);
  await bob.end();
  await ann.until(`people.innerText.trim() === "2 here"`);
  await ann.says("/who");
  await ann.shows("2 here: ann (you), cat");
  cat.say("hello\n");
  await ann.shows("hello");
  await ann.click("#log b[title=cat]");
  expect(await ann.run<string>("words.value")).toBe("cat: ");
  // A line may be as long as it may be without the name.
  await ann.says("x".repeat(128));
  await ann.until(`trouble.innerText.startsWith("this line has 129 bytes; 128 is the most")`);
  await ann.says("y".repeat(127));
  await cat.hears(`ann: ${"y".repeat(127)}\n`);
  // With a new name it joins again. What comes before the first answer is shown with that.
  await ann.run(`${WATCH_QUESTIONS}, isHeld = true`);
  await ann.click("#name");
  await ann.enter("anna");
  await server.logged(/joined anna /);
  await server.connectNamed("dan");
  await cat.hears("* dan joined (3 here)\n");
  await ann.run("ask()");
  await ann.shows("* dan joined (3 here)");
  expect(await ann.each("#log .server p")).not.toContainEqual(expect.stringMatching(/say your/));
  await ann.says("again");
  await cat.hears("anna: again\n");
  expect(cat.text).not.toContain("x");
});

besideOthers("history is shown once, with an end and without times", async () => {
  const { server, url } = await startWeb("--names", "--history", "100", "--announce");
  const bob = await server.connectNamed("bob");
  bob.say("one\n");
  const ann = await enter(url, "ann");
  await ann.shows("end of history");
  await ann.says("two");
  await bob.hears("ann: two\n");
  bob.say("three\n");
  await ann.shows("three");
  const times = await ann.each("#log .line", `one.querySelector("time")?.textContent`);
  expect([times.at(0), times.at(-1)]).toEqual(["", expect.stringMatching(/^\d\d:\d\d$/)]);
  // After a change of name there is nothing new in it.
  await ann.click("#name");
  await ann.enter("anna");
  await server.logged(/joined anna/);
  await ann.isHere();
  await ann.says("four");
  await bob.hears("anna: four\n");
  await ann.until(`!document.querySelector(".sending")`);
  await ann.run(HOLD_TIMERS);
  server.kill("SIGSTOP");
  await ann.says("five");
  await ann.run("due()");
  await ann.shows("connection lost; the last line you sent may be lost");
  expect(await ann.run<boolean>("people.hidden")).toBeTrue();
  bob.say("six\n");
  server.kill("SIGCONT");
  await server.logged(/left anna/);
  await ann.run("due()");
  await ann.shows("six");
  await ann.shows("reconnected");
  const lines = await ann.lines();
  const texts = lines.flatMap((line) => /^(?!--|\|\*).*\|(.*)/.exec(line)?.[1] ?? []);
  expect(texts).toEqual(["one", "two", "three", "four", "five", "five", "six"]);
  expect(lines.filter((line) => line.startsWith("---"))).toEqual([
    ...["--- end of history", "--- 2 here: ann (you), bob", "--- 2 here: anna (you), bob"],
    expect.stringMatching(/^--- connection lost; the last line you sent may be lost/),
    ...[expect.stringMatching(/^--- reconnected to [\d.:]+ after \d+ s$/), "--- end of history"],
  ]);
  await ann.navigate(url);
  await ann.shows("end of history");
  expect(await ann.each("#log .own p")).toEqual(["four", "five"]);
});

besideOthers("of a long history, or a flood, no more is shown than can be read", async () => {
  const { server, url } = await startWeb("--history", "8M");
  const sent = (count: number) => Array.from({ length: count }, (_, n) => `bob: ${n}\n`).join("");
  const past = await server.join();
  past.say(sent(6_000));
  past.endInput();
  await server.logged(`left ${past.name}`);
  const ann = await enter(url, "ann");
  await ann.shows("bob");
  const history = ["--- only the last 5,000 lines of history are shown", "bob|1000"];
  expect((await ann.lines()).slice(0, 2)).toEqual(history);
  // Lines come in slices, which keep nobody from typing; those of before go. It tells what is left out.
  await ann.run(`(() => {
    log.replaceChildren(...Array.from({ length: 5020 }, () => document.createElement("i")));
    slices = [];
    new MutationObserver((changes) => {
      const added = changes.flatMap(({ addedNodes }) => [...addedNodes]);
      slices.push([added.length, ...added.map(({ textContent }) => textContent)]);
    }).observe(log, { childList: true });
  })()`);
  const peer = await server.join();
  await peer.sayAll(sent(20_000));
  await ann.says("typed meanwhile");
  await peer.hears("ann: typed meanwhile\n");
  await ann.until(`slices.flat().find((one) => /^[\\d,]+ lines went by too fast to be/.test(one))`);
  expect(await ann.run<number>("Math.max(...slices.map(([count]) => count))")).toBeWithin(1, 303);
  expect(await ann.run<number>("log.childElementCount")).toBe(5020);
});

besideOthers("what comes to a hidden page is counted, and one's own name tells", async () => {
  const { server, url } = await startWeb("--history", "10", "--announce");
  const peer = await server.join();
  peer.say("bob: before\n");
  const ann = await enter(url, "ann");
  await ann.shows("#2 joined (2 here)");
  await ann.run(`(() => {
    told = [];
    Notification = class { static permission = "granted"; constructor(...what) { told.push(what); } };
  })()`);
  // Notices and history are not counted, and tell no address.
  await ann.run(HIDE);
  const cat = await server.join();
  await cat.end();
  await ann.shows("#3 left (2 here)");
  for (const line of ["one", "two"]) {
    await ann.until(`document.title === "linechat"`);
    peer.say(`bob: ${line}\nbob: more\n`);
    await ann.until(`document.title === "(2) linechat"`);
    await ann.run(`${SHOW}, ${HIDE}`);
  }
  const lines = await ann.lines();
  expect(lines.slice(lines.indexOf("--- new") - 2)).toEqual([
    ...["bob|one", "|more", "--- new", "bob|two", "|more"],
  ]);
  expect(lines.join("\n")).not.toMatch(/127|web:/);
  peer.say("bob: annoying\nbob: hey Ann, look\n* bob joined (3 here)\nann: not me\nbob: @ann?\n");
  await ann.until(`document.title === "(2!) linechat"`);
  expect(await ann.each("#log .mention p")).toEqual(["hey Ann, look", "@ann?"]);
  const told = ["hey Ann, look", "@ann?"].map((body) => ["bob", { body, tag: "linechat" }]);
  expect(await ann.run<unknown>("told")).toEqual(told);
  await ann.run(SHOW);
  expect(await ann.run<string>("document.title")).toBe("linechat");
});

besideOthers("what may be lost can be sent again, and a refusal is told once", async () => {
  const { server, url } = await startWeb();
  const ann = await enter(url, "ann");
  await ann.run(HOLD_TIMERS);
  await ann.says("received");
  await ann.until(`log.textContent.includes("received") && !document.querySelector(".sending")`);
  server.kill("SIGSTOP");
  for (const line of ["lost 1", "lost 2"]) await ann.says(line);
  const back = await comesBack(server, url, "--max-clients", "1");
  await ann.shows("connection lost; the last 2 lines you sent may be lost");
  expect(await kindsOf(ann)).toEqual(["line own", "line own doubtful", "line own doubtful"]);
  const peer = await back.join();
  for (let tries = 0; tries < 2; tries++) {
    await ann.run("due()");
    await ann.until(`/^room is full; retrying in/.test(state.textContent)`);
  }
  await peer.end();
  await back.logged(/\(0 here\)/);
  await ann.run("due()");
  await ann.isHere();
  await ann.shows("; what was sent in between is missing");
  expect((await ann.lines()).filter((line) => line.startsWith("---"))).toEqual([
    expect.stringContaining("--- connection lost;"),
    "--- room is full",
    expect.stringMatching(/^--- reconnected to [\d.:]+ after \d+ s; what was sent in /),
  ]);
  await ann.click(".gap button");
  await ann.until(`/lost 2/.test(log.lastChild.textContent)`);
  await ann.until(`!document.querySelector("#log :is(.sending, .doubtful, button)")`);
  const last = (await ann.lines()).slice(-2).map((line) => line.replace(/.*\|/, ""));
  expect(last).toEqual(["lost 1", "lost 2"]);
});

besideOthers("once disconnected, what was typed stays, and Enter connects, by https", async () => {
  const { server, url } = await startWeb("--idle", "1", ...tlsOptions());
  const ann = await Tab.open(url);
  await ann.enter("ann");
  await ann.run(`words.value = "half a line"`);
  await ann.until(`state.textContent === "idle for 1s" && !again.hidden`);
  expect(await ann.run<string>("document.activeElement.id")).toBe("words");
  await ann.press("Enter");
  await server.logged(/joined .*joined /s);
  expect(await ann.run<string>("words.value")).toBe("half a line");
});

besideOthers("a page asks again for what the server asks for once it is back", async () => {
  const { server, url } = await startWeb();
  const ann = await Tab.open(url);
  await ann.enter("");
  await ann.isHere();
  const phrase = newFile("phrase", "open sesame\n");
  const back = await comesBack(server, url, "--pass-file", phrase, "--names");
  await ann.until(`door.open && state.textContent === "not connected"`);
  const [passAsked, ownName] = [`window["pass-asked"]`, `window["own-name"]`];
  await ann.until(`!${passAsked}.hidden && ${ownName}.required`);
  await ann.enter("ann", "open wheat");
  await ann.until(`wrong.textContent === "The server refuses: wrong pass phrase"`);
  expect(await ann.run<string>(`sessionStorage.getItem("pass")`)).toBe("");
  await ann.enter("ann", "open sesame");
  await ann.isHere();
  // It lasts as long as the tab, and the name longer.
  await ann.navigate(url);
  await ann.isHere();
  await back.logged(/joined ann web.*joined ann web/s);
  const other = await Tab.open(url);
  await other.until(`door.open && ${ownName}.value === "ann"`);
  // A name may be taken; the pass phrase is not asked for again.
  await other.enter("Ann", "open sesame");
  await other.until(`wrong.textContent === "The server refuses: the name Ann is taken"`);
  await other.press("Escape");
  await other.click("#name");
  expect(await other.run<string>("document.activeElement.id")).toBe("own-name");
  await other.enter("anna");
  await other.isHere();
});

browserTests("haproxy")("it works at a path of a proxy, and tells once it may not", async () => {
  const port = freePort();
  const place = `127.0.0.1:${port}`;
  const { server, url } = await startWeb("--web-name", place);
  const file = newFile(
    "haproxy.cfg",
    `listen chat
  mode http
  bind ${place}
  http-request deny unless { path_beg /chat/ }
  http-request replace-path /chat/(.*) /\\1
  http-request set-header Host 127.0.0.1
  server room ${new URL(url).host}
`,
  );
  const proxy = new Program(["haproxy", "-W", "-db", "-f", file]);
  await proxy.printed("Loading success", "stderr");
  const ann = await enter(`http://${place}/chat/`, "ann");
  await server.logged(/joined web:/);
  await comesBack(server, url);
  const refusal = `this server is not for pages of ${place}; its operator can add --web-name`;
  await ann.until(`state.textContent.startsWith("${refusal}")`);
});
