/** `bun run build`: single-file programs for this system, and for others where they can be had. */

import { expect, test } from "bun:test";
import { join } from "node:path";

import { version } from "../package.json";
import { endAfterEach, newFolder, runToEnd, ServerProgram } from "./harness.ts";
import { testLong } from "./harness/tools.ts";
import { webUrl } from "./harness/web-peer.ts";

endAfterEach();

/** How programs begin, format and machine: elf(5), loader.h, PE/COFF; and with which C library. */
const KINDS = {
  "linux-x64": /^\x7fELF.{14}\x3e\0(?!.*ld-musl)/s,
  "linux-arm64": /^\x7fELF.{14}\xb7\0(?!.*ld-musl)/s,
  "linux-x64-musl": /^\x7fELF.{14}\x3e\0.*ld-musl/s,
  "linux-arm64-musl": /^\x7fELF.{14}\xb7\0.*ld-musl/s,
  "macos-x64": /^\xcf\xfa\xed\xfe\x07\0\0\x01/,
  "macos-arm64": /^\xcf\xfa\xed\xfe\x0c\0\0\x01/,
  "windows-x64.exe": /^MZ.*PE\0\0\x64\x86/s,
};

function build(...options: string[]) {
  return runToEnd([process.execPath, "run", "--silent", "build", ...options]);
}

test("bun run build makes the two programs for this system", async () => {
  const folder = newFolder();
  const built = await build("--outdir", folder);
  const files = ["server", "client"].map((program) => join(folder, `linechat-${program}`));
  expect(built).toEqual({ code: 0, stdout: `${files.join("\n")}\n`, stderr: "" });
  for (const file of files) {
    const { stdout } = await runToEnd([file, "--version"]);
    expect(stdout).toBe(`${file.slice(folder.length + 1)} ${version}\n`);
  }
  // The page is in the program.
  const [program = ""] = files;
  const server = await ServerProgram.run([program, "--host", "127.0.0.1", "--web", "0", "0"]);
  expect(await (await fetch(await webUrl(server))).text()).toContain("</script>");
});

testLong("bun run build --all makes them for all systems, with their sums", async () => {
  const folder = newFolder();
  expect(await build("--all", "--outdir", folder)).toMatchObject({ code: 0, stderr: "" });
  const names: string[] = [];
  for (const [system, kind] of Object.entries(KINDS))
    for (const program of ["server", "client"]) {
      const name = `linechat-${program}-${system}`;
      names.push(name);
      const head = await Bun.file(join(folder, name)).slice(0, 4096).bytes();
      expect(Buffer.from(head).toString("latin1"), name).toMatch(kind);
    }
  const check = ["env", "-C", folder, "sha256sum", "--check", "--strict", "SHA256SUMS"];
  const { stdout } = await runToEnd(check);
  expect(stdout).toBe(names.map((name) => `${name}: OK\n`).join(""));
});
