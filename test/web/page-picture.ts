/** Pictures of the page of `--web`, light and dark, for the README: a real room in a real browser. */

import { enter, type Tab } from "../harness/browser.ts";
import { startWeb } from "../harness/web-peer.ts";

const SIZE = { width: 760, height: 430 };
/** What an address looks like that nobody has to ask for. */
const PLACE_SHOWN = "chat.example.org";

/** Plays the scene; returns two PNG files. */
export async function takePagePictures(): Promise<{ light: Uint8Array; dark: Uint8Array }> {
  const { server, url } = await startWeb();
  const tab = await enter(url, "bob");
  await tab.resize(SIZE);
  const others = await server.join();
  others.say("alice: hello, is anybody here?\n");
  await tab.shows("anybody here");
  await tab.says("yes: on the train, with a slow line");
  await tab.shows("slow line");
  others.say(
    "alice: then look at https://example.net/minutes\nalice: and tell me what you think\n",
  );
  others.say("backup: done, 3.1 GB in 42 s\n");
  others.say("mallory: \x1b[2J\x1b]0;owned\x07 did that <b>hurt</b>?\n");
  await tab.shows("hurt");
  await tab.says("not at all");
  await tab.shows("not at all");
  await tab.run(`document.getElementById("place").textContent = ${JSON.stringify(PLACE_SHOWN)}`);
  const pictures = { light: await look(tab, "light"), dark: await look(tab, "dark") };
  Bun.WebView.closeAll();
  await Promise.all([others.end(), server.end()]);
  return pictures;
}

async function look(tab: Tab, scheme: "light" | "dark"): Promise<Uint8Array> {
  await tab.prefer("prefers-color-scheme", scheme);
  return tab.picture();
}
