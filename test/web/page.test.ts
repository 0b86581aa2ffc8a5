/** `--web` as a person has it: the page, in a real browser. */

import { afterAll, afterEach, describe, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { endAfterEach, newFolder, ServerProgram } from "../harness.ts";
import { Tab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";

endAfterEach();
const inBrowser = testWith("chromium");
const tabs: Tab[] = [];
afterEach(() => tabs.splice(0).forEach((tab) => tab.close()));
afterAll(() => Bun.WebView.closeAll());

async function start(...options: string[]) {
  const server = await ServerProgram.start("--web", "0", ...options);
  const [, url = ""] = await server.logged(/web at (\S+)\n/);
  return { server, url };
}

async function open(url: string, size?: { width: number; height: number }): Promise<Tab> {
  const tab = await Tab.open(url, size);
  tabs.push(tab);
  return tab;
}

/** A tab of one who is in the room. */
async function enter(url: string, name: string, pass?: string): Promise<Tab> {
  const tab = await open(url);
  await tab.run("localStorage.clear()");
  if (await tab.run(`!document.getElementById("door").open`)) await tab.click("#name");
  await tab.enter(name, pass);
  await tab.isHere();
  return tab;
}

describe("in a browser", () => {
  inBrowser("two tabs and a socket are in one room", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    const bob = await enter(url, "bob");
    const peer = await server.join();
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
    // Own lines are set apart, lines of one speaker are grouped.
    const kinds = `[...document.querySelectorAll("#log > *")].map((one) => one.className)`;
    expect(await ann.run<string[]>(kinds)).toEqual([
      "line own first",
      "line first",
      "line bare first",
      "line server first",
      "line first",
      "line",
    ]);
    expect([...ann.errors, ...bob.errors]).toEqual([]);
  });

  inBrowser("the name is remembered", async () => {
    const { url } = await start();
    await enter(url, "ann");
    const again = await open(url);
    await again.isHere();
    expect(await again.run<string>(`document.getElementById("name").textContent`)).toBe("ann");
    await again.run("localStorage.clear()");
  });

  inBrowser("nothing anybody says becomes markup or an order", async () => {
    const { server, url } = await start("--max-line", "2M");
    const ann = await enter(url, "ann");
    const peer = await server.join();
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
    expect(await ann.run<number>(`document.querySelectorAll("#log :is(img, script)").length`)).toBe(
      0,
    );
    expect(await ann.run<string>("document.title")).toBe("linechat");
    const marks = `[...document.querySelectorAll("#log i")].map((one) => one.textContent)`;
    expect(await ann.run<string[]>(marks)).toEqual(["^[", "U+202E", "U+2066", "U+202E"]);
    const links = `[...document.querySelectorAll("#log a")].map((one) => one.href)`;
    expect(await ann.run<string[]>(links)).toEqual([
      "https://example.net/a?b=",
      "http://x.example/",
    ]);
    const last = (await ann.lines()).at(-1);
    expect(last).toBe("|end");
    expect(await ann.run<boolean>("document.documentElement.scrollWidth <= innerWidth")).toBeTrue();
    // The long line is shown whole when asked for.
    const long = `document.querySelector("#log button")`;
    expect(await ann.run<string>(`${long}.textContent`)).toBe("… all 1,048,576 characters");
    await ann.run(`${long}.click()`);
    expect(
      await ann.run<boolean>(
        `[...document.querySelectorAll("#log p")].some((p) => p.textContent.length === 1 << 20)`,
      ),
    ).toBeTrue();
    expect(ann.errors).toEqual([]);
  });

  inBrowser("a flood of 200,000 lines keeps nobody from typing", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    const peer = await server.join();
    // How long it takes until a character that was typed is seen.
    await ann.run(`(() => {
      globalThis.delays = [];
      globalThis.gaps = [];
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
          for (const { className, textContent } of addedNodes)
            if (className === "gap") gaps.push(textContent);
      }).observe(document.getElementById("log"), { childList: true });
      document.getElementById("words").addEventListener("keydown", ({ timeStamp }) =>
        requestAnimationFrame(() => setTimeout(() => delays.push(performance.now() - timeStamp))));
      document.getElementById("words").focus();
    })()`);
    const lines = Array.from({ length: 1000 }, (_, i) => `bot: ${i} lorem ipsum dolor sit amet\n`);
    for (let turn = 0; turn < 40; turn++) {
      await peer.sayAll(lines.join(""));
      await ann.press("x");
    }
    await peer.sayAll(lines.join("").repeat(160));
    await ann.says(" typed meanwhile");
    await peer.hears(`ann: ${"x".repeat(40)} typed meanwhile\n`);
    await ann.until("delays.length >= 40");
    const delays = await ann.run<number[]>("delays.sort((a, b) => a - b)");
    expect(delays[delays.length >> 1]).toBeLessThan(100);
    peer.say("bot: that was all\n");
    await ann.shows("that was all");
    // It says so where lines are left out, which may have scrolled away by now.
    const gaps = await ann.run<string[]>("gaps");
    expect(gaps.length).toBeGreaterThan(0);
    expect(gaps[0]).toMatch(/^[\d,]+ lines went by too fast to be shown$/);
    const count = await ann.run<number>(`document.getElementById("log").childElementCount`);
    expect(count).toBeLessThanOrEqual(5000);
    expect(server.count(/too slow/)).toBe(0);
    expect(ann.errors).toEqual([]);
  });

  inBrowser("who reads further up is told how much is new", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    const peer = await server.join();
    peer.say(Array.from({ length: 100 }, (_, i) => `bot: ${i}\n`).join(""));
    await ann.shows("99");
    await ann.run(`document.getElementById("words").focus()`);
    await ann.press("PageUp");
    await ann.until(`document.getElementById("log").scrollTop < 2000`);
    peer.say("bot: one\nbot: two\n");
    await ann.until(`document.getElementById("newer").textContent === "↓ 2 new"`);
    expect(await ann.run<boolean>(`document.getElementById("newer").hidden`)).toBeFalse();
    await ann.click("#newer");
    await ann.until(`document.getElementById("newer").hidden`);
  });

  inBrowser("whoever is at the end stays there when less is in sight", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    const peer = await server.join();
    peer.say(Array.from({ length: 100 }, (_, i) => `bot: ${i}\n`).join(""));
    await ann.shows("99");
    const above = `(() => {
      const { scrollHeight, scrollTop, clientHeight } = document.getElementById("log");
      return scrollHeight - scrollTop - clientHeight;
    })()`;
    await ann.until(`${above} < 2`);
    const height = await ann.run<number>(`document.getElementById("log").clientHeight`);
    await ann.run(`document.getElementById("words").value = "several\\n\\nlines"`);
    await ann.until(`document.getElementById("log").clientHeight < ${height} && ${above} < 2`);
    // Whoever reads further up stays there too.
    await ann.press("PageUp");
    await ann.until(`${above} > 100`);
    const top = await ann.run<number>(`document.getElementById("log").scrollTop`);
    await ann.run(`document.getElementById("words").value = ""`);
    await ann.until(`document.getElementById("log").clientHeight === ${height}`);
    await ann.run("new Promise(requestAnimationFrame)");
    expect(await ann.run<number>(`document.getElementById("log").scrollTop`)).toBe(top);
  });

  inBrowser("an empty line is seen, and a link may end in brackets", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    const peer = await server.join();
    peer.say(
      "bob: \nNote:\nbob: (https://a.example/b) https://a.example/c_(d) https://a.example/e_(f)g).\n",
    );
    await ann.shows("Note:");
    expect(await ann.lines()).toEqual([
      "bob|",
      "|Note:",
      "bob|(https://a.example/b) https://a.example/c_(d) https://a.example/e_(f)g).",
    ]);
    const links = `[...document.querySelectorAll("#log a")].map((one) => one.textContent)`;
    expect(await ann.run<string[]>(links)).toEqual([
      "https://a.example/b",
      "https://a.example/c_(d)",
      "https://a.example/e_(f)g",
    ]);
    const heights = `[...document.querySelectorAll("#log p")].map((one) => one.clientHeight > 15)`;
    expect(await ann.run<boolean[]>(heights)).toEqual([true, true, true]);
  });

  inBrowser("each minute and each day of one speaker is told", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    const peer = await server.join();
    const pretend = (day: string, time: string) =>
      ann.run(`(() => {
        Date.prototype.toDateString = () => "${day}";
        Date.prototype.toTimeString = () => "${time}:00";
      })()`);
    await pretend("Mon", "23:58");
    peer.say("bob: 1\n");
    await ann.shows("1");
    await ann.run(`document.getElementById("log").replaceChildren()`);
    peer.say("bob: 2\n");
    await ann.shows("2");
    await pretend("Mon", "23:59");
    peer.say("bob: 3\n");
    await ann.shows("3");
    await pretend("Tue", "00:00");
    peer.say("bob: 4\n");
    await ann.shows("4");
    expect(await ann.lines()).toEqual(["|2", "bob|3", "--- Tue", "bob|4"]);
  });

  inBrowser("history has no times, and one's own lines in it are one's own", async () => {
    const { server, url } = await start("--names", "--history", "10");
    const ann = await enter(url, "ann");
    await ann.says("was here");
    const bob = await enter(url, "bob");
    await bob.shows("was here");
    await bob.says("so I read");
    await ann.shows("so I read");
    const times = `[...document.querySelectorAll("#log time")].map((one) => one.textContent !== "")`;
    expect((await bob.run<boolean[]>(times)).slice(-2)).toEqual([false, true]);
    await ann.run(`localStorage.setItem("name", "ann")`);
    ann.close();
    await server.logged(/left ann/);
    const again = await open(url);
    await again.shows("so I read");
    const kinds = `[...document.querySelectorAll("#log .line")].map((one) => one.className)`;
    expect(await again.run<string[]>(kinds)).toEqual(["line own first", "line first"]);
  });

  inBrowser("a hidden page counts in its title", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    const peer = await server.join();
    await ann.run(`Object.defineProperty(document, "hidden", { value: true, configurable: true })`);
    peer.say("bot: one\nbot: two\n");
    await ann.until(`document.title === "(2) linechat"`);
    await ann.run(
      `delete document.hidden && document.dispatchEvent(new Event("visibilitychange"))`,
    );
    expect(await ann.run<string>("document.title")).toBe("linechat");
  });

  inBrowser(
    "a page comes back after the server does, which takes less than a second, and marks the gap",
    async () => {
      const { server, url } = await start("--history", "10");
      const ann = await enter(url, "ann");
      const sinceMs = performance.now();
      server.kill("SIGKILL");
      await server.exited;
      const { port } = new URL(url);
      const options = ["--host", "127.0.0.1", "--web", port, "0"];
      const back = await ServerProgram.run([process.execPath, "server.ts", ...options]);
      expect(performance.now() - sinceMs).toBeLessThan(1000);
      await ann.shows("connected again");
      const peer = await back.join();
      await ann.says("here again");
      await peer.hears("ann: here again\n");
      const [lost = "", again = ""] = (await ann.lines()).filter((line) => line.startsWith("---"));
      expect(lost).toBe("--- connection lost");
      expect(again).toMatch(/^--- connected again at \d\d:\d\d, lost at \d\d:\d\d: what was said/);
    },
  );

  inBrowser("whoever was sent away keeps what was typed, and Enter connects again", async () => {
    const { server, url } = await start("--idle", "1");
    const ann = await enter(url, "ann");
    await ann.run(`document.getElementById("words").value = "half a line"`);
    await ann.until(`document.getElementById("state").textContent === "idle for 1s"`);
    expect(await ann.run<boolean>(`document.getElementById("again").hidden`)).toBeFalse();
    expect(await ann.run<string>("document.activeElement.id")).toBe("words");
    await ann.press("Enter");
    await ann.isHere();
    expect(await ann.run<boolean>(`document.getElementById("again").hidden`)).toBeTrue();
    const peer = await server.join();
    await ann.press("Enter");
    await peer.hears("ann: half a line\n");
  });

  inBrowser("a page comes back also when its name was being changed meanwhile", async () => {
    const { server, url } = await start();
    const ann = await enter(url, "ann");
    await ann.click("#name");
    server.kill("SIGKILL");
    await server.exited;
    await ann.until(`document.getElementById("state").className === "away"`);
    const { port } = new URL(url);
    const options = ["--host", "127.0.0.1", "--web", port, "0"];
    await ServerProgram.run([process.execPath, "server.ts", ...options]);
    // The next try comes to nothing, as the question stands in its way.
    await ann.run(`dispatchEvent(new Event("online"))`);
    await ann.run(`document.getElementById("door").close()`);
    await ann.isHere();
  });

  inBrowser("a wrong pass phrase is told, the right one lets in", async () => {
    const phrase = join(newFolder(), "phrase");
    writeFileSync(phrase, "open sesame\n");
    const { server, url } = await start("--pass-file", phrase);
    const ann = await open(url);
    await ann.enter("ann", "open wheat");
    await ann.until(`!document.getElementById("wrong").hidden`);
    const wrong = `document.getElementById("wrong").textContent`;
    expect(await ann.run<string>(wrong)).toBe("The server says: wrong pass phrase");
    await ann.enter("ann", "open sesame");
    await ann.isHere();
    await server.members(1);
    expect(server.stderr).toMatch(/refused web:127\.0\.0\.1:\d+: wrong pass phrase/);
    expect(server.stderr).toMatch(/joined web:127\.0\.0\.1:\d+ \(1 here\)/);
  });

  inBrowser(
    "a room with names knows one by the name of the page, and takes each once",
    async () => {
      const { server, url } = await start("--names");
      const ann = await enter(url, "ann");
      await server.logged(/joined ann web:127\.0\.0\.1:\d+ \(1 here\)/);
      const other = await open(url);
      await other.run("localStorage.clear()");
      if (await other.run(`!document.getElementById("door").open`)) await other.click("#name");
      await other.enter("Ann");
      await other.until(`!document.getElementById("wrong").hidden`);
      await other.enter("bob");
      await other.isHere();
      await other.says("it is me");
      await ann.shows("it is me");
      expect(await ann.lines()).toContain("bob|it is me");
      // A new name is a new coming.
      await ann.click("#name");
      await ann.enter("anna");
      await ann.isHere();
      await ann.says("and me");
      await other.shows("and me");
      expect(await other.lines()).toContain("anna|and me");
    },
  );

  inBrowser("a line that is too long is not sent", async () => {
    const { server, url } = await start("--max-line", "16");
    const ann = await enter(url, "ann");
    const peer = await server.join();
    await ann.says("much too long a line");
    await ann.until(`!document.getElementById("trouble").hidden`);
    await ann.run(`document.getElementById("words").select()`);
    await ann.says("short");
    await peer.hears("ann: short\n");
    expect(peer.text).toBe("ann: short\n");
  });

  inBrowser("it fits on a phone", async () => {
    const { server, url } = await start();
    const phone = await open(url, { width: 360, height: 640 });
    await phone.run("localStorage.clear()");
    if (await phone.run(`!document.getElementById("door").open`)) await phone.click("#name");
    await phone.enter("ann");
    await phone.isHere();
    const peer = await server.join();
    peer.say(`bob: ${"a long line ".repeat(20)}${"x".repeat(200)}\n`);
    await phone.shows("a long line");
    expect(
      await phone.run<boolean>("document.documentElement.scrollWidth <= innerWidth"),
    ).toBeTrue();
    expect(
      await phone.run<boolean>("document.documentElement.scrollHeight <= innerHeight"),
    ).toBeTrue();
    expect(await phone.run<number>(`document.getElementById("words").clientWidth`)).toBeGreaterThan(
      120,
    );
  });

  inBrowser("everything that can be used has a name for those who cannot see it", async () => {
    const { server, url } = await start();
    const ann = await open(url);
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
    expect(page).toContainEqual({ role: "textbox", name: "What to say" });
    expect(page).toContainEqual({ role: "log", name: "What is said" });
    expect(page).toContainEqual({ role: "button", name: "Say" });
    expect(page).toContainEqual({ role: "link", name: "https://example.net/" });
  });
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
