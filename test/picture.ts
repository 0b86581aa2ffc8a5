/**
 * Makes the pictures in the README from real conversations: a server and two terminals in tmux, and
 * a page in a browser. Run with `bun run picture`; it writes test/picture.svg, test/page-light.png
 * and test/page-dark.png.
 */

import { join } from "node:path";

import { runCommand } from "../lib/program/command-line.ts";
import { version } from "../package.json";
import { endTerminals, Tmux } from "./client/tmux.ts";
import { ROOT, ServerProgram } from "./harness.ts";
import { takePagePictures } from "./page-picture.ts";

const COLUMNS = 56;
const ROWS = 9;
/** What a port looks like that nobody has to ask for. */
const PORT_SHOWN = "8080";

const CELL = { width: 8.43, height: 18 };
const MARGIN = 14;
const TITLE_HEIGHT = 30;
const GAP = 16;
const FOREGROUND = "#d6d9e0";
const BACKGROUND = "#171a21";
/** The colours of SGR 31 to 36 and 91 to 96. */
const COLOURS: Record<number, string> = {
  ...{ 31: "#e5707a", 32: "#8cc570", 33: "#dcb55f", 34: "#5f9fe8", 35: "#c07be0", 36: "#4fb8c4" },
  ...{ 91: "#ff8f98", 92: "#a8e08a", 93: "#f5d27e", 94: "#86bdff", 95: "#dc9cf7", 96: "#74d9e4" },
};

const command = {
  name: "picture",
  version,
  summary: "Makes the pictures in the README, with tmux and chromium.",
  operands: [],
  options: {},
  examples: [["bun run picture", "test/picture.svg, test/page-light.png and test/page-dark.png"]],
} as const;
await runCommand(command, async () => {
  await Bun.write(join(ROOT, "test", "picture.svg"), await converse());
  await endTerminals();
  for (const [scheme, png] of Object.entries(await takePagePictures()))
    await Bun.write(join(ROOT, "test", `page-${scheme}.png`), png);
});
process.exit();

/** Plays the scene; returns the picture of it. */
async function converse(): Promise<string> {
  const server = await ServerProgram.start();
  const alice = await openShell();
  const bob = await openShell();
  await enter(alice, server, "alice");
  await server.members(1);
  await enter(bob, server, "bob");
  await server.members(2);
  const mallory = await server.join();

  await say(alice, "hello, is anybody here?");
  await bob.shows("anybody here?");
  await say(bob, "yes: on the train, with a slow line");
  await alice.shows("slow line");
  await bob.type("and I can go on typ");
  await say(alice, "then I talk and you type :-)");
  await bob.shows("you type");
  mallory.say("backup: done, 3.1 GB in 42 s\n");
  mallory.say("mallory: \x1b[2J\x1b]0;owned\x07 did that hurt?\n");
  await alice.shows("did that hurt?");
  await bob.shows(/did that hurt\?\nbob: and I can go on typ$/);
  await alice.type("not at a");
  await alice.shows(/alice: not at a$/);
  const picture = draw([
    { title: "alice", ...(await look(alice, server)) },
    { title: "bob", ...(await look(bob, server)) },
  ]);
  await Promise.all([mallory.end(), server.end()]);
  return picture;
}

interface Screen {
  rows: string[];
  cursor: { column: number; row: number };
}

/** A shell that has a `bun`, however this one was started. */
async function openShell(): Promise<Tmux> {
  const terminal = await Tmux.start({
    command: "PS1='$ ' exec bash --norc --noprofile -i",
    columns: COLUMNS,
    rows: ROWS,
  });
  await terminal.shows("$");
  await terminal.type(`bun() { "${process.execPath}" "$@"; }; clear`);
  await terminal.press("Enter");
  await terminal.becomes("$");
  return terminal;
}

async function enter(terminal: Tmux, server: ServerProgram, name: string): Promise<void> {
  await say(terminal, `bun client.ts --name ${name} 127.0.0.1 ${server.port}`);
  await terminal.shows(new RegExp(`^${name}:$`, "m"));
}

async function say(terminal: Tmux, line: string): Promise<void> {
  await terminal.type(line);
  await terminal.press("Enter");
}

async function look(terminal: Tmux, server: ServerProgram): Promise<Screen> {
  const rows = await terminal.colouredScreen();
  return {
    rows: rows.map((row) => row.replaceAll(String(server.port), PORT_SHOWN)),
    cursor: await terminal.cursor(),
  };
}

function draw(screens: (Screen & { title: string })[]): string {
  const width = COLUMNS * CELL.width + 2 * MARGIN;
  const height = TITLE_HEIGHT + ROWS * CELL.height + 2 * MARGIN;
  const total = screens.length * (width + GAP) - GAP;
  const windows = screens.map(({ title, rows, cursor }, index) => {
    const lines = drawRows(rows);
    const x = MARGIN + cursor.column * CELL.width;
    const y = TITLE_HEIGHT + MARGIN + cursor.row * CELL.height;
    return `<g transform="translate(${number(index * (width + GAP))} 0)">
<rect width="${number(width)}" height="${height}" rx="8" fill="${BACKGROUND}"/>
<text x="${number(width / 2)}" y="20" text-anchor="middle" fill="#8b93a5">${title}</text>
<rect x="${number(x)}" y="${y}" width="${CELL.width}" height="${CELL.height}" fill="${FOREGROUND}" opacity="0.7"/>
${lines.join("\n")}
</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${number(total)} ${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">
<title>Two terminals in conversation</title>
${windows.join("\n")}
</svg>
`;
}

/** Each row as a text, each piece of one style as a span; the style goes on from row to row. */
function drawRows(rows: string[]): string[] {
  const style = { colour: FOREGROUND, dim: false, reverse: false };
  return rows.map((row, index) => {
    const y = TITLE_HEIGHT + MARGIN + index * CELL.height;
    let column = 0;
    let drawn = "";
    for (const [at, piece] of row.split(/\x1b\[([\d;]*)m/).entries()) {
      if (at % 2 === 1) {
        for (const code of piece.split(";").map(Number)) {
          if (code === 0) Object.assign(style, { colour: FOREGROUND, dim: false, reverse: false });
          else if (code === 2 || code === 22) style.dim = code === 2;
          else if (code === 7 || code === 27) style.reverse = code === 7;
          else if (code === 39) style.colour = FOREGROUND;
          else style.colour = COLOURS[code] ?? style.colour;
        }
        continue;
      }
      if (piece === "") continue;
      const x = MARGIN + column * CELL.width;
      const width = number(piece.length * CELL.width);
      if (style.reverse)
        drawn += `<rect x="${number(x)}" y="${y}" width="${width}" height="${CELL.height}" fill="${style.colour}"/>`;
      const fill = style.reverse ? BACKGROUND : style.colour;
      drawn += `<text x="${number(x)}" y="${y + 14}" textLength="${width}" xml:space="preserve" fill="${fill}"${style.dim ? ' opacity="0.6"' : ""}>${Bun.escapeHTML(piece)}</text>`;
      column += piece.length;
    }
    return drawn;
  });
}

function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}
