import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import type { Environment } from "../../../src/db/target/target.ts";
import { UsageError } from "../../../src/errors.ts";
import { five, parse } from "../../support/target.ts";

Deno.test("parseTarget() reads the password file, unless others may", async () => {
  const home = await Deno.makeTempDir();
  try {
    const path = `${home}/.pgpass`;
    const lines = [
      "# host:port:database:user:password",
      "h:5432:d:other:no",
      "h:5432:d:u:first",
      "h:*:*:u:any database",
      "::1",
      "a\\:b:5432:d:u:with\\:colon\\\\",
      "localhost:*:*:u:local",
      "*:*:*:last:everywhere",
    ];
    await Deno.writeTextFile(path, lines.join("\n"), { mode: 0o600 });
    const password = (text: string, environment: Environment = {}) =>
      parse(text, { HOME: home, ...environment }).password;
    deepStrictEqual([
      password("host=h user=u dbname=d"),
      password("host=h user=u dbname=e port=6000"),
      password("host=a:b user=u dbname=d"),
      password("host=/tmp user=u dbname=d"),
      password("host=/elsewhere user=u dbname=d"),
      password("host=x user=last dbname=d"),
      password("host=x user=u dbname=d"),
      password("host=h user=u dbname=d password=given"),
      password("host=h user=u dbname=d", { PGPASSWORD: "environment" }),
      password("host=h user=u dbname=d", { PGPASSFILE: "/nonexistent" }),
    ], [
      "first",
      "any database",
      "with:colon\\",
      "local",
      undefined,
      "everywhere",
      undefined,
      "given",
      "environment",
      undefined,
    ]);
    if (Deno.build.os !== "windows") {
      await Deno.chmod(path, 0o640);
      const target = parse("host=h user=u dbname=d", { HOME: home });
      strictEqual(target.password, undefined);
      ok(/others may read it/.test(target.warnings[0]!), target.warnings[0]);
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("parseTarget() reads a service file and finds ~/.postgresql", async () => {
  const home = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${home}/.pg_service.conf`,
      "# a comment\n[other]\nhost=no\n\n[synapse]\nhost=sh\nport=6000\nuser=su\npassword=sp = x\ndbname=sd\n[third]\nhost=no\n",
    );
    deepStrictEqual(five(parse("service=synapse", { HOME: home })), ["sh", 6000, "su", "sp = x", "sd"]);
    deepStrictEqual(five(parse("user=u", { HOME: home, PGSERVICE: "synapse", PGHOST: "eh" })), [
      "sh",
      6000,
      "u",
      "sp = x",
      "sd",
    ]);
    if (Deno.build.os !== "windows") {
      await Deno.mkdir(`${home}/.postgresql`);
      for (const name of ["root.crt", "postgresql.crt", "postgresql.key"]) {
        await Deno.writeTextFile(`${home}/.postgresql/${name}`, "");
      }
      const target = parse("host=h user=u", { HOME: home });
      deepStrictEqual(
        [target.sslRootCert, target.sslCert, target.sslKey],
        ["root.crt", "postgresql.crt", "postgresql.key"].map((name) => `${home}/.postgresql/${name}`),
      );
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("parseTarget() says which password file or service file it cannot read, and why; without the first it goes on", async () => {
  const home = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${home}/.pgpass`, { mode: 0o700 });
    await Deno.mkdir(`${home}/.pg_service.conf`);
    const target = parse("host=h user=u dbname=d", { HOME: home });
    strictEqual(target.password, undefined);
    deepStrictEqual(target.warnings, [
      `Cannot read the password file ${home}/.pgpass: it is a folder. It is not used.`,
    ]);
    throws(() => parse("service=s", { HOME: home }), (error) => {
      ok(error instanceof UsageError && error.hint, String(error));
      strictEqual(error.message, `Cannot read the service file ${home}/.pg_service.conf: it is a folder`);
      return true;
    });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
