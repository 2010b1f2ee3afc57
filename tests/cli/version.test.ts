import { match, strictEqual } from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import process from "node:process";
import { fileURLToPath } from "node:url";
import { PROGRAM_PERMISSIONS } from "../../scripts/permissions.ts";
import { describeVersion } from "../../src/cli/version.ts";
import { runProgram, workFolder } from "../support/cli.ts";

Deno.test("describeVersion() begins as the Rust tool's -V does", () => {
  const [first, second, ...rest] = describeVersion("synapse_compress_state").split("\n");
  strictEqual(first, `synapse_compress_state ${project.version}`);
  strictEqual(second, `from source, Deno ${Deno.version.deno}, ${process.platform} ${process.arch}`);
  strictEqual(rest.length, 0);
});

Deno.test("-V says the version, the commit where it is compiled in, and the runtime", async () => {
  const { code, stdout, stderr } = await runProgram(["-V"]);
  strictEqual(code, 0, stderr);
  const built = Deno.env.get("SCS_BINARY") ? /commit [0-9a-f]{12}(\+changes)?/ : /from source/;
  match(
    stdout,
    new RegExp(`^synapse_compress_state ${project.version}\\n${built.source}, Deno [0-9.]+, \\S+ \\S+\\n$`),
  );
});

// Packages ask for the system's version, say, on one system alone, and as soon as they are loaded.
for (const system of ["linux", "darwin", "win32"]) {
  Deno.test(`what the program loads asks for nothing that it may not have, on ${system} too`, async () => {
    await using folder = await workFolder();
    const preload = `${folder.path}/preload.js`;
    const value = JSON.stringify(system);
    await Deno.writeTextFile(
      preload,
      `import process from "node:process"; Object.defineProperty(process, "platform", { value: ${value} });`,
    );
    const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", ...PROGRAM_PERMISSIONS, `--preload=${preload}`, main, "-V"],
    }).output();
    const decoder = new TextDecoder();
    strictEqual(code, 0, decoder.decode(stderr));
    match(decoder.decode(stdout), new RegExp(` ${system} `));
  });
}
