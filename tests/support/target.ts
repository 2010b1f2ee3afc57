/** Targets, read without the files of the machine's own user. */
import { type Environment, parseTarget, type Target } from "../../src/db/target/target.ts";

const NOBODY: Environment = { HOME: "/nonexistent" };

/** Reads a connection string on a machine without files. */
export function parse(text: string, environment: Environment = {}): Target {
  return parseTarget(text, { ...NOBODY, ...environment });
}

/** host, port, user, password, database */
export function five(target: Target): unknown[] {
  return [target.host, target.port, target.user, target.password, target.database];
}
