/**
 * The same names for a database, given to psql and to us: both get to the same place as the same user, with the same settings, or
 * neither does. It needs psql (Debian and Ubuntu: `apt install postgresql-client`); without it, this test says so and is skipped.
 */
import { deepStrictEqual, ok } from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { connect } from "../../../src/db/session/connect.ts";
import { parseTarget } from "../../../src/db/target/target.ts";
import { CompressorError } from "../../../src/errors.ts";
import { testServer } from "../../support/postgres.ts";

const version = await new Deno.Command("psql", { args: ["--version"] }).output().then(
  ({ stdout }) => new TextDecoder().decode(stdout).trim(),
  () => undefined,
);
if (version === undefined) console.log("Not compared with psql: there is none (apt install postgresql-client)");

/** What psql prints, or why it prints nothing. */
async function psql(text: string, environment: Readonly<Record<string, string>>, query: string) {
  const { code, stdout, stderr } = await new Deno.Command("psql", {
    args: ["-XAtw", "-d", text, "-c", query],
    env: { PATH: Deno.env.get("PATH") ?? "", HOME: "/nonexistent", ...environment },
    clearEnv: true,
  }).output();
  const words = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return code === 0 ? { row: words(stdout) } : { error: words(stderr) };
}

const QUERY = `select concat_ws('|', current_user, current_database(), current_setting('application_name'),
  current_setting('work_mem'), inet_server_port())`;

Deno.test({
  name: "connect() gets where psql gets, by every way to name a database",
  ignore: version === undefined,
  async fn() {
    const { hostname, port, password } = new URL(testServer());
    const folder = await Deno.makeTempDir();
    const base = { PGHOST: hostname, PGPORT: port, PGUSER: "postgres", PGPASSWORD: password, PGAPPNAME: "x" };
    const login = `host=${hostname} port=${port} user=postgres`;
    try {
      const write = async (name: string, text: string) => {
        await Deno.writeTextFile(`${folder}/${name}`, text);
        await Deno.chmod(`${folder}/${name}`, 0o600);
        return `${folder}/${name}`;
      };
      const services = await write(
        "services",
        `# comment\n[one]\nhost=${hostname}\n  port=${port}  \nuser=postgres\npassword=${password}\ndbname=postgres\n` +
          `application_name=served\n[nested]\nservice=one\n[other]\nhost=nowhere.invalid\n`,
      );
      const passwords = await write("passwords", `#\nnowhere:*:*:*:no\n${hostname}:${port}:*:postgres:${password}\n`);
      const open = await write("open", `*:*:*:*:${password}\n`);
      await Deno.chmod(open, 0o644);
      const cases: [string, Readonly<Record<string, string>>?][] = [
        [testServer()],
        [`${testServer()}?application_name=from%20url&options=-c%20work_mem%3D7MB`],
        [`${login} dbname=postgres password='${password}' application_name='it''s'`],
        [`${login} dbname=postgres password='${password}' application_name='it\\'s'`],
        [`${login} dbname=postgres password=wrong`],
        [`${login} dbname=no_such_database password=${password}`],
        [`${login} password=${password} options='-c work_mem=9MB -c application_name=nine'`],
        ["", base],
        ["dbname=template1", { ...base, PGDATABASE: "postgres", PGOPTIONS: "-c work_mem=11MB" }],
        ["postgresql:///template1", base],
        ["user=nobody_knows", base],
        ["service=one", { PGSERVICEFILE: services, PGAPPNAME: "x" }],
        ["application_name=mine", { PGSERVICE: "one", PGSERVICEFILE: services, PGHOST: "nowhere.invalid" }],
        ["service=nested", { PGSERVICEFILE: services }],
        ["service=none", { PGSERVICEFILE: services }],
        ["service=one", { PGSERVICEFILE: `${folder}/none` }],
        [`${login} dbname=postgres passfile=${passwords}`],
        [`${login} dbname=postgres`, { PGPASSFILE: passwords }],
        [`${login} dbname=postgres`, { PGPASSFILE: open }],
        [`host=nowhere.invalid hostaddr=127.0.0.1 port=${port} user=postgres password=${password}`],
        [`host=127.0.0.1,127.0.0.1 port=1,${port} user=postgres password=${password} target_session_attrs=read-write`],
        [`host=127.0.0.1,127.0.0.1 port=1,2,3 user=postgres`],
        [`${login} sslmode=sometimes`],
        [`${login} sslmod=require`],
        [`${login} channel_binding=require password=${password}`],
        [`${login} sslmode=verify-full password=${password}`],
      ];
      const compare = async ([text, environment = {}]: typeof cases[number]) => {
        // What psql adds of its own where nobody names an application.
        const theirs = await psql(text, environment, QUERY);
        const ours = await find(text, environment);
        if ("error" in theirs) ok("error" in ours, `psql is refused ${text}: ${theirs.error}`);
        else deepStrictEqual(ours, { row: theirs.row.replace("|psql|", "|synapse_compress_state|") }, text);
      };
      await Promise.all(cases.map(compare));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

async function find(text: string, environment: Readonly<Record<string, string>>) {
  try {
    const target = parseTarget(text, { HOME: "/nonexistent", ...environment });
    await using session = await connect(target, { checkSchema: false });
    const [row] = await session.sql.unsafe(QUERY);
    return { row: row!["concat_ws"] as string };
  } catch (error) {
    ok(error instanceof CompressorError, Deno.inspect(error));
    return { error: error.message };
  }
}

Deno.test({
  name: "parseTarget() has psql's user, database and password for tricky strings",
  ignore: version === undefined,
  async fn() {
    const texts = [
      "user=u dbname='a b' password='it\\'s \\\\'",
      "user = u\tdbname=d\\ e password=a'b",
      "postgresql://u%40x:p%2F%3A%25%20@/d%20d",
      "postgresql://u:p:q@/d?password=other",
      "postgresql://u@/d?password=a%26b&dbname=e",
      "postgres://u:%C3%A4@/%C3%B6",
      "user=u password=p dbname=",
    ];
    for (const text of texts) {
      const sent = await capture((port) => psql(text, { PGHOST: "127.0.0.1", PGPORT: port, PGSSLMODE: "disable" }, ""));
      const { user, database, password } = parseTarget(text, { HOME: "/nonexistent", PGHOST: "127.0.0.1" });
      deepStrictEqual([user, database, password], [sent.user, sent.database, sent.password], text);
    }
  },
});

/** What a client says of itself to a server that asks for its password in the clear, and then hangs up. */
async function capture(client: (port: string) => Promise<unknown>): Promise<Record<string, string | undefined>> {
  const { promise, resolve } = Promise.withResolvers<Record<string, string | undefined>>();
  let start: string[] = [];
  const server = createServer((socket: Socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      const words = new TextDecoder().decode(chunk);
      if (chunk[0] === 0x70) {
        const value = (name: string) => start[start.indexOf(name) + 1];
        resolve({ user: value("user"), database: value("database"), password: words.slice(5, -1) });
        socket.end();
      } else {
        start = words.slice(8).split("\0");
        socket.write(Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 3));
      }
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  try {
    const port = String((server.address() as { port: number }).port);
    await client(port);
    return await Promise.race([promise, Promise.reject(new Error("the client sent no password"))]);
  } finally {
    await new Promise((done) => server.close(done));
  }
}
