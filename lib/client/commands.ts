/** What a person says to this client and not to the room: lines that begin with a slash. */

const COMMANDS = ["quit", "help", "time"] as const;

export type Command = (typeof COMMANDS)[number];

/** What to do with a line: say this; obey; or ask, as it may have been meant as a command. */
export type Meaning = { say: string } | { obey: Command } | { ask: string };

/** What a line that was typed means. */
export function meaningOf(line: string): Meaning {
  if (!line.startsWith("/")) return { say: line };
  if (line.startsWith("//")) return { say: line.slice(1) };
  const command = COMMANDS.find((name) => line.trimEnd() === `/${name}`);
  if (command) return { obey: command };
  const word = /^\S{1,30}/.exec(line)?.[0];
  return { ask: `${word} is no command of this client; say it as it is? [y/N] ` };
}

/** What `/help` shows, on a screen of 80 columns and 24 rows. */
export const HELP = `\
/quit          leave, once all is sent; Ctrl-D on an empty line does so as well
/time          show when lines arrive, or no longer
/help          show this
//...          say a line that begins with a slash
Tab            complete a name that was seen; again: the next one
Up, Down       lines entered before
Ctrl-A, -E     to the start, to the end of the line; Home and End as well
Alt-B, -F      a word back, a word on; Ctrl-Left and Ctrl-Right as well
Ctrl-W, Alt-D  delete the word before, the word after
Ctrl-U, -K     delete all before, all after
Ctrl-L         clear the screen
Ctrl-Z         suspend; fg comes back
Ctrl-C         leave at once: what is not sent stays unsent
`;
