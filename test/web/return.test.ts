/** A page whose server comes back, perhaps with other options, and a page that is refused. */

import { afterAll, expect } from "bun:test";

import { endAfterEach, newFile, serverCommand, ServerProgram } from "../harness.ts";
import { enter, HURRY, Tab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";
import { startWeb } from "../harness/web-peer.ts";

endAfterEach();
const inBrowser = testWith("chromium");
afterAll(() => Bun.WebView.closeAll());

/** The server comes back at its port for browsers with other options. */
async function comesBack(server: ServerProgram, url: string, ...options: string[]) {
  await server.stop("SIGKILL");
  const { port } = new URL(url);
  return ServerProgram.run(serverCommand("--host", "127.0.0.1", "--web", port, ...options, "0"));
}

const passOptions = () => ["--pass-file", newFile("phrase", "open sesame\n")];

inBrowser("a server that comes back with a pass phrase and names is asked for both", async () => {
  const { server, url } = await startWeb();
  const ann = await Tab.open(url);
  await ann.enterAs("");
  await ann.isHere();
  const back = await comesBack(server, url, ...passOptions(), "--names");
  await ann.until("door.open");
  expect(await ann.run<string>("state.textContent")).toBe("not connected");
  const shown = `!document.querySelector("#pass-asked").hidden`;
  expect(
    await ann.run<boolean>(`${shown} && document.querySelector("#own-name").required`),
  ).toBeTrue();
  await ann.enter("ann", "open sesame");
  await ann.isHere();
  await back.logged(/joined ann web/);
  // Without both, it only comes back.
  const plain = await comesBack(back, url);
  await ann.shows("reconnected");
  await plain.logged(/joined web/);
  const peer = await plain.join();
  await ann.says("hello");
  await peer.hears("ann: hello\n");
  expect(peer.text).toBe("ann: hello\n");
});

inBrowser("a pass phrase lasts as long as the tab", async () => {
  const { server, url } = await startWeb(...passOptions());
  const ann = await Tab.open(url);
  await ann.enterAs("ann", "open sesame");
  await ann.isHere();
  await ann.navigate(url);
  await ann.isHere();
  await server.logged(/joined .*joined /s);
  const other = await Tab.open(url);
  await other.until("door.open");
});

inBrowser("the dialog can be left, and Connect asks again", async () => {
  const { url } = await startWeb("--names");
  const ann = await Tab.open(url);
  await ann.run("localStorage.clear()");
  await ann.navigate(url);
  await ann.until("door.open");
  await ann.press("Escape");
  await ann.until("!door.open && !again.hidden");
  await ann.click("#again");
  await ann.until("door.open");
  await ann.click("#cancel");
  await ann.until("!door.open");
  await ann.press("Enter");
  await ann.enter("ann");
  await ann.isHere();
});

inBrowser("history is not repeated after a change of name, nor after a loss", async () => {
  const { server, url } = await startWeb("--names", "--history", "100", "--announce");
  const bob = await server.connectNamed("bob");
  bob.say("one\ntwo\n");
  const ann = await enter(url, "ann");
  await ann.shows("two");
  await ann.says("three");
  await bob.hears("ann: three\n");
  bob.say("four\n");
  await ann.shows("four");
  await ann.click("#name");
  await ann.enter("anna");
  await server.logged(/joined anna/);
  await ann.isHere();
  await ann.says("five");
  await bob.hears("anna: five\n");
  await ann.shows("five");
  expect((await ann.lines()).filter((line) => line === "--- end of history")).toHaveLength(1);
  server.kill("SIGSTOP");
  await ann.run(HURRY);
  await ann.says("six");
  await ann.shows("connection lost; the last line you sent may be lost");
  bob.say("seven\n");
  server.kill("SIGCONT");
  await ann.shows("seven");
  await ann.shows("reconnected");
  const texts = (await ann.lines()).filter((line) => !/^(---|\|\*)/.test(line));
  expect(texts.map((line) => line.replace(/.*\|/, ""))).toEqual([
    "one",
    "two",
    "three",
    "four",
    ...["five", "six", "six", "seven"],
  ]);
});

inBrowser("of a long history only the last 5,000 lines are shown, which is told once", async () => {
  const { server, url } = await startWeb("--history", "8M");
  const peer = await server.join();
  await peer.sayAll(Array.from({ length: 20_000 }, (_, n) => `bob: ${n}\n`).join(""));
  const ann = await enter(url, "ann");
  await ann.shows("end of history");
  expect(await ann.each("#log .gap", "one.textContent")).toEqual([
    "only the last 5,000 lines of history are shown",
    "end of history",
  ]);
  expect(await ann.run<string>("log.children[1].querySelector('p').textContent")).toBe("15000");
  expect(await ann.run<number>("log.querySelectorAll('.line').length")).toBe(5000);
  expect(await ann.run<number>("view.scrollTop")).toBe(0);
});
