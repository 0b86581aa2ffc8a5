/** What a user tells this client and not the room: lines that begin with a slash. */

const COMMANDS = ["quit", "help", "time"] as const;

export type Command = (typeof COMMANDS)[number];

/** What to do with a line: send this, obey, or ask, as it may have been meant as a command. */
export type Meaning = { send: string } | { obey: Command } | { ask: string };

/** What a line that was typed means. */
export function meaningOf(line: string): Meaning {
  if (!line.startsWith("/")) return { send: line };
  if (line.startsWith("//")) return { send: line.slice(1) };
  const command = COMMANDS.find((name) => line.trimEnd() === `/${name}`);
  if (command) return { obey: command };
  const word = /^\S{1,30}/.exec(line)?.[0];
  return { ask: `unknown command ${word}; send it as a message? [y/N] ` };
}

/** What `/help` shows, on a screen of 80 columns and 24 rows. */
export const HELP = `\
/quit          quit once everything is sent; so does Ctrl-D on an empty line
/time          show when lines arrive, or stop showing it
/help          show this
//...          send a line that begins with a slash
Tab            complete a name seen lately; again for the next one
Up, Down       lines entered before
Ctrl-A, -E     to the start or the end of the line; so do Home and End
Alt-B, -F      back or forward a word; so do Ctrl-Left and Ctrl-Right
Ctrl-W, Alt-D  delete the word before or after the cursor
Ctrl-U, -K     delete everything before or after the cursor
Ctrl-L         clear the screen
Ctrl-Z         suspend; fg comes back
Ctrl-C         quit at once, without sending what is still waiting
`;
