/** Synapse's configuration as a test writes it. */
import { ok, strictEqual, throws } from "node:assert/strict";
import { UsageError } from "../../src/errors.ts";
import { type HomeserverConfig, parseHomeserverConfig } from "../../src/homeserver/homeserver.ts";

/** Parses texts as file1.yaml, file2.yaml and so on. */
export function parse(...texts: string[]): HomeserverConfig {
  return parseHomeserverConfig(texts.map((text, i) => ({ name: `file${i + 1}.yaml`, text })));
}

/** A `database:` section with a password. */
export const POSTGRES =
  "database: {name: psycopg2, args: {user: synapse, password: secret, dbname: synapse, host: db}}\n";

/** Demands that the texts are refused, and that no password is shown. */
export function fails(texts: string[], message: string | RegExp, hint?: RegExp): void {
  throws(() => parse(...texts), (error) => {
    ok(error instanceof UsageError, String(error));
    if (typeof message === "string") strictEqual(error.message, message);
    else ok(message.test(error.message), error.message);
    if (hint !== undefined) ok(hint.test(error.hint ?? ""), error.hint);
    ok(!`${error.message} ${error.hint}`.includes("secret"));
    return true;
  });
}
