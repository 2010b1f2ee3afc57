import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { openSink } from "../../src/cli/files.ts";
import { OutputError, StoppedError } from "../../src/errors.ts";
import { workFolder } from "../support/cli.ts";

async function list(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name).sort();
}

async function write(path: string, text: string): Promise<void> {
  const sink = await openSink(path);
  await sink.write(text);
  await sink.commit();
}

const refused = (path: string, message: RegExp) =>
  rejects(() => openSink(path), (error) => {
    ok(error instanceof OutputError && message.test(error.message) && error.hint, String(error));
    return true;
  });

Deno.test("openSink() writes through a symbolic link to a file that is not there yet, and leaves it a link", async () => {
  await using folder = await workFolder();
  const link = `${folder.path}/link.sql`;
  await Deno.mkdir(`${folder.path}/data`);
  await Deno.symlink("data/new.sql", `${folder.path}/middle.sql`);
  await Deno.symlink("middle.sql", link);
  await write(link, "text");
  strictEqual((await Deno.lstat(link)).isSymlink, true);
  strictEqual(await Deno.readTextFile(`${folder.path}/data/new.sql`), "text");
  // And what is there by now is replaced, the same way.
  await write(link, "more");
  strictEqual(await Deno.readTextFile(`${folder.path}/data/new.sql`), "more");
  deepStrictEqual(await list(folder.path), ["data", "link.sql", "middle.sql"]);
});

Deno.test("openSink() refuses links that lead nowhere or in a circle, and says where they lead", async () => {
  await using folder = await workFolder();
  await Deno.symlink("missing/out.sql", `${folder.path}/lost.sql`);
  await refused(`${folder.path}/lost.sql`, /lost\.sql -> .*\/missing\/out\.sql": its folder does not exist$/);
  await Deno.symlink("b", `${folder.path}/a`);
  await Deno.symlink("a", `${folder.path}/b`);
  await refused(`${folder.path}/a`, /: its symbolic links form a circle$/);
  deepStrictEqual(await list(folder.path), ["a", "b", "lost.sql"]);
});

Deno.test("openSink() refuses a folder, by a name that ends in a slash too", async () => {
  await using folder = await workFolder();
  await refused(folder.path, /: it is a folder$/);
  await refused(`${folder.path}/new/`, /: it is a folder$/);
  deepStrictEqual(await list(folder.path), []);
});

Deno.test("openSink() takes a name as long as the system allows", async () => {
  await using folder = await workFolder();
  const name = `${"ä".repeat(120)}.sql`;
  await write(`${folder.path}/${name}`, "text");
  deepStrictEqual(await list(folder.path), [name]);
});

Deno.test({
  name: "openSink() writes into a named pipe, and a signal ends the wait for its reader",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await workFolder();
    const [pipe, unread] = [`${folder.path}/pipe`, `${folder.path}/unread`];
    strictEqual((await new Deno.Command("mkfifo", { args: [pipe, unread] }).output()).code, 0);
    const reader = new Deno.Command("cat", { args: [pipe], stdout: "piped" }).spawn();
    await write(pipe, "text");
    strictEqual(new TextDecoder().decode((await reader.output()).stdout), "text");
    const controller = new AbortController();
    const waiting = openSink(unread, { signal: controller.signal });
    controller.abort(new StoppedError("Stopped by SIGTERM", { exitCode: 143 }));
    await rejects(waiting, StoppedError);
    deepStrictEqual(await list(folder.path), ["pipe", "unread"]);
  },
});
