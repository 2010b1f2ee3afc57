import { match, strictEqual } from "node:assert/strict";
import project from "../../deno.json" with { type: "json" };
import process from "node:process";
import { describeVersion } from "../../src/cli/version.ts";
import { runProgram } from "../support/cli.ts";

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
