/** The library as another program would use it: the examples of its module doc, run on a real database. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import * as library from "../src/mod.ts";
import { biggestRoom, testDatabase } from "./support/database.ts";

const MODULE = new URL("../src/mod.ts", import.meta.url);

/** The code of the module doc's examples. */
async function examples(): Promise<string[]> {
  const doc = (await Deno.readTextFile(MODULE)).split("@module")[0]!;
  return [...doc.matchAll(/```ts ignore\n([^]*?)```/g)].map(([, code]) => code!.replaceAll(/^ \* ?/gm, ""));
}

Deno.test("each example of the module doc runs as it stands, on a real database", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const codes = await examples();
  strictEqual(codes.length, 2);
  const printed: string[] = [];
  for (const code of codes) {
    const own = code
      .replaceAll('"./mod.ts"', JSON.stringify(MODULE.href))
      .replaceAll("postgresql://synapse@localhost/synapse", db.url)
      .replaceAll("!room:server", roomId);
    ok(own.includes(db.url) && own.includes(roomId) && own.includes(MODULE.href));
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(file, own);
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", new URL("../deno.json", import.meta.url).pathname, file],
      });
      const { code: exit, stdout, stderr } = await child.output();
      strictEqual(exit, 0, new TextDecoder().decode(stderr));
      printed.push(new TextDecoder().decode(stdout));
    } finally {
      await Deno.remove(file);
    }
  }
  match(printed[0]!, /^10088 rows could be \d+\n$/);
  match(printed[1]!, /DELETE FROM state_groups_state/);
});

Deno.test("the library has the steps for a program that takes them one by one", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  await using session = await library.connect(db.url);
  await library.checkWritable(session);
  await using _lock = await library.lockRoom(session, roomId);
  const forest = await library.loadRoom(session, roomId);
  const compression = library.compress(forest);
  const rewrites = library.findRewrites(compression);
  library.verify(forest, rewrites);
  const written = await library.writeRewrites(session, forest, rewrites);
  strictEqual(written.groupsWritten, rewrites.count);
  const again = library.compress(await library.loadRoom(session, roomId));
  strictEqual(again.rowsBefore, compression.rowsAfter);
});

/** Fails whoever prints, ends the process, or leaves something in the global scope, until it is disposed of. */
function strictProcess(): Disposable & { readonly faults: string[] } {
  const faults: string[] = [];
  const before = new Set(Reflect.ownKeys(globalThis));
  const [exit, methods] = [Deno.exit, { ...console }];
  const writes = [Deno.stdout.writeSync, Deno.stderr.writeSync] as const;
  const fault = (what: string) => (): never => {
    faults.push(what);
    throw new Error(what);
  };
  Deno.exit = fault("Deno.exit");
  for (const name of ["log", "error", "warn", "info", "debug"] as const) console[name] = fault(`console.${name}`);
  Deno.stdout.writeSync = fault("stdout");
  Deno.stderr.writeSync = fault("stderr");
  return {
    faults,
    [Symbol.dispose]() {
      Deno.exit = exit;
      Object.assign(console, methods);
      [Deno.stdout.writeSync, Deno.stderr.writeSync] = writes;
      faults.push(...Reflect.ownKeys(globalThis).filter((name) => !before.has(name)).map(String));
    },
  };
}

Deno.test("every job runs beside the others in one process; none prints, ends it, or leaves a global", async () => {
  await using db = await testDatabase({ fixture: true, events: true });
  await using other = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const open = (url: string, readOnly = false) => library.connect(url, { readOnly });
  await using sessions = new AsyncDisposableStack();
  const [reader, drawer, pruner, giver, stopped] = await Promise.all(
    [db.url, db.url, db.url, other.url, db.url].map(async (url) => sessions.use(await open(url))),
  );
  const kinds = new Map<string, Set<string>>();
  /** Typed: each job has its own union of events, told apart by `kind`. */
  const note = (job: string) => (event: { readonly kind: string }) => {
    kinds.set(job, (kinds.get(job) ?? new Set()).add(event.kind));
  };
  const controller = new AbortController();
  const reason = new library.StoppedError("enough", { exitCode: 130 });
  let drawn = "";
  const sink: library.TextSink = {
    write: (text) => {
      drawn += text;
      return Promise.resolve();
    },
    commit: () => Promise.resolve(),
    abort: () => Promise.resolve(),
  };
  let process: ReturnType<typeof strictProcess>;
  {
    using strict = process = strictProcess();
    const jobs = await Promise.allSettled([
      library.compressServer(() => open(other.url), { workers: 2 }, { onEvent: note("compressServer") }),
      library.compressRoom(reader!, { roomId }, { onEvent: note("compressRoom") }),
      library.drawRoom(drawer!, { roomId, graph: { format: "gexf" } }, () => sink, { onEvent: note("drawRoom") }),
      library.surveyUnused(pruner!, pruner!).then(() =>
        library.pruneServer(pruner!, pruner!, { minAgeMs: 1 }, { onEvent: note("pruneServer") })
      ),
      library.reclaim(giver!, {}, { onEvent: note("reclaim") }),
      library.compressRoom(stopped!, { roomId }, {
        signal: controller.signal,
        onEvent: (event) => event.kind === "loading" && controller.abort(reason),
      }),
    ]);
    deepStrictEqual(
      jobs.map((job) => job.status === "fulfilled" ? "done" : job.reason.message),
      ["done", "done", "done", "done", "done", "enough"],
    );
    deepStrictEqual(strict.faults, []);
  }
  deepStrictEqual(process.faults, []);
  deepStrictEqual([...kinds.keys()].sort(), ["compressRoom", "compressServer", "drawRoom", "pruneServer", "reclaim"]);
  ok(kinds.get("compressServer")!.has("chunk") && kinds.get("drawRoom")!.has("drawing"));
  match(drawn, /<gexf /);
  const diagnosis = await library.diagnose(reader!, { roomId, signal: new AbortController().signal });
  ok(library.isSound(diagnosis));
});
