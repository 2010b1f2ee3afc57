/**
 * Keeps the examples in README.md true: `deno run -A scripts/examples.ts` runs each ```console block on the fixture, in a
 * PostgreSQL of its own, and writes what the program prints below the command. A test does the same, and compares.
 */
import postgres from "postgres";
import { loadDump, readGzip } from "./dump.ts";
import { PROGRAM_PERMISSIONS } from "./permissions.ts";
import { withPostgres } from "./postgres.ts";

const ROOT = new URL("..", import.meta.url);
const EXAMPLE = /^```console\n\$ synapse_compress_state (.*)\n([^]*?)^```$/gm;
/** The address that the examples name. */
const ADDRESS = "postgresql://synapse@localhost/synapse";

/** `text` with what `run` prints for each example. */
export async function fillExamples(text: string, run: (args: string[]) => Promise<string>): Promise<string> {
  const outputs = new Map<string, string>();
  for (const [, line] of text.matchAll(EXAMPLE)) {
    outputs.set(line!, await run(line!.split(" ").map((word) => word.replace(/^'(.*)'$/, "$1"))));
  }
  return text.replace(
    EXAMPLE,
    (_, line) => `\`\`\`console\n$ synapse_compress_state ${line}\n${outputs.get(line)}\`\`\``,
  );
}

/** Runs the program on a database, and returns what a terminal would show. */
export async function runExample(args: readonly string[], url: string): Promise<string> {
  const program = [Deno.execPath(), "run", "--quiet", ...PROGRAM_PERMISSIONS, "main.ts"];
  const { success, stdout } = await new Deno.Command("sh", {
    args: ["-c", 'exec "$@" 2>&1', "sh", ...program, ...args.map((arg) => arg === ADDRESS ? url : arg)],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  // Commands to run next name the database as it was named, without its password.
  const named = new URL(url);
  named.password = "";
  const text = new TextDecoder().decode(stdout).replaceAll(named.href, ADDRESS);
  if (!success) throw new Error(`Cannot run the example ${args.join(" ")}: ${text}`);
  return text;
}

if (import.meta.main) {
  const readme = new URL("README.md", ROOT);
  Deno.exit(
    await withPostgres({}, async (url) => {
      const sql = postgres(url, { max: 1, onnotice: () => {} });
      const dump = await readGzip(new URL("tests/fixtures/synapse.sql.gz", ROOT));
      await loadDump(sql, dump, (statement) => !/OWNER TO|set_config|^SET /.test(statement));
      await sql`ANALYZE`;
      await sql.end();
      const before = await Deno.readTextFile(readme);
      await Deno.writeTextFile(readme, await fillExamples(before, (args) => runExample(args, url)));
      return 0;
    }),
  );
}
