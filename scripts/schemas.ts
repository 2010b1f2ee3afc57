/**
 * Makes .github/schemas/ out of the types of what --json prints (src/cli/outputs.ts): a JSON Schema for each command, and one for
 * a failure. With `--check` it changes nothing, and fails when a file is stale. The schemas are open: a reader is to ignore names
 * that it does not know.
 */
import { fileURLToPath } from "node:url";
import { createGenerator } from "ts-json-schema-generator";
import { SCHEMA_VERSION } from "../src/cli/outputs.ts";
import { snakeName } from "../src/format/json.ts";
import { FOLDER, OUTPUTS, type Schema } from "./outputs.ts";

/** Every schema, by the name of its file. */
export function makeSchemas(): Map<string, Schema> {
  const config = Deno.makeTempFileSync({ suffix: ".json" });
  const compilerOptions = {
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
  };
  Deno.writeTextFileSync(config, JSON.stringify({ compilerOptions }));
  try {
    const generator = createGenerator({
      path: fileURLToPath(new URL("../src/cli/outputs.ts", import.meta.url)),
      tsconfig: config,
      // Deno checks the types; this only reads them.
      skipTypeCheck: true,
      additionalProperties: true,
      topRef: true,
    });
    const failure = generator.createSchema("FailureOutput").definitions!["Failure"] as Schema;
    return new Map(
      Object.entries(OUTPUTS).map(([name, types]) => {
        const all: Schema = name === "progress" ? {} : { Failure: failure };
        for (const type of types) Object.assign(all, generator.createSchema(type).definitions);
        return [`${name}.json`, finish(name, types, all)];
      }),
    );
  } finally {
    Deno.removeSync(config);
  }
}

/** One command's: its types as they are printed, in the envelope. */
function finish(name: string, types: readonly string[], definitions: Schema): Schema {
  const printed = print(definitions) as Record<string, Schema>;
  for (const type of name === "progress" ? [] : types) {
    const body = printed[type]!;
    body["properties"] = {
      schema_version: { const: SCHEMA_VERSION, description: "The version of this schema." },
      ...body["properties"] as Schema,
      error: { $ref: "#/definitions/Failure", description: "What stopped it early, or made it fail." },
    };
    body["required"] = [...new Set(["schema_version", ...body["required"] as string[] ?? []])];
  }
  const refs = types.map((type) => ({ $ref: `#/definitions/${type}` }));
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: name === "failure"
      ? "What every command prints with --json when it fails before it has a report"
      : name === "progress"
      ? "Each line on standard error with --progress json"
      : `What ${
        name === "room" ? "synapse_compress_state -r ROOM" : `synapse_compress_state ${name}`
      } prints with --json`,
    ...refs.length === 1 ? refs[0] : { anyOf: refs },
    definitions: Object.fromEntries(Object.entries(printed).sort(([a], [b]) => a < b ? -1 : 1)),
  };
}

/** A schema of values as formatJson() prints them: names in snake_case, undefined left out. */
function print(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(print);
  if (typeof schema !== "object" || schema === null) return schema;
  const { properties, required, description, ...rest } = schema as {
    properties?: Record<string, Schema>;
    required?: string[];
    description?: unknown;
  };
  const plain = typeof description === "string"
    ? { description: description.replaceAll(/\{@\w+\s+([^}]*?)\s*\}/g, "$1").replaceAll(/\s+/g, " ") }
    : description === undefined
    ? {}
    : { description: print(description) };
  const others = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, print(value)]));
  if (properties === undefined) return { ...plain, ...others, ...required === undefined ? {} : { required } };
  const kept = Object.entries(properties).map(([name, property]) => [name, withoutUndefined(property)] as const)
    .filter(([, property]) => property !== undefined);
  const mayLack = new Set(kept.filter(([, property]) => property!.mayLack).map(([name]) => name));
  return {
    ...plain,
    ...others,
    properties: Object.fromEntries(kept.map(([name, property]) => [snakeName(name), print(property!.schema)])),
    required: (required ?? []).filter((name) => !mayLack.has(name)).map(snakeName),
  };
}

/** A property that may be undefined is one that may be missing. */
function withoutUndefined(schema: Schema): { schema: Schema; mayLack: boolean } {
  const { anyOf, ...rest } = schema as { anyOf?: Schema[] };
  if (anyOf === undefined) return { schema, mayLack: false };
  const left = anyOf.filter((part) => JSON.stringify(part) !== '{"not":{}}');
  const mayLack = left.length < anyOf.length;
  return { schema: left.length === 1 ? { ...left[0], ...rest } : { anyOf: left, ...rest }, mayLack };
}

/** A schema as its file has it. */
export function formatSchema(schema: Schema): string {
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** The files that are not as the types have them. */
export async function findStale(): Promise<string[]> {
  const schemas = makeSchemas();
  const stale: string[] = [];
  for (const [name, schema] of schemas) {
    const before = await Deno.readTextFile(new URL(name, FOLDER)).catch(() => "");
    if (before !== formatSchema(schema)) stale.push(name);
  }
  for (const { name } of Deno.readDirSync(FOLDER)) if (!schemas.has(name)) stale.push(name);
  return stale;
}

if (import.meta.main) {
  if (Deno.args.includes("--check")) {
    const stale = await findStale();
    if (stale.length > 0) {
      console.error(`.github/schemas/: ${stale.join(", ")} stale: run \`deno task schemas\``);
      Deno.exit(1);
    }
    console.error(".github/schemas/ is up to date");
  } else {
    await Deno.remove(FOLDER, { recursive: true }).catch(() => {});
    await Deno.mkdir(FOLDER, { recursive: true });
    for (const [name, schema] of makeSchemas()) await Deno.writeTextFile(new URL(name, FOLDER), formatSchema(schema));
    console.error("Wrote .github/schemas/");
  }
}
