/** The client in a terminal, as a user has it: entering, receiving, pausing, leaving. */

import { expect } from "bun:test";

import { key, pem } from "../certificates.ts";
import { endAfterEach, newFile, type Peer, ROOT, ServerProgram } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { besideWith, testWith } from "../harness/tools.ts";
import {
  clientAt,
  inTerminal,
  openHosted,
  openRoom,
  openServer,
  openTerminal,
  reported,
} from "./room.ts";
import { Tmux } from "./tmux.ts";

endAfterEach();

inTerminal("names have colours, server messages are dim, and mentions bold", async () => {
  const { bob, terminal } = await openRoom({ client: "--quiet --name carol" });
  const lines = ["bob: hi: again", "* room notice", "bob: hi Carol"];
  bob.say(lines.map((line) => `${line}\n`).join(""));
  await terminal.becomes(...lines, "carol:");
  await terminal.enter("hello");
  await terminal.becomes(...lines, "carol: hello", "carol:");
  const screen = (await terminal.colouredScreen()).join("\n").replaceAll("\x1b[49m", "");
  const names = screen.matchAll(/\x1b\[([39]\d)m(?:bob|carol)\x1b\[39m: h/g);
  const [bobs, again, own] = Array.from(names, ([, colour]) => colour);
  expect([again, typeof own]).toEqual([bobs, "string"]);
  expect(own).not.toBe(bobs);
  expect(await terminal.hasStyle("* room", 2)).toBe(true);
  expect(await terminal.hasStyle("again", 1)).toBe(false);
  expect(await terminal.hasStyle("hi Carol", 1)).toBe(true);
});

inTerminal("a dumb terminal gets plain lines, is safe as well, and has commands", async () => {
  const around = (client: string) => reported(`TERM=dumb ${client}`);
  const options = { client: "--name alice", around, columns: 80, rows: 24 };
  const { bob, server, terminal } = await openRoom(options);
  const output = terminal.output();
  bob.say("bob: hi\x1b[2J\n");
  await terminal.shows("bob: hi^[[2J");
  await terminal.enter("plain", "/who");
  await terminal.shows("here, as far as is known: alice (you), bob");
  await terminal.enter("/nick bo");
  await terminal.shows("send it as a message? [y/N]");
  await terminal.enter("n", "/nick bo");
  await terminal.shows(/\nn\n.*\n.*\[y\/N\]$/);
  await terminal.enter("y", "well");
  await bob.hears("alice: plain\nalice: /nick bo\nalice: well\n");
  await terminal.enter("/quit");
  await terminal.becomes(
    `connected to 127.0.0.1:${server.port}; you are alice; /quit to leave, /help for help`,
    ...["bob: hi^[[2J", "plain", "/who", "here, as far as is known: alice (you), bob"],
    ...["n", "y"].flatMap((answer) => [
      ...["/nick bo", "unknown command /nick; send it as a message? [y/N]", answer],
    ]),
    ...["well", "/quit"],
    "exit 0 icanon",
  );
  expect(output()).not.toContain("\x1b");
});

inTerminal("Tab completes names, /help shows the keys, NO_COLOR has effect", async () => {
  const around = (client: string) => reported(`NO_COLOR=1 ${client}`);
  const options = { client: "--quiet --name al", around, columns: 80, rows: 24 };
  const { bob, terminal } = await openRoom(options);
  bob.say("bobby: hi\nbob: hi\n* notice\n");
  await terminal.shows("* notice\nal:");
  await terminal.type("hi bo");
  await terminal.press("Tab", "Tab");
  await terminal.shows(/^al: hi bobby$/m);
  await terminal.enter("!");
  await bob.hears("al: hi bobby !\n");
  await terminal.shows("* notice\nal: hi bobby !\nal:"); // It waits no more.
  expect((await terminal.colouredScreen()).join("")).not.toContain("\x1b");
  await terminal.press("C-l");
  await terminal.becomes("al:");
  await terminal.enter("/help");
  await terminal.shows(/^\/quit, \/q +quit once[^]*\nal:$/m);
  await terminal.enter("/quit bye");
  await terminal.shows("exit 0 icanon");
  expect(bob.text).toBe("al: hi bobby !\n");
});

inTerminal("Ctrl-D half-closes, and the client leaves after the server", async () => {
  const { guest, terminal } = await openHosted({ columns: 80 });
  await terminal.type("x");
  await terminal.press("Left", "C-d", "C-d"); // The first one deletes the x.
  expect(await guest.endOfInput()).toBe(true);
  const waiting = "waiting for the server; Ctrl-C to quit now";
  await terminal.becomes(waiting);
  await terminal.press("C-d");
  guest.say("bob: last words\n");
  await terminal.becomes("bob: last words", waiting);
  guest.say("no newline");
  guest.endInput();
  await terminal.becomes("bob: last words", "no newline", "exit 0 icanon");
});

inTerminal("with --no-reconnect, a lost connection ends the client", async () => {
  const options = { client: "--quiet --no-reconnect", columns: 90 };
  const { guest, terminal } = await openHosted(options);
  await terminal.type("half ty");
  await terminal.shows("half ty");
  guest.endInput();
  const reason = "linechat-client: .* closed the connection before .*";
  await terminal.shows(new RegExp(`^> half ty \\(not sent\\)\n${reason}\nexit 1 icanon$`));
});

inTerminal("Ctrl-Z gives the terminal back, fg takes it again", async () => {
  const { bob, port } = await openServer();
  const command = "PS1='% ' exec bash --norc --noprofile -i";
  const terminal = await Tmux.start({ command, columns: 60 });
  await terminal.shows("%");
  await terminal.enter(`clear; ${clientAt(port)}`);
  await terminal.shows(/^>$/m);
  await terminal.type("half typed");
  await terminal.shows("> half typed");
  await terminal.press("C-z");
  await terminal.shows("Stopped");
  bob.say("said meanwhile\n");
  await terminal.enter("clear; stty -a | grep -ow -e '-\\?icanon'; fg");
  await terminal.shows(/^icanon\n[^]*client\.ts[^]*\nsaid meanwhile\n> half typed$/m);
  await terminal.press("C-a");
  await terminal.enter("no longer ");
  await bob.hears("no longer half typed\n");
});

inTerminal("where nothing wakes it, Ctrl-Z changes nothing; it ends with its window", async () => {
  const words = newFile("stderr", "");
  const around = (client: string) => `exec ${client} 2>"${words}"`;
  const { server, bob, terminal } = await openRoom({ around });
  await terminal.type("half typed");
  await terminal.shows("> half typed");
  terminal.output();
  await terminal.press("C-z");
  await terminal.outputs("\x1b[?2004l", "\x1b[?2004h", "half typed");
  // In raw mode these are keys, otherwise text.
  await terminal.press("C-a");
  await terminal.enter("no longer ");
  await bob.hears("no longer half typed\n");
  await terminal.becomes("> no longer half typed", ">");
  await terminal.end();
  await server.members(1);
  expect(await Bun.file(words).text()).toBe("");
});

inTerminal("from a pipe to a terminal: harmless lines, no prompt, no login name", async () => {
  const { bob, port } = await openServer();
  const command = `(echo from a pipe; sleep 1000) | env USER=ann ${clientAt(port, "")}`;
  const terminal = await Tmux.start({ command });
  await bob.hears("from a pipe\n");
  bob.say("bob: \x1b[2J");
  bob.say("hi\n");
  await terminal.becomes(`connected to 127.0.0.1:${port}`, "bob: ^[[2Jhi");
  expect(bob.text).toBe("from a pipe\n");
});

inTerminal("the terminal is left as it was, and pastes are marked until then", async () => {
  const { port } = await openServer();
  const crash = `import { Terminal } from "${ROOT}/lib/terminal/terminal.ts";
    new Terminal({ name: "", time: false, bell: "none" });
    process.stdin.on("data", () => { throw new Error("a bug"); });`;
  const crashing = `"${process.execPath}" "${newFile("crash.ts", crash)}"`;
  const client = clientAt(port, '--quiet --name ""');
  const ways = { "C-c": client, "C-d": client, x: crashing };
  const checks = Object.entries(ways).map(async ([key, command]) => {
    const flags = "grep -h flags /proc/$$/fdinfo/[012]";
    const terminal = await Tmux.start({ command: `read _; ${command}; ${reported(flags)}` });
    const output = terminal.output();
    await terminal.press("Enter");
    await terminal.shows(/^>$/m);
    await terminal.press(key);
    // Its descriptors without O_NONBLOCK, which is 04000.
    await terminal.shows(/(flags:\s+(\d*[0-3]\d{3}|0?\d{1,3})\n){3}exit \d+ icanon/);
    expect(output().match(/\x1b\[\?2004[hl]/g)).toEqual(["\x1b[?2004h", "\x1b[?2004l"]);
  });
  await Promise.all(checks);
});

besideWith("tmux", "openssl")("it is named by the certificate, or the login name", async () => {
  const own = ["--tls-cert", pem("server"), "--tls-key", key("server")];
  const server = await ServerProgram.start(...own);
  const shown = `--tls-cert ${pem("client")} --tls-key ${key("client")}`;
  const told = /^a room with --names calls you client, as[^]*\nconnected to [^]*\nbob:$/m;
  for (const [user, options, prompt] of [
    ["USER=ann", "", /^ann:$/m],
    ["USER='Ann of Green Gables'", "", /^>$/m],
    ["-u USER -u LOGNAME", "", /^\w+:$/m], // By id(1).
    ["USER=ann", shown, /^client:$/m],
    ["USER=ann", `${shown} --name bob`, told],
  ] as const) {
    const client = clientAt(server.port, `--tls --tls-ca ${pem("ca")} ${options}`);
    await (await Tmux.start({ command: `env ${user} ${client}` })).shows(prompt);
  }
});

// Alone: a server that asks for a name half a second late is taken for one that does not ask.
testWith("tmux")("what waits is sent after a loss, and what was missed is shown", async () => {
  const host = await Host.open();
  let isTaken = false;
  /** Asks for a name, and refuses it while it is taken; returns the first connection that has it. */
  const joins = async (): Promise<Peer> => {
    const guest = await host.guest();
    for (const part of ["* say your name first (here:", " bob and 3 more)\n"]) guest.say(part);
    await guest.hears("alice\n");
    if (!isTaken) return guest;
    guest.say("* the name alice is taken\n");
    guest.endInput();
    expect(await guest.hearsAll()).toBe("alice\n");
    return joins();
  };
  const joining = joins();
  const terminal = await openTerminal(host.port, { client: "--name alice", columns: 70, rows: 24 });
  const first = await joining;
  first.say("bob: before\n* end of history\nbob: hi\n");
  await terminal.shows("bob: hi");
  await terminal.enter("hello");
  await first.hears("alice: hello\n");
  await terminal.shows("3 more\nalice: hello");
  first.say("* idle for 5m\n");
  first.endInput();
  await terminal.shows(/^not connected; Enter to try now\nalice:$/m);
  isTaken = true;
  const joiningAgain = joins();
  await terminal.press("Enter");
  await terminal.shows(/^retrying at \d\d:\d\d:\d\d; Enter to try now\nalice:$/m);
  await terminal.enter("one", "two", "three", "four");
  const waiting = "4 lines waiting to be sent";
  await terminal.shows(`${waiting}\nalice: two\nalice: three\nalice: four\nretrying at`);
  expect(await terminal.hasStyle("four", 2)).toBe(true);
  await terminal.enter("/quit");
  await terminal.shows(`${waiting}; Ctrl-C to quit without sending`);
  isTaken = false;
  const last = await joiningAgain;
  last.say("bob: before\nbob: hi\nalice: hello\nbob: missed\n* end of history\nbob: now\n");
  const sent = ["one", "two", "three", "four"].map((line) => `alice: ${line}`);
  expect(await last.hearsAll()).toBe(`alice\n${sent.join("\n")}\n`);
  last.endInput();
  await terminal.shows("exit 0 icanon");
  const rows = (await terminal.screen()).filter((row) => !/lost|reconnected/.test(row));
  const here = "5 here: alice (you), bob and 3 more";
  expect(rows).toEqual([
    `connected to 127.0.0.1:${host.port}; /quit to leave, /help for help`,
    ...["you are alice", "bob: before", "* end of history", "bob: hi", here, "alice: hello"],
    ...["* idle for 5m", "the server says: idle for 5m"],
    "the server says: the name alice is taken",
    ...["bob: missed", "* end of history", "bob: now", here, ...sent, "exit 0 icanon"],
  ]);
});
