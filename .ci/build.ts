/**
 * `bun run build`: makes the two single-file programs, which need no Bun.
 *
 *   bun run build --help
 */

import { join } from "node:path";

import { flag, runCommand, text } from "../lib/program/command-line.ts";
import { explain, UserError } from "../lib/program/system-errors.ts";

const ROOT = join(import.meta.dir, "..");
/** The systems of `--all`, as names of files have them. */
const SYSTEMS = [
  ...["linux-x64", "linux-arm64", "linux-x64-musl", "linux-arm64-musl"],
  ...["macos-x64", "macos-arm64", "windows-x64"],
];

const command = {
  name: "build",
  summary: "Makes the server and the client as single files, which need no Bun.",
  operands: [],
  options: {
    all: flag("for Linux, musl, macOS and Windows instead of this system, with SHA256SUMS"),
    outdir: text("folder")("where to put them", join(ROOT, "dist")),
  },
  examples: [
    ["bun run build", "dist/linechat-server and dist/linechat-client"],
    ["bun run build --all", "dist/linechat-server-linux-x64 and many more"],
  ],
} as const;

await runCommand(command, async ({ all, outdir }) => {
  if (!all) for (const program of ["server", "client"]) await build(program, outdir);
  else await buildAll(outdir);
});

/** Makes them for all systems; Bun fetches its runtime for each from the npm registry, once. */
async function buildAll(folder: string): Promise<void> {
  const sums: string[] = [];
  for (const system of SYSTEMS)
    for (const program of ["server", "client"]) {
      const name = await build(program, folder, system);
      const bytes = await Bun.file(join(folder, name)).bytes();
      sums.push(`${Bun.CryptoHasher.hash("sha256", bytes, "hex")}  ${name}\n`);
    }
  await Bun.write(join(folder, "SHA256SUMS"), sums.join(""));
}

/** Makes one program for one system, this one by default; returns the name of its file. */
async function build(program: string, folder: string, system?: string): Promise<string> {
  const name = ["linechat", program, ...(system ? [system] : [])].join("-");
  const file = (system ?? process.platform).startsWith("win") ? `${name}.exe` : name;
  // Bun calls macOS by its kernel.
  const target = `bun-${system?.replace("macos", "darwin")}` as Bun.Build.CompileTarget;
  try {
    await Bun.build({
      entrypoints: [join(ROOT, `${program}.ts`)],
      minify: true,
      compile: {
        outfile: join(folder, file),
        autoloadDotenv: false,
        autoloadBunfig: false,
        ...(system && { target }),
      },
    });
  } catch (error) {
    const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
    const why = errors.map((one) => explain(one)).join("; ");
    throw new UserError(`cannot make ${file}: ${why}`);
  }
  console.log(join(folder, file));
  return file;
}
