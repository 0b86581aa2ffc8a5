/** The page behind a reverse proxy, at a path, and by https; and the sentence that it has if refused. */

import { afterAll, expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { makeCertificates } from "../certificates.ts";
import { endAfterEach, newFolder, Program } from "../harness.ts";
import { enter, Tab } from "../harness/browser.ts";
import { testWith } from "../harness/tools.ts";
import { startWeb } from "../harness/web-peer.ts";
import { freePort } from "../redis/redis-server.ts";

endAfterEach();
const inBrowser = testWith("chromium");
afterAll(() => Bun.WebView.closeAll());

/** HAProxy at `/chat/`, which says where browsers are, and hands on no `Host`; returns its URL. */
async function startProxy(port: number, url: string): Promise<string> {
  const file = join(newFolder(), "haproxy.cfg");
  writeFileSync(
    file,
    `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen chat
  bind 127.0.0.1:${port}
  option forwardfor
  http-request replace-path /chat/(.*) /\\1
  http-request set-header Host 127.0.0.1
  http-request set-header X-Forwarded-For 203.0.113.9
  server room ${new URL(url).host}
`,
  );
  new Program(["haproxy", "-db", "-f", file]);
  const proxied = `http://127.0.0.1:${port}/chat/`;
  for (;;)
    try {
      await fetch(proxied);
      return proxied;
    } catch {
      await Bun.sleep(20);
    }
}

const withProxy = testWith("chromium", "haproxy");

withProxy("a page works at a path, and its address is that of its browser", async () => {
  const port = await freePort();
  const options = ["--web-proxy", "127.0.0.1", "--web-name", `127.0.0.1:${port}`];
  const { server, url } = await startWeb(...options);
  const ann = await enter(await startProxy(port, url), "ann");
  const peer = await server.join();
  await ann.says("hello");
  await peer.hears("ann: hello\n");
  expect(server.stderr).toMatch(/joined web:203\.0\.113\.9:\d+ /);
});

withProxy("a page that is refused by its name says so, and the log what to add", async () => {
  const port = await freePort();
  const { server, url } = await startWeb();
  const ann = await Tab.open(await startProxy(port, url));
  await ann.enterAs("ann");
  const what = `this server is not for pages of 127.0.0.1:${port}`;
  await ann.until(`state.textContent.startsWith("${what}; its operator can add --web-name")`);
  await server.logged(`refused a browser: ${what}; to accept it, add --web-name 127.0.0.1:${port}`);
});

inBrowser("a page works by https", async () => {
  const certificates = makeCertificates();
  const [cert = "", key = ""] = ["server.pem", "server.key"].map((name) => certificates.file(name));
  const { url } = await startWeb("--tls-cert", cert, "--tls-key", key);
  const [ann, bob] = [await enter(url, "ann"), await enter(url, "bob")];
  await ann.says("hello");
  await bob.shows("hello");
});
