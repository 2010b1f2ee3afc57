/**
 * Prints which lines of src/ the tests did not run, a file a line: `deno run -A scripts/coverage.ts FOLDER`, where FOLDER is what
 * DENO_COVERAGE_DIR named during the tests. Programs that the tests started count, too, unless they were killed.
 */

/** What lcov says of a file. */
export interface FileCoverage {
  /** Relative to the project. */
  readonly path: string;
  /** Lines with code. */
  readonly lines: number;
  /** The numbers of those that never ran, ascending. */
  readonly missed: readonly number[];
}

/** Parses lcov's text; paths come out relative to `root`. */
export function parseLcov(text: string, root: string): FileCoverage[] {
  return text.split("end_of_record").map((record) => {
    const path = /^SF:(.*)$/m.exec(record)?.[1];
    const counts = [...record.matchAll(/^DA:(\d+),(\d+)/gm)].map(([, line, count]) => [Number(line), Number(count)]);
    const missed = counts.filter(([, count]) => count === 0).map(([line]) => line!).sort((a, b) => a - b);
    return { path: path?.replace(root, "") ?? "", lines: counts.length, missed };
  }).filter(({ path }) => path !== "").sort((a, b) => a.path < b.path ? -1 : 1);
}

/** `[1, 2, 3, 7]` as `1-3, 7`. */
export function formatRanges(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last && last[1] === number - 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`).join(", ");
}

/** A line for each file that has lines which never ran, and one for all. */
export function formatCoverage(files: readonly FileCoverage[]): string {
  const percent = (lines: number, missed: number) => `${(100 * (1 - missed / Math.max(lines, 1))).toFixed(1)}%`;
  const rows = files.filter(({ missed }) => missed.length > 0)
    .map(({ path, lines, missed }) => `${path} ${percent(lines, missed.length)}: ${formatRanges(missed)}`);
  const lines = files.reduce((sum, file) => sum + file.lines, 0);
  const missed = files.reduce((sum, file) => sum + file.missed.length, 0);
  return [...rows, `${lines - missed} of ${lines} lines covered (${percent(lines, missed)})`].join("\n");
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url);
  const [folder] = Deno.args;
  if (folder === undefined) throw new Error("Cannot print coverage: name the folder that DENO_COVERAGE_DIR named");
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["coverage", "--quiet", "--lcov", `--include=^${root}src/`, folder],
    cwd: root,
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot print coverage: ${decoder.decode(stderr).trim()}`);
  console.log(formatCoverage(parseLcov(decoder.decode(stdout), root.pathname)));
}
