/** The client in a terminal, as a user has it: entering, receiving, pausing, leaving. */

import { expect } from "bun:test";

import { key, pem } from "../certificates.ts";
import { endAfterEach, newFile, ROOT, ServerProgram } from "../harness.ts";
import { Host } from "../harness/host.ts";
import { besideWith, testWith } from "../harness/tools.ts";
import {
  clientAt,
  inTerminal,
  openHosted,
  openRoom,
  openServer,
  openTerminal,
  REPORT,
} from "./room.ts";
import { Tmux } from "./tmux.ts";

endAfterEach();

/** A server that asks for a name half a second late is taken for one that does not ask. */
const aloneInTerminal = testWith("tmux");
const withCertificates = besideWith("tmux", "openssl");
const AL = { client: "--name al", columns: 70 };

inTerminal("names have colours, server messages are dim, and mentions bold", async () => {
  const { bob, terminal } = await openRoom({ client: "--quiet --name carol" });
  const lines = ["bob: hi: again", "* room notice", "bob: hi Carol"];
  bob.say(lines.map((line) => `${line}\n`).join(""));
  await terminal.becomes(...lines, "carol:");
  await terminal.enter("hello");
  await terminal.becomes(...lines, "carol: hello", "carol:");
  const screen = (await terminal.colouredScreen()).join("\n").replaceAll("\x1b[49m", "");
  expect(screen).toMatch(
    /\x1b\[(\d+)mbob\x1b\[39m: hi: again\n[^]*\x1b\[\1mbob\x1b\[39m: hi Carol\n/,
  );
  expect(screen).toMatch(/\x1b\[[39]\dmbob.*\n[^]*\x1b\[[39]\dmcarol\x1b\[39m: hello\n/);
  expect(screen).not.toMatch(/\x1b\[(\d+)mbob[^]*\x1b\[\1mcarol/);
  expect(await terminal.hasStyle("* room", 2)).toBe(true);
  expect(await terminal.hasStyle("again", 1)).toBe(false);
  expect(await terminal.hasStyle("hi Carol", 1)).toBe(true);
});

inTerminal("NO_COLOR takes the colours away", async () => {
  const { bob, terminal } = await openRoom({ client: "--name alice", environment: "NO_COLOR=1" });
  bob.say("bob: hi\n* notice\n\x1b[31m\x1b]0;mine\x07\n");
  await terminal.shows("^[[31m^[]0;mine^G\nalice:");
  expect((await terminal.colouredScreen()).join("")).not.toContain("\x1b");
});

inTerminal("a dumb terminal gets plain lines, is safe as well, and has commands", async () => {
  const options = { client: "--name alice", environment: "TERM=dumb", columns: 80, rows: 24 };
  const { bob, server, terminal } = await openRoom(options);
  const output = terminal.output();
  bob.say("bob: hi\x1b[2J\n");
  await terminal.shows("bob: hi^[[2J");
  await terminal.enter("plain", "/who");
  await terminal.shows("here, as far as is known: alice (you), bob");
  await terminal.enter("/nick al");
  await terminal.shows("send it as a message? [y/N]");
  await terminal.enter("y", "/nick bo");
  await terminal.shows(/bo\nunknown command/);
  await terminal.enter("n", "well");
  await bob.hears("alice: plain\nalice: /nick al\nalice: well\n");
  await terminal.enter("/quit");
  await terminal.becomes(
    `connected to 127.0.0.1:${server.port}; you are alice; /quit to leave, /help for help`,
    ...["bob: hi^[[2J", "plain", "/who", "here, as far as is known: alice (you), bob"],
    ...["/nick al", "unknown command /nick; send it as a message? [y/N]", "y"],
    ...["/nick bo", "unknown command /nick; send it as a message? [y/N]", "n", "well", "/quit"],
    "exit 0 icanon",
  );
  expect(output()).not.toContain("\x1b");
});

inTerminal("Tab completes names, /help shows the keys, and /quit leaves", async () => {
  const { bob, terminal } = await openRoom({ client: "--quiet --name al", columns: 80, rows: 24 });
  bob.say("bobby: hi\nbob: hi\ncarol: hi\n");
  await terminal.shows("carol: hi\nal:");
  await terminal.type("hi bo");
  await terminal.press("Tab", "Tab");
  await terminal.shows(/^al: hi bobby$/m);
  await terminal.enter("!");
  await bob.hears("al: hi bobby !\n");
  await terminal.shows("carol: hi\nal: hi bobby !\nal:"); // It waits no more.
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

inTerminal("a refusal is told once", async () => {
  // In a process of its own: one that comes too late, in half a second, is none.
  const server = await ServerProgram.start("--max-clients", "1");
  await server.join();
  const command = `${clientAt(server.port)}; ${REPORT}`;
  const terminal = await Tmux.start({ command, columns: 80 });
  await terminal.becomes("linechat-client: the server says: room is full", "exit 1 icanon");
});

inTerminal("when its window is closed it ends, silently", async () => {
  const words = newFile("stderr", "");
  const { server, terminal } = await openRoom({ around: (client) => `${client} 2>"${words}"` });
  await terminal.end();
  await server.members(1);
  expect(await Bun.file(words).text()).toBe("");
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

inTerminal("Ctrl-Z where nothing could wake it changes nothing", async () => {
  const { bob, terminal } = await openRoom({ around: (client) => `exec ${client.trim()}` });
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
});

inTerminal("lines from a pipe, shown on a terminal: harmless there, and no prompt", async () => {
  const { bob, port } = await openServer();
  const client = clientAt(port, "--name pipe");
  const terminal = await Tmux.start({ command: `(echo from a pipe; sleep 1000) | ${client}` });
  await bob.hears("pipe: from a pipe\n");
  bob.say("bob: \x1b[2J");
  bob.say("hi\n");
  await terminal.becomes(`connected to 127.0.0.1:${port}`, "bob: ^[[2Jhi");
});

inTerminal("a lost connection is made again; after it was idle, by Enter", async () => {
  const { host, at, guest: first, terminal } = await openHosted(AL);
  await terminal.shows(/^connected to/);
  first.reset();
  const second = await host.guest();
  await terminal.shows("reconnected to");
  second.say("* idle for 5m\n");
  second.endInput();
  await terminal.shows(/^not connected; Enter to try now\nal:$/m);
  await terminal.press("Enter");
  const third = await host.guest();
  const lost = "connected to .*\nlost the connection to .*: reset by the server[^]*";
  const again = `reconnected to ${at} after \\d+ s`;
  const idle = "\\* idle for 5m\n.*idle for 5m";
  await terminal.shows(new RegExp(`^${lost}\n${again}\n${idle}\n${again}\nal:$`));
  expect(third.text).toBe("");
});

/** A client that has lost its connection, and the port to which it tries to connect again. */
async function openAway() {
  const { host, guest, terminal } = await openHosted(AL);
  await terminal.shows(/^connected to/);
  host.close();
  guest.reset();
  await terminal.shows(/^retrying at \d\d:\d\d:\d\d; Enter/m);
  return { terminal, port: host.port };
}

inTerminal("what is not sent waits below, the last of it, and is counted", async () => {
  const { terminal } = await openAway();
  await terminal.enter("one", "two", "three", "four", "five");
  await terminal.type("half ty");
  await terminal.shows(
    /^5 lines waiting to be sent\nal: three\nal: four\nal: five\n(retrying|connecting).*\nal: half ty$/m,
  );
  expect(await terminal.hasStyle("five", 2)).toBe(true);
  expect((await terminal.screen()).join()).not.toContain("one");
  await terminal.press("C-c", "C-c");
  const unsent = ["three", "four", "five"].map((line) => `al: ${line} (not sent)`);
  await terminal.shows([...unsent, "5 lines not sent", "exit 130 icanon"].join("\n"));
  expect(await terminal.hasStyle("five (not sent)", 2)).toBe(true);
});

inTerminal("what waits is still sent after Ctrl-D, to a server that comes back", async () => {
  const { terminal, port } = await openAway();
  await terminal.enter("late");
  await terminal.press("C-d");
  const again = await Host.open(port);
  const next = await again.guest();
  expect(await next.hearsAll()).toBe("al: late\n");
  next.endInput();
  await terminal.shows(/^al: late\n[^]*exit 0 icanon$/m);
  expect((await terminal.screen()).join()).not.toContain("not sent");
});

inTerminal("a paste of a MB arrives whole, and lines come through meanwhile", async () => {
  const { bob, terminal } = await openRoom();
  const all = `${"a line of some sixty characters, as there are many of them, 漢".repeat(2)}\n`;
  const pasted = all.repeat(Math.ceil((1 << 20) / Buffer.byteLength(all)));
  await terminal.paste(pasted);
  await terminal.shows(/^send \d+ lines\? \[y\/N\]$/m);
  bob.say("said meanwhile\n");
  await terminal.shows("said meanwhile");
  await terminal.press("y", "Enter");
  await bob.hearsBytes(Buffer.byteLength(pasted));
  expect(bob.heard.equals(Buffer.from(pasted))).toBe(true);
});

inTerminal("the terminal is left as it was, and pastes are marked until then", async () => {
  const { port } = await openServer();
  const crash = `import { Terminal } from "${ROOT}/lib/terminal/terminal.ts";
    new Terminal({ name: "", time: false, bell: "none" });
    process.stdin.on("data", () => { throw new Error("a bug"); });`;
  const crashing = `"${process.execPath}" "${newFile("crash.ts", crash)}"`;
  const ways: [leave: (terminal: Tmux, pid: number) => unknown, command?: string][] = [
    [(terminal) => terminal.press("C-c")],
    [(terminal) => terminal.press("C-d")],
    [(_, pid) => process.kill(pid, "SIGTERM")],
    [(terminal) => terminal.type("x"), crashing],
  ];
  const modes = ways.map(async ([leave, command = clientAt(port, '--quiet --name ""')]) => {
    const run = `sh -c 'echo pid $$; exec ${command}'`;
    const flags = "grep -h flags /proc/$$/fdinfo/[012]";
    const terminal = await Tmux.start({ command: `read _; ${run}; ${flags}; ${REPORT}` });
    const output = terminal.output();
    await terminal.press("Enter");
    await terminal.shows(/^>$/m);
    const [, pid] = /pid (\d+)/.exec((await terminal.screen()).join("\n")) ?? [];
    await leave(terminal, Number(pid));
    // Its descriptors without O_NONBLOCK, which is 04000.
    await terminal.shows(/(flags:\s+(\d*[0-3]\d{3}|0?\d{1,3})\n){3}exit \d+ icanon/);
    return output().match(/\x1b\[\?2004[hl]/g);
  });
  for (const mode of modes) expect(await mode).toEqual(["\x1b[?2004h", "\x1b[?2004l"]);
});

withCertificates("the name is that of the certificate; another is told not to count", async () => {
  const shown = (owner: string) =>
    `--tls-cert ${pem(owner)} --tls-key ${key(owner)} --tls-ca ${pem("ca")}`;
  const server = await ServerProgram.start("--names", ...shown("server").split(" "));
  for (const [name, prompt] of [
    ["", /^connected to [^]*\nclient:$/m],
    ["--name bob", /^a room with --names calls you client, as[^]*\nconnected to [^]*\nbob:$/m],
  ] as const) {
    const client = clientAt(server.port, `--tls ${shown("client")} ${name}`);
    await (await Tmux.start({ command: `env USER=ann ${client}` })).shows(prompt);
  }
});

inTerminal("the name is the login name, if that can be a name, and none in a pipe", async () => {
  const { bob, port } = await openServer();
  const start = async (environment: string, prompt: RegExp, name = "") => {
    const command = `${environment} ${clientAt(port, `--quiet ${name}`)}; ${REPORT}`;
    const terminal = await Tmux.start({ command });
    await terminal.shows(prompt);
    return terminal;
  };
  await (await start("env USER=ann", /^ann:$/m)).enter("hi");
  await bob.hears("ann: hi\n");
  await Promise.all([
    start("env USER='Ann of Green Gables'", />$/m),
    start("env -u USER -u LOGNAME", /^\w+:$/m),
    start("env USER=ann", /^>$/m, "--name ''"),
  ]);
  await start("echo from a pipe | env USER=ann", /^exit 0/m);
  await bob.hears("\nfrom a pipe\n");
});

aloneInTerminal("a name is sent when asked for, and what was missed is shown", async () => {
  const host = await Host.open();
  const at = `127.0.0.1:${host.port}`;
  const join = async (greeting: string) => {
    const guest = await host.guest();
    for (const part of greeting.split("|")) guest.say(part);
    await guest.hears("alice\n");
    return guest;
  };
  // A server asks at once: a client that is not asked for half a second takes itself for joined.
  const joining = join("* say your name first (here:| bob and 3 more)\n");
  const terminal = await openTerminal(host.port, { client: "--name alice", columns: 70, rows: 20 });
  const guest = await joining;
  guest.say("bob: before\n* end of history\nbob: hi\n");
  await terminal.shows("bob: hi");
  await terminal.enter("hello");
  await guest.hears("alice: hello\n");
  await terminal.shows("3 more\nalice: hello");
  guest.reset();
  await terminal.shows("lost the connection");
  await terminal.enter("meanwhile");
  const again = await join("* say your name first\n");
  again.say("bob: before\nbob: hi\nalice: hello\nbob: missed\n* end of history\nbob: now\n");
  await again.hears("alice: meanwhile\n");
  await terminal.shows("bob\nalice: meanwhile");
  const rows = (await terminal.screen()).filter((row) => !/lost|reconnected/.test(row));
  expect(rows).toEqual([
    ...[`connected to ${at}; /quit to leave, /help for help`, "you are alice"],
    ...["bob: before", "* end of history", "bob: hi", "5 here: alice (you), bob and 3 more"],
    ...["alice: hello", "bob: missed", "* end of history", "bob: now"],
    ...["here, as far as is known: alice (you), bob", "alice: meanwhile", "alice:"],
  ]);
});

aloneInTerminal("while the name is taken, which is told once, lines stay unsent", async () => {
  const { host, at, guest: first, terminal } = await openHosted(AL);
  await terminal.shows("connected to ");
  first.endInput();
  await terminal.shows("retrying at ");
  await terminal.enter("is anybody here?");
  for (let tries = 0; tries < 3; tries++) {
    const guest = await host.guest();
    guest.say("* say your name first (here: al)\n");
    await guest.hears("al\n");
    guest.say("* the name al is taken\n");
    guest.endInput();
    expect(await guest.hearsAll()).toBe("al\n");
    await terminal.shows(/^retrying at \d/m);
    if (tries < 2) await terminal.press("Enter");
  }
  const waiting = "1 line waiting to be sent";
  await terminal.shows(`${waiting}\nal: is anybody here?\nretrying at`);
  await terminal.enter("/quit");
  await terminal.shows(`${waiting}; Ctrl-C to quit without sending`);
  await terminal.press("C-c");
  await terminal.becomes(
    ...[`connected to ${at}; /quit to leave, /help for help`, `${at} closed the connection`],
    ...["the server says: the name al is taken", "al: is anybody here? (not sent)"],
    ...["1 line not sent", "exit 130 icanon"],
  );
});
