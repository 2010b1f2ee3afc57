/**
 * `deno task bench:start`: how long the executable takes to answer, against an empty program that is compiled in the same way. Both are
 * started in turns, so that whatever else the machine does befalls both. The mark: 100 ms on top. Takes `--denort`.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bundleProgram } from "./bundle.ts";
import { compile } from "./compile.ts";
import { readSource, ROOT } from "./source.ts";
import { fileName, hostTarget } from "./targets.ts";

const TIMES = 40;
const MARK_MS = 100;

const { values } = parseArgs({ args: Deno.args, options: { denort: { type: "boolean" } } });
const empty = join(ROOT, ".cache/release/empty.js");
const bundle = await bundleProgram(await readSource());
await Deno.writeTextFile(empty, "\n");
const commands: [string, string[]][] = [["an empty program", []], ["--version", ["--version"]], ["--help", ["--help"]]];
const programs = { empty: fileName("dist/empty", hostTarget()), ours: fileName("dist/start", hostTarget()) };
await compile(empty, hostTarget(), programs.empty, values);
await compile(bundle, hostTarget(), programs.ours, values);

const taken = commands.map(() => [] as number[]);
for (let time = 0; time < TIMES; time++) {
  for (const [i, [, args]] of commands.entries()) {
    const program = join(ROOT, args.length === 0 ? programs.empty : programs.ours);
    const start = performance.now();
    const { success } = await new Deno.Command(program, { args, clearEnv: true, stdout: "null" }).output();
    if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
    taken[i]!.push(performance.now() - start);
  }
}
const figures = taken.map((times) => times.sort((a, b) => a - b)).map((times) =>
  [times[0]!, times[TIMES / 2]!] as const
);
for (const [i, [name]] of commands.entries()) {
  const [least, median] = figures[i]!;
  console.log(
    `${name.padEnd(16)}  ${least.toFixed(0).padStart(4)} ms at least, ${median.toFixed(0).padStart(4)} ms median`,
  );
}
for (const program of Object.values(programs)) await Deno.remove(join(ROOT, program));
const more = figures[1]![1] - figures[0]![1];
console.log(`--version takes ${more.toFixed(0)} ms more than an empty program (mark: ${MARK_MS} ms)`);
if (more > MARK_MS) Deno.exit(1);
