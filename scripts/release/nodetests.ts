/**
 * `deno task test:node`: the library's tests, as they stand, on the Node of this machine. TypeScript's compiler makes them into
 * what Node reads, as it does the package for npm. Left out is what starts servers or takes signals by means of Deno.
 * Arguments: folders of tests. @default those of FOLDERS
 */
import { join } from "node:path";
import { withPostgres } from "../postgres.ts";
import { emptyFolder } from "./archives.ts";
import { OPTIONS } from "./npm.ts";
import { read, run } from "./run.ts";
import { ROOT } from "./source.ts";
import { npmTools } from "./tools.ts";

const FOLDERS = ["tests/core", "tests/format", "tests/text"];

const work = join(ROOT, ".cache/release/node");
const tools = await npmTools();
const folders = Deno.args.length > 0 ? Deno.args : FOLDERS;
const listed = (await read("git", ["ls-files", "--", ...folders])).trim().split("\n");
const tests = listed.filter((name) => name.endsWith(".test.ts"));

await emptyFolder(join(work, "dist"));
for (const name of ["src", "tests", "scripts"]) await run("cp", ["-r", join(ROOT, name), work]);
// The fixtures, beside the tests.
await run("cp", ["-r", join(ROOT, "tests"), join(work, "dist")]);
await Deno.copyFile(join(ROOT, "deno.json"), join(work, "deno.json"));
await Deno.writeTextFile(join(work, "package.json"), '{"type":"module"}');
await Deno.writeTextFile(
  join(work, "tsconfig.json"),
  JSON.stringify({
    compilerOptions: { ...OPTIONS, noCheck: true, resolveJsonModule: true },
    files: [...tests, "scripts/release/node/test.ts"],
  }),
);
await run(join(tools, "node_modules/.bin/tsc"), [], { cwd: work });
const server = Deno.env.get("SCS_TEST_POSTGRES");
const start = async (url: string) => {
  const loader = "./dist/scripts/release/node/test.js";
  const files = tests.map((name) => `dist/${name.replace(/ts$/, "js")}`);
  await run("node", [`--import=${loader}`, "--test", "--test-reporter=spec", ...files], {
    cwd: work,
    env: { SCS_TEST_POSTGRES: url },
  });
  return 0;
};
Deno.exit(server ? await start(server) : await withPostgres({}, start));
