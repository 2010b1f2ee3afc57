import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { startPostgres } from "../../../scripts/postgres.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { parseTarget } from "../../../src/db/target/target.ts";
import { ConnectionError } from "../../../src/errors.ts";
import { makeAuthority } from "../../support/tls.ts";

const options = { checkSchema: false };

/** Runs `work` with the port of a server that answers each chunk by `answer`. */
async function withServer(
  answer: (socket: Socket, chunk: Uint8Array) => void,
  work: (url: string, accepted: ReadonlySet<Socket>) => Promise<void>,
) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => answer(socket, chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`postgresql://u:secret@127.0.0.1:${(server.address() as { port: number }).port}/d`, sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function failure(url: string, more: Parameters<typeof connect>[1] = {}): Promise<ConnectionError> {
  let caught: unknown;
  await rejects(connect(url, { ...options, ...more }), (error) => (caught = error, true));
  ok(caught instanceof ConnectionError, `${caught}`);
  ok(!`${caught.message} ${caught.hint} ${caught.stack} ${Deno.inspect(caught.cause)}`.includes("secret"));
  return caught;
}

Deno.test("openSocket() gives each sslmode libpq's meaning, against a real server", async (t) => {
  const authority = makeAuthority("Test authority");
  const other = makeAuthority("Another authority");
  const server = authority.issue({ name: "database", dnsNames: ["localhost"] });
  const client = authority.issue({ name: "certified" });
  await using postgres = await startPostgres({
    settings: {
      ssl: "on",
      ssl_cert_file: "server.crt",
      ssl_key_file: "server.key",
      ssl_ca_file: "authority.crt",
    },
    files: {
      "server.crt": server.certificate,
      "server.key": server.key,
      "authority.crt": authority.certificate,
      "pg_hba.conf": [
        "hostssl all certified 127.0.0.1/32 cert",
        "hostssl all encrypted 127.0.0.1/32 scram-sha-256",
        "hostnossl all plain 127.0.0.1/32 scram-sha-256",
        "host all postgres 127.0.0.1/32 scram-sha-256",
      ].join("\n") + "\n",
    },
    say: () => {},
  });
  const folder = await Deno.makeTempDir();
  try {
    const path = (name: string) => `${folder}/${name}`;
    for (
      const [name, text] of Object.entries({
        "authority.crt": other.certificate + authority.certificate,
        "other.crt": other.certificate,
        "server.crt": server.certificate,
        "client.crt": client.certificate,
        "client.key": client.key,
      })
    ) await Deno.writeTextFile(path(name), text, { mode: 0o600 });
    const url = (parameters: Record<string, string>, user?: string) => {
      const made = new URL(postgres.url);
      if (user) made.username = user;
      // The certificate is for localhost; the server listens on 127.0.0.1.
      made.hostname = "localhost";
      parameters = { hostaddr: "127.0.0.1", ...parameters };
      return `${made.href}?${
        Object.entries(parameters).map((pair) => pair.map(encodeURIComponent).join("=")).join("&")
      }`;
    };
    const usesTls = async (text: string) => {
      await using session = await connect(text, options);
      const [row] = await session.sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
      return row!["ssl"] as boolean;
    };
    {
      await using admin = await connect(url({}), options);
      for (const user of ["certified", "encrypted", "plain"]) {
        await admin.sql.unsafe(`create role ${user} login password 'throw-away'`);
      }
    }

    for (
      const [name, parameters, expected] of [
        ["disable", { sslmode: "disable" }, false],
        ["allow", { sslmode: "allow" }, false],
        ["prefer", {}, true],
        ["require, unverified", { sslmode: "require" }, true],
        ["require, verified", { sslmode: "require", sslrootcert: path("authority.crt") }, true],
        ["verify-ca", { sslmode: "verify-ca", sslrootcert: path("authority.crt") }, true],
        [
          "verify-ca by another name",
          { sslmode: "verify-ca", sslrootcert: path("authority.crt"), host: "127.0.0.1" },
          true,
        ],
        ["verify-full", { sslmode: "verify-full", sslrootcert: path("authority.crt") }, true],
      ] as [string, Record<string, string>, boolean][]
    ) {
      await t.step(name, async () => strictEqual(await usesTls(url(parameters)), expected));
    }
    await t.step("prefer comes again without TLS, allow with it, where pg_hba.conf wants that", async () => {
      strictEqual(await usesTls(url({}, "plain")), false);
      strictEqual(await usesTls(url({ sslmode: "allow" }, "encrypted")), true);
      const error = await failure(url({ sslmode: "require" }, "plain"));
      ok(/pg_hba\.conf/.test(error.message) && /pg_hba\.conf/.test(error.hint!), error.message);
    });
    await t.step("a cancel request takes the way of its session", async () => {
      const ways: [Record<string, string>, string | undefined][] = [
        [{ sslmode: "verify-full", sslrootcert: path("authority.crt") }, undefined],
        [{ sslmode: "prefer" }, "plain"],
        [{ sslmode: "allow" }, "encrypted"],
      ];
      for (const [parameters, user] of ways) {
        await using session = await connect(url(parameters, user), options);
        const sleep = session.sql`select pg_sleep(300)`.execute();
        let isCancelled = false;
        const cancelled = rejects(async () => await sleep, /SQLSTATE 57014/).finally(() => isCancelled = true);
        // One that comes before the statement has begun does nothing.
        while (!isCancelled) {
          await session.cancel(AbortSignal.timeout(10_000));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        await cancelled;
        strictEqual((await session.sql`select 1 as one`)[0]!["one"], 1);
      }
    });
    await t.step("a client certificate", async () => {
      const parameters = { sslmode: "require", sslcert: path("client.crt"), sslkey: path("client.key") };
      strictEqual(await usesTls(url(parameters, "certified")), true);
      await Deno.chmod(path("client.key"), 0o644);
      const error = await failure(url(parameters, "certified"));
      ok(error.message.endsWith("client.key may be read by others"), error.message);
    });
    for (
      const [name, parameters, pattern] of [
        ["an unknown issuer", { sslmode: "verify-full", sslrootcert: path("other.crt") }, /issuer is unknown/],
        ["an unknown issuer (require)", { sslmode: "require", sslrootcert: path("other.crt") }, /issuer is unknown/],
        [
          "an unknown issuer (verify-ca)",
          { sslmode: "verify-ca", sslrootcert: path("other.crt") },
          /issuer is unknown/,
        ],
        ["the system's store", { sslrootcert: "system" }, /issuer is unknown/],
        [
          "another host name",
          { sslmode: "verify-full", sslrootcert: path("authority.crt"), host: "db.example.org" },
          /certificate is for "localhost", not for the host name "db\.example\.org"/,
        ],
        [
          "an address that it does not name",
          { sslmode: "verify-full", sslrootcert: path("authority.crt"), host: "127.0.0.1" },
          /certificate is for "localhost", not for the address "127\.0\.0\.1"/,
        ],
        ["verify-full without sslrootcert", { sslmode: "verify-full" }, /needs sslrootcert/],
        ["a missing sslrootcert", { sslmode: "verify-ca", sslrootcert: path("none") }, /cannot be read/],
        ["a certificate without a key", { sslmode: "require", sslcert: path("client.crt") }, /needs sslkey/],
      ] as [string, Record<string, string>, RegExp][]
    ) {
      await t.step(`refuses ${name}`, async () => {
        const { message } = await failure(url(parameters));
        ok(pattern.test(message), message);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openSocket() refuses what a server without TLS, or no server at all, answers", async (t) => {
  await t.step("N, though sslmode demands TLS", () =>
    withServer((socket) => socket.write("N"), async (url) => {
      const error = await failure(`${url}?sslmode=require`);
      ok(/does not offer TLS, and sslmode=require demands it$/.test(error.message), error.message);
    }));
  await t.step(
    "bytes after the S, which a man in the middle could add (CVE-2021-23222)",
    () =>
      withServer((socket) => socket.write("SR\0\0\0\x08\0\0\0\0"), async (url) => {
        ok(/does not speak/.test((await failure(url)).message));
      }),
  );
  await t.step("HTTP", () =>
    withServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"), async (url) => {
      ok(/does not speak/.test((await failure(url)).message));
      // Without the TLS question it is the first frame that is not one.
      ok(/Cannot connect to .*does not speak/.test((await failure(`${url}?sslmode=disable`)).message));
    }));
  await t.step(
    "no TLS after the S",
    () =>
      withServer((socket, chunk) => chunk.length === 8 ? socket.write("S") : socket.end("nonsense"), async (url) => {
        const { message } = await failure(`${url}?sslmode=require`);
        ok(/TLS failed/.test(message), message);
      }),
  );
  await t.step("the end", () =>
    withServer((socket) => socket.end(), async (url) => {
      for (const mode of ["prefer", "disable"]) {
        const { message, hint } = await failure(`${url}?sslmode=${mode}`);
        ok(/Cannot connect to .*: the server closed the connection$/.test(message), message);
        ok(/may not be PostgreSQL/.test(hint!), hint);
      }
    }));
  await t.step(
    "a real HTTP server, or one that never says a word, long before the time for connecting is over",
    async () => {
      await using http = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        () => new Response("hello"),
      );
      const ofHttp = `postgresql://u:secret@127.0.0.1:${http.addr.port}/d`;
      await withServer(() => {}, async (silent) => {
        for (const url of [ofHttp, silent]) {
          for (const mode of ["prefer", "disable"]) {
            const { message, hint } = await failure(`${url}?sslmode=${mode}`, { answerTimeoutMs: 200 });
            ok(
              /says nothing: no answer within 0\.2 seconds|closed the connection|does not speak|not PostgreSQL's/.test(
                message,
              ),
            );
            ok(/Check host and port/.test(hint ?? "") || /Cannot understand/.test(message), `${message} ${hint}`);
          }
        }
      });
    },
  );
  await t.step(
    "an authentication that we have not",
    () =>
      withServer((socket) => socket.write("R\0\0\0\x08\0\0\0\x07"), async (url) => {
        const { message } = await failure(`${url}?sslmode=disable`);
        ok(/GSSAPI/.test(message), message);
      }),
  );
});

Deno.test("openSocket() gives up after the time-out, and at once when aborted", () =>
  withServer(() => {}, async (url, accepted) => {
    for (const mode of ["prefer", "disable"]) {
      const { message, hint } = await failure(`${url}?sslmode=${mode}`, { connectTimeoutMs: 200 });
      ok(message.endsWith("no answer within 0.2 seconds"), message);
      ok(hint!.includes("connect_timeout"));
      const aborter = new AbortController();
      setTimeout(() => aborter.abort(), 50);
      await rejects(connect(`${url}?sslmode=${mode}`, { ...options, signal: aborter.signal }), {
        name: "StoppedError",
      });
    }
    // None stays open, not even one that was still connecting.
    while (accepted.size < 4 || [...accepted].some((socket) => !socket.closed)) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await rejects(connect(url, { ...options, signal: AbortSignal.abort() }), { name: "StoppedError", exitCode: 130 });
    strictEqual(parseTarget(`${url}?connect_timeout=3`).connectTimeoutMs, 3000);
  }));

Deno.test("openSocket() says why there is no server", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // As a server leaves it that was killed.
    await new Deno.Command(Deno.execPath(), {
      args: ["eval", `Deno.listen({ transport: "unix", path: "${folder}/.s.PGSQL.5432" }); Deno.exit()`],
    }).output();
    const cases: [string, RegExp, RegExp][] = [
      ["postgresql://u:secret@127.0.0.1:1/d", /on 127\.0\.0\.1:1 as "u": nothing listens there$/, /listen_addresses/],
      ["postgresql://u:secret@nowhere.invalid/d", /there is no host of that name$|cannot be looked up/, /host name/],
      [
        "postgresql://u:secret@%2Fnonexistent/d",
        /socket \/nonexistent\/\.s\.PGSQL\.5432 .*no such socket$/,
        /host=localhost/,
      ],
      [`postgresql://u:secret@${encodeURIComponent(folder)}/d`, /nothing listens there$/, /left over/],
    ];
    const seen = [];
    for (const [url, message, hint] of cases) {
      const error = await failure(url);
      seen.push(message.test(error.message) && hint.test(error.hint ?? "") ? "" : `${error.message} | ${error.hint}`);
    }
    deepStrictEqual(seen, ["", "", "", ""]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openSocket() says that there is no socket, in the very first connection of a process", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "main.ts", "-p", "host=/nonexistent user=u dbname=d", "-r", "!a:test"],
    env: { NO_COLOR: "1" },
  }).output();
  const words = new TextDecoder().decode(stderr);
  strictEqual(code, 1);
  ok(/there is no such socket\nhint: No server has its socket there/.test(words), words);
});
