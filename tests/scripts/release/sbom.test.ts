import { deepStrictEqual, match, throws } from "node:assert/strict";
import { PACKAGES } from "../../../scripts/release/bundle.ts";
import { type Bom, formatNotices, lockedPackages } from "../../../scripts/release/sbom.ts";

const read = (name: string) => Deno.readTextFile(new URL(`../../../${name}`, import.meta.url));

Deno.test("lockedPackages() has the program's packages and theirs, and none of the tests'", async () => {
  const packages = lockedPackages(await read("deno.lock"), JSON.parse(await read("deno.json")).imports);
  const names = [...packages.keys()];
  deepStrictEqual(PACKAGES.filter((name) => !names.includes(name)), []);
  deepStrictEqual(names.filter((name) => /postgres-|@types|fast-check|pg/.test(name)), []);
  deepStrictEqual(["d3-array", "d3-time-format", "internmap"].filter((name) => !names.includes(name)), []);
  // What deno itself loads for the program.
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "main.ts"],
    cwd: new URL("../../../", import.meta.url),
  }).output();
  const { modules }: { modules: { kind: string; npmPackage?: string }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  const loaded = modules.flatMap(({ npmPackage }) => npmPackage === undefined ? [] : [npmPackage]);
  deepStrictEqual(
    PACKAGES.map((name) => `${name}@${packages.get(name)}`),
    [...new Set(loaded)].filter((name) => !name.startsWith("@types/")).sort(),
  );
});

Deno.test("lockedPackages() refuses a lock in which a package is missing", () => {
  throws(() => lockedPackages('{"npm":{}}', {}), /0 versions of @mongodb-js\/saslprep/);
});

Deno.test("formatNotices() prints each licence in full, and says where a package has none", () => {
  const bom: Bom = {
    metadata: { component: { type: "application", name: "x", version: "1" } },
    components: [
      {
        type: "library",
        name: "one",
        version: "1.2.3",
        purl: "pkg:npm/one@1.2.3",
        licenses: [{ license: { id: "ISC" } }],
        evidence: {
          licenses: [{ license: { name: "LICENSE", text: { content: btoa("Do it."), encoding: "base64" } } }],
        },
      },
      { type: "library", name: "two", version: "4.5.6", licenses: [{ license: { id: "Unlicense" } }], evidence: {} },
    ],
    dependencies: [],
  };
  const text = formatNotices(bom);
  match(text, /^one 1\.2\.3 \(ISC\)\n=+\npkg:npm\/one@1\.2\.3\n\nDo it\.$/m);
  match(text, /^two 4\.5\.6 \(Unlicense\)\n=+\n[^]*no file with its licence/m);
});
