/** Holds what the program prints with --json against its schemas, strictly: a name that no schema has is a fault. */
import { Ajv, type ValidateFunction } from "ajv";
import { close, FOLDER, OUTPUTS } from "../../scripts/outputs.ts";

const known = new Map<string, ValidateFunction>();

function load(name: string): ValidateFunction {
  const text = Deno.readTextFileSync(new URL(`${name}.json`, FOLDER));
  const validate = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true }).compile(
    close(JSON.parse(text)) as object,
  );
  known.set(name, validate);
  return validate;
}

/** What is wrong with what a command line printed, or undefined. */
export function findJsonFault(args: readonly string[], stdout: string): string | undefined {
  const value = JSON.parse(stdout) as { error?: unknown };
  const names = Object.keys(value);
  const isFailure = names.every((name) => name === "error" || name === "schema_version");
  const command = Object.hasOwn(OUTPUTS, args[0] ?? "") ? args[0]! : args[0] === "run" ? "auto" : "room";
  const name = isFailure ? "failure" : command;
  const validate = known.get(name) ?? load(name);
  if (validate(value)) return undefined;
  return `${name}.json: ${
    validate.errors!.map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`)
      .join("; ")
  }`;
}

/** What is wrong with a line of --progress json, or undefined. */
export function findLineFault(line: string): string | undefined {
  const validate = known.get("progress") ?? load("progress");
  return validate(JSON.parse(line)) ? undefined : JSON.stringify(validate.errors);
}
