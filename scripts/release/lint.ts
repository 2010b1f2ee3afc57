/**
 * Lints what CI and the release are made of: the workflows (actionlint, zizmor), the Containerfile (hadolint), the shell scripts
 * (shellcheck). actionlint comes from Go's registry, and is left out, with a word, where there is no Go.
 */
import { join } from "node:path";
import { has, run } from "./run.ts";
import { ROOT } from "./source.ts";
import { pythonTool } from "./tools.ts";

const ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12";

const workflows = [...Deno.readDirSync(join(ROOT, ".github/workflows"))].map(({ name }) => `.github/workflows/${name}`);
await run(await pythonTool("zizmor"), [
  "--offline",
  "--persona=pedantic",
  "--quiet",
  ...workflows,
  ".github/dependabot.yml",
]);
await run(await pythonTool("hadolint"), ["scripts/release/image/Containerfile"]);
await run(await pythonTool("shellcheck"), [".ci/run", "scripts/release/tools/apt"]);
if (has("go")) await run("go", ["run", ACTIONLINT, `-shellcheck=${await pythonTool("shellcheck")}`, ...workflows]);
else console.error("skipped: actionlint: there is no go here");
