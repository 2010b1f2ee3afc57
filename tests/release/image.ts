/**
 * The images, made here from Debian's packages and run by podman against a PostgreSQL: by the command lines of those who deploy
 * the Rust tool's.
 */
import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { type Form, makeImage, STORE } from "../../scripts/release/image.ts";
import { read } from "../../scripts/release/run.ts";
import { readSource } from "../../scripts/release/source.ts";
import { workFolder } from "../support/cli.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";
import { LIMITS, runPodman } from "../support/podman.ts";
import { assertProgress, trial } from "../support/release.ts";

const NEEDS = ["root", "buildah", "podman", "mmdebstrap"];
const source = await readSource();
/** The least rights that there are. */
const TIGHT = ["--rm", "--network=host", "--cap-drop=ALL", "--read-only", "--user=991:991"];

/** Both are made once. */
const made = new Map<Form, Promise<string>>();

function image(form: Form): Promise<string> {
  const making = made.get(form) ?? makeImage(source, form, { official: false });
  made.set(form, making);
  return making;
}

async function podman(form: Form, options: readonly string[], words: readonly string[]): Promise<string> {
  return await runPodman("run", ...LIMITS, ...options, await image(form), ...words);
}

for (const form of ["bare", "slim"] as const) {
  trial(
    `the image (${form}) runs both programs, as anybody, with nothing writable but the output's folder`,
    NEEDS,
    async () => {
      await using db = await testDatabase({ fixture: true });
      await using folder = await workFolder();
      await Deno.chmod(folder.path, 0o777);
      match(await podman(form, [...TIGHT], []), /^Usage: synapse_compress_state/);
      match(await podman(form, [...TIGHT], ["synapse_compress_state", "-V"]), /^synapse_compress_state \d/);

      const volume = `--volume=${folder.path}:/out`;
      const room = ["-r", await biggestRoom(db), "-t", "-o", "/out/changes.sql"];
      match(
        await podman(form, [...TIGHT, volume], ["synapse_compress_state", "-p", db.url, ...room]),
        /New state map matches/,
      );
      strictEqual((await Deno.stat(join(folder.path, "changes.sql"))).size > 1000, true);

      // The NixOS module's command line.
      await podman(form, TIGHT, ["synapse_auto_compressor", "-p", db.url, "-c", "500", "-n", "100", "-l", "100,50,25"]);
      await assertProgress(db);
    },
  );
}

trial("matrix-docker-ansible-deploy's command line runs in the slim image unchanged", NEEDS, async () => {
  await using db = await testDatabase({ fixture: true });
  await using folder = await workFolder();
  const { hostname, pathname, username, password } = new URL(db.url);
  const file = join(folder.path, "env");
  const variables = {
    POSTGRES_LOCATION: db.url,
    PGHOST: hostname,
    PGDATABASE: pathname.slice(1),
    PGUSER: username,
    PGPASSWORD: password,
  };
  await Deno.writeTextFile(file, Object.entries(variables).map((pair) => `${pair.join("=")}\n`).join(""));
  const options = [...TIGHT, "--log-driver=none", `--env-file=${file}`, "--entrypoint=/bin/sh"];
  await podman("slim", options, ["-c", "synapse_auto_compressor -p $POSTGRES_LOCATION -c 500 -n 100"]);
  await assertProgress(db);
});

trial("the images are labelled, run as nobody in particular, and are for both processors", NEEDS, async () => {
  const name = await image("bare");
  const list = JSON.parse(await read("buildah", [...STORE, "manifest", "inspect", name]));
  const platforms = list.manifests.map(({ platform }: { platform: { architecture: string } }) => platform.architecture);
  deepStrictEqual(platforms.sort(), ["amd64", "arm64"]);
  const { config } = JSON.parse(await read("buildah", [...STORE, "inspect", "--type=image", name])).OCIv1;
  strictEqual(config.User, "65532:65532");
  strictEqual(config.Labels["org.opencontainers.image.version"], source.version);
  strictEqual(config.Labels["org.opencontainers.image.revision"], source.commit);
  strictEqual(config.Labels["org.opencontainers.image.licenses"], "Apache-2.0");
});
