/** The wheel for this machine, in a fresh virtual environment: both programs, and the Rust tool's modules. */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { read } from "../../scripts/release/run.ts";
import { PACKAGE } from "../../scripts/release/source.ts";
import { workFolder } from "../support/cli.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { assertProgress, releaseFile, trial } from "../support/release.ts";

// The arguments are those of the Rust tool's documentation.
const USE = `
import logging, sys
import synapse_auto_compressor, synapse_compress_state

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
url, room = sys.argv[1:]
print(synapse_compress_state.run_compression(db_url=url, room_id=room, output_file="out.sql", transactions=True))
print(synapse_auto_compressor.run_compression(db_url=url, chunk_size=500, number_of_chunks=20))
print(synapse_compress_state.run_compression(db_url=url, room_id="!nowhere:x", output_file="no.sql"))
print(synapse_compress_state.run_compression(db_url="postgresql://nobody:s3cret@127.0.0.1:1/x", room_id=room))
`;

trial("the wheel installs both programs and the Rust tool's Python modules", ["python3"], async () => {
  await using folder = await workFolder();
  await using db = await testDatabase({ fixture: true });
  await read("python3", ["-m", "venv", "venv"], { cwd: folder.path });
  const bin = join(folder.path, "venv/bin");
  const wheel = releaseFile(new RegExp(`manylinux.*${Deno.build.arch}\\.whl$`));
  await read(join(bin, "pip"), ["install", "--quiet", "--no-index", "--disable-pip-version-check", wheel]);
  match(await read(join(bin, "synapse_compress_state"), ["-V"]), /^synapse_compress_state \d/);
  match(await read(join(bin, "synapse_auto_compressor"), ["--help"]), /^Usage: synapse_compress_state auto/);

  await Deno.writeTextFile(join(folder.path, "use.py"), USE);
  const room = await biggestRoom(db);
  const { code, stdout, stderr } = await new Deno.Command(join(bin, "python"), {
    args: ["use.py", db.url, room],
    cwd: folder.path,
  }).output();
  const log = new TextDecoder().decode(stderr);
  strictEqual(code, 0, log);
  strictEqual(new TextDecoder().decode(stdout), "True\nTrue\nFalse\nFalse\n", log);
  match(log, /^INFO New state map matches/m);
  match(log, /^ERROR Cannot .*!nowhere:x/m);
  match(log, /^ERROR .*nothing listens there/m);
  strictEqual(log.includes("s3cret"), false);
  const sql = await Deno.readTextFile(join(folder.path, "out.sql"));
  match(sql, /^BEGIN ISOLATION[^]*^COMMIT;$/m);
  await assertProgress(db);

  await read(join(bin, "pip"), ["uninstall", "--yes", "--quiet", "--disable-pip-version-check", PACKAGE]);
  deepStrictEqual([...Deno.readDirSync(bin)].filter(({ name }) => name.startsWith("synapse")), []);
});
