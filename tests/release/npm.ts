/** The npm package from a fresh folder, on the Node of this machine and on Bun: the program under its names, and the library. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { read } from "../../scripts/release/run.ts";
import { PACKAGE, ROOT } from "../../scripts/release/source.ts";
import { npmTools } from "../../scripts/release/tools.ts";
import { compressRoom, connect } from "../../src/mod.ts";
import { runProgram, workFolder } from "../support/cli.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { assertProgress, releaseFile, trial } from "../support/release.ts";

const LIBRARY = `
import { compressRoom, connect, CompressorError } from "${PACKAGE}";
const session = await connect(process.argv[2], { readOnly: true });
try {
  const { rowsBefore, rowsAfter } = await compressRoom(session, { roomId: process.argv[3] });
  console.log(JSON.stringify({ rowsBefore, rowsAfter }));
} finally {
  await session[Symbol.asyncDispose]();
}
await connect("postgresql://nobody@127.0.0.1:1/x").catch((error) => console.log(error instanceof CompressorError));
`;

const TYPES = `
import { compressRoom, connect, type RoomReport } from "${PACKAGE}";
export async function save(url: string): Promise<number> {
  await using session = await connect(url, { readOnly: true });
  const report: RoomReport = await compressRoom(session, { roomId: "!a:b" });
  // @ts-expect-error there is no such figure
  report.nothing;
  return report.rowsBefore - report.rowsAfter;
}
`;

/** What runs the package. */
interface Runtime {
  readonly name: string;
  readonly needs: readonly string[];
  /** What starts a JavaScript file. */
  command(): Promise<string>;
  /** What starts the package's programs, in its user's folder. */
  programs(): Promise<string[]>;
}

const bun = async () => join(await npmTools(), "node_modules/@oven/bun-linux-x64-baseline/bin/bun");

const RUNTIMES: readonly Runtime[] = [
  {
    name: "Node.js",
    needs: ["node", "npm"],
    command: () => Promise.resolve("node"),
    programs: () => Promise.resolve(["npx", "--no-install"]),
  },
  {
    name: "Bun",
    needs: ["npm", "x86_64-unknown-linux-gnu"],
    command: bun,
    // Else it starts Node, as the programs' first lines ask.
    programs: async () => [await bun(), "run", "--bun"],
  },
];

/** A folder of a user's project, with the package installed. */
async function freshFolder() {
  const folder = await workFolder();
  await Deno.writeTextFile(join(folder.path, "package.json"), '{"private":true,"type":"module"}');
  const package_ = releaseFile(new RegExp(`^${PACKAGE}-[0-9].*\\.tgz$`));
  await read("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", package_], { cwd: folder.path });
  return folder;
}

for (const { name: runtime, needs, command, programs } of RUNTIMES) {
  trial(`the npm package's program does on ${runtime} what it does on Deno`, needs, async () => {
    await using folder = await freshFolder();
    const [start, ...words] = await programs();
    const run = (...args: string[]) => read(start!, [...words, ...args], { cwd: folder.path });
    for (const name of [PACKAGE, "synapse_compress_state"]) {
      match(await run(name, "--version"), new RegExp(String.raw`^synapse_compress_state \d.*\n.*, ${runtime} \d`));
    }
    await using db = await testDatabase({ fixture: true });
    const room = await biggestRoom(db);
    const options = ["-p", db.url, "-r", room, "-t", "-o"];
    // SQL in a file, byte by byte, and the same lines.
    const here = await run(PACKAGE, ...options, "here.sql");
    const onDeno = await runProgram([...options, "deno.sql"], { cwd: folder.path });
    strictEqual(onDeno.code, 0, onDeno.stderr);
    const plain = (text: string) =>
      text.replaceAll(/(here|deno)\.sql|\d+(\.\d+)? (s|ms|[KMG]i?B|MB)\b|\d\.\d\d to/g, "");
    strictEqual(plain(here), plain(onDeno.stdout));
    const [ours, deno] = await Promise.all(
      ["here", "deno"].map((name) => Deno.readTextFile(`${folder.path}/${name}.sql`)),
    );
    strictEqual(ours!.length > 1000, true);
    strictEqual(ours, deno);

    await run("synapse_auto_compressor", "-p", db.url, "-c", "500", "-n", "20");
    await assertProgress(db);

    await read("npm", ["uninstall", "--no-audit", "--no-fund", PACKAGE], { cwd: folder.path });
    // npm leaves the folders of scopes.
    const left = (name: string) =>
      [...Deno.readDirSync(join(folder.path, "node_modules", name))].map(({ name }) => name);
    strictEqual(left("").includes(PACKAGE), false);
    deepStrictEqual(left(".bin"), []);
  });

  trial(`the npm package is a library on ${runtime}`, needs, async () => {
    await using folder = await freshFolder();
    await using db = await testDatabase({ fixture: true });
    await Deno.writeTextFile(join(folder.path, "use.js"), LIBRARY);
    const printed = await read(await command(), ["use.js", db.url, await biggestRoom(db)], { cwd: folder.path });
    await using session = await connect(db.url, { readOnly: true });
    const { rowsBefore, rowsAfter } = await compressRoom(session, { roomId: await biggestRoom(db) });
    deepStrictEqual(printed.trim().split("\n"), [JSON.stringify({ rowsBefore, rowsAfter }), "true"]);
  });
}

trial("the npm package has types", ["node", "npm"], async () => {
  await using folder = await freshFolder();
  await Deno.writeTextFile(join(folder.path, "types.ts"), TYPES);
  const tools = join(await npmTools(), "node_modules");
  const options = [
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--lib",
    "es2023,esnext.disposable",
    "--strict",
    "--noEmit",
  ];
  const types = ["--typeRoots", join(tools, "@types"), "--types", "node", "--exactOptionalPropertyTypes"];
  await read(join(tools, ".bin/tsc"), [...options, ...types, "types.ts"], { cwd: folder.path });
});

trial("JSR would take the library", [], async () => {
  await read(Deno.execPath(), ["publish", "--dry-run", "--allow-dirty"], { cwd: ROOT });
});
