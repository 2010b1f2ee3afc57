/**
 * Connections made by libpq 18 itself and by us, with the same connection strings to the same server: both get in as the same
 * user in the same way, or neither does. One server with every authentication method and several certificates.
 */
import { ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createPrivateKey } from "node:crypto";
import { userInfo } from "node:os";
import { startPostgres } from "../../../scripts/postgres.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { startLibpq, whyNoLibpq } from "../../support/libpq.ts";
import { encryptKey } from "../../support/pkcs8.ts";
import { makeAuthority } from "../../support/tls.ts";
import { comparing, ours, type Parameters, QUERY, toText } from "../../support/ways.ts";

const why = whyNoLibpq();
if (why !== undefined) console.log(`Not compared with libpq: ${why}`);

Deno.test({
  name: "connect() gets in where libpq does, in the same way, and nowhere else",
  ignore: why !== undefined,
  async fn(t) {
    const authority = makeAuthority("Test authority");
    const other = makeAuthority("Another authority");
    const expired = { validFrom: new Date(Date.now() - 2e9), validTo: new Date(Date.now() - 1e9) };
    const certificates = {
      named: authority.issue({ name: "elsewhere", dnsNames: ["localhost", "*.example.org"] }),
      common: authority.issue({ name: "localhost" }),
      wild: authority.issue({ name: "*.example.org" }),
      address: authority.issue({ name: "localhost", addresses: ["127.0.0.1"] }),
      name: authority.issue({ name: "127.0.0.1", dnsNames: ["localhost"] }),
      stranger: other.issue({ name: "localhost", dnsNames: ["localhost"] }),
      expired: authority.issue({ name: "localhost", dnsNames: ["localhost"], ...expired }),
      itself: makeAuthority("localhost"),
    };
    const client = authority.issue({ name: "certified" });
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o777);
    const me = userInfo().username;
    await using stack = new AsyncDisposableStack();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    await using server = await startPostgres({
      settings: { unix_socket_directories: folder, ssl_ca_file: "ca.crt", application_name: "none" },
      files: {
        "ca.crt": authority.certificate,
        ...Object.fromEntries(
          Object.entries(certificates).flatMap(([name, { certificate, key }]) => [
            [`${name}.crt`, certificate],
            [`${name}.key`, key],
          ]),
        ),
        "pg_hba.conf": [
          "local all all peer",
          "host all postgres 127.0.0.1/32 scram-sha-256",
          "hostssl all certified 127.0.0.1/32 cert",
          "hostssl all encrypted 127.0.0.1/32 scram-sha-256",
          "hostnossl all plain 127.0.0.1/32 scram-sha-256",
          "host all odd 127.0.0.1/32 scram-sha-256",
          "host all by_scram 127.0.0.1/32 scram-sha-256",
          "host all by_md5 127.0.0.1/32 md5",
          "host all by_password 127.0.0.1/32 password",
          "host all by_trust 127.0.0.1/32 trust",
          "host all by_reject 127.0.0.1/32 reject",
        ].join("\n") + "\n",
      },
      say: () => {},
    });
    await using libpq = startLibpq();
    const path = (name: string) => `${folder}/${name}`;
    const write = (name: string, text: string) => Deno.writeTextFile(path(name), text, { mode: 0o600 });
    await write("ca.crt", authority.certificate);
    await write("other.crt", other.certificate);
    await write("itself.crt", certificates.itself.certificate);
    await write("client.crt", client.certificate);
    await write("client.key", client.key);
    await write("locked.key", encryptKey(createPrivateKey(client.key).export({ type: "pkcs8", format: "der" })));
    const port = new URL(server.url).port;
    const base = { hostaddr: "127.0.0.1", host: "localhost", port, dbname: "postgres", password: "throw-away" };
    await using admin = await connect(server.url, { checkSchema: false });
    for (const name of ["certified", "encrypted", "plain", "by_scram", "by_password", "by_trust", "by_reject", me]) {
      await admin.sql.unsafe(`create role "${name}" login password 'throw-away'`);
    }
    await admin.sql.unsafe("set password_encryption = 'md5'; create role by_md5 login password 'throw-away'").simple();
    await admin.sql.unsafe("set password_encryption = default; create role odd login password 'pa ss No'").simple();

    const use = async (settings: Readonly<Record<string, string>>) => {
      for (const [name, value] of Object.entries(settings)) {
        await admin.sql.unsafe(`alter system set ${name} = '${value}'`);
      }
      await admin.sql.unsafe("select pg_reload_conf()");
      // The server reads them when it gets to it; every later session has them.
      for (const [name, value] of Object.entries(settings)) {
        for (;;) {
          await using session = await connect(`${server.url}?sslmode=disable`, { checkSchema: false });
          const [row] = await session.sql.unsafe(`select current_setting('${name}') as value`);
          if (row!["value"] === value) break;
        }
      }
    };
    const useCertificate = (name: string) =>
      use({ ssl: "on", ssl_cert_file: `${name}.crt`, ssl_key_file: `${name}.key` });

    const compare = comparing(t, libpq);
    const as = (user: string, more: Parameters = {}): Parameters => ({ ...base, user, ...more });

    await compare("scram-sha-256 without TLS", as("by_scram"));
    await compare("a server without TLS", as("by_scram", { sslmode: "require" }), /does not offer TLS/);
    await useCertificate("named");
    for (const user of ["by_scram", "by_md5", "by_password", "by_trust", "encrypted", "plain"]) {
      for (const sslmode of ["disable", "allow", "prefer", "require"]) {
        const fits = !(user === "encrypted" && sslmode === "disable" || user === "plain" && sslmode === "require");
        await compare(`${user}, sslmode=${sslmode}`, as(user, { sslmode }), fits ? undefined : /pg_hba\.conf/);
      }
    }
    await compare("a password that SASLprep changes", as("odd", { password: "pa\u00a0ss\u00ad №" }));
    await compare("by_reject", as("by_reject"), /pg_hba\.conf/);
    await compare("peer", { host: folder, port, user: me, dbname: "postgres", application_name: "x" });
    await compare(
      "peer as another",
      { host: folder, port, user: "by_trust", dbname: "postgres" },
      /Peer authentication failed/,
    );
    for (const user of ["by_scram", "by_md5", "by_password"]) {
      await compare(`${user}, a wrong password`, as(user, { password: "wrong" }), /authentication failed/);
      await compare(`${user}, no password`, as(user, { password: "" }), /asks for a password, and none was given/);
    }

    const methods: [string, string, boolean][] = [
      ["by_scram", "scram-sha-256", true],
      ["by_scram", "md5,password", false],
      ["by_scram", "!md5,!password", true],
      ["by_scram", "!scram-sha-256", false],
      ["by_md5", "md5", true],
      ["by_md5", "scram-sha-256", false],
      ["by_password", "password", true],
      ["by_password", "!password", false],
      ["by_trust", "none", true],
      ["by_trust", "!none", false],
      ["by_trust", "scram-sha-256,none", true],
    ];
    for (const [user, require_auth, fits] of methods) {
      await compare(
        `${user}, require_auth=${require_auth}`,
        as(user, { require_auth }),
        fits ? undefined : /require_auth/,
      );
    }

    const trusted = { sslmode: "verify-full", sslrootcert: path("ca.crt") };
    const bound = { channel_binding: "require" };
    await compare("channel_binding=require", as("by_scram", { ...trusted, ...bound }));
    await compare("channel_binding=disable", as("by_scram", { ...trusted, channel_binding: "disable" }));
    await compare(
      "channel_binding=require with md5",
      as("by_md5", { ...trusted, ...bound }),
      /channel_binding=require/,
    );
    await compare(
      "channel_binding=require with trust",
      as("by_trust", { ...trusted, ...bound }),
      /channel_binding=require/,
    );
    const plain = { sslmode: "disable", ...bound };
    await compare("channel_binding=require without TLS", as("by_scram", plain), /channel_binding=require/);
    await t.step("channel_binding=require with a certificate that nobody checks is refused here alone", async () => {
      const parameters = as("by_scram", { sslmode: "require", ...bound });
      strictEqual((await libpq.connect(toText(parameters), QUERY)).error, undefined);
      const found = await ours(parameters);
      ok("refusal" in found && /the server's certificate is not verified/.test(found.refusal), Deno.inspect(found));
    });

    const shown = { sslmode: "require", sslcert: path("client.crt"), sslkey: path("client.key") };
    await compare("cert", as("certified", shown));
    const locked = { ...shown, sslkey: path("locked.key") };
    await compare("cert with an encrypted key", as("certified", { ...locked, sslpassword: "throw-away" }));
    await compare("a wrong sslpassword", as("certified", { ...locked, sslpassword: "wrong" }), /with this sslpassword/);
    // OpenSSL would ask for it on the terminal, if there is one.
    await t.step("no sslpassword", async () => {
      const found = await ours(as("certified", locked));
      ok("refusal" in found && /no sslpassword was given/.test(found.refusal), Deno.inspect(found));
    });
    await compare("no client certificate", as("certified", { sslmode: "require" }), /client certificate/);
    await compare(
      "one that is not there",
      as("certified", { ...shown, sslcert: path("no.crt") }),
      /client certificate/,
    );
    await compare("sslcertmode=disable", as("certified", { ...shown, sslcertmode: "disable" }), /client certificate/);
    await compare("no key", as("certified", { ...shown, sslkey: path("no.key") }), /cannot be read/);

    if (admin.serverVersion >= 170_000) {
      await compare("sslnegotiation=direct", as("by_scram", { ...trusted, sslnegotiation: "direct", ...bound }));
    }
    await compare("sslsni=0", as("by_scram", { ...trusted, sslsni: "0" }));
    await compare("TLSv1.3", as("by_scram", { ...trusted, ssl_min_protocol_version: "TLSv1.3", ...bound }));

    const named = (host: string, more: Parameters = {}) => as("by_scram", { ...trusted, host, ...more });
    await compare("one of its names", named("localhost"));
    await compare("another case", named("LOCALHOST"));
    await compare("a name under the wildcard", named("db.example.org"));
    await compare(
      "a name two below the wildcard",
      named("a.db.example.org"),
      /is for "localhost" \(and 1 other name\), not for/,
    );
    await compare("the wildcard's own", named("example.org"), /not for the host name "example\.org"/);
    await compare("a common name beside other names", named("elsewhere"), /not for the host name "elsewhere"/);
    await compare("verify-ca by another name", named("elsewhere", { sslmode: "verify-ca" }));
    await compare("an address", named("127.0.0.1"), /not for the address "127\.0\.0\.1"/);
    await compare("another authority", named("localhost", { sslrootcert: path("other.crt") }), /issuer is unknown/);
    await compare("require with a root certificate", as("by_scram", { ...trusted, sslmode: "require" }));
    await compare(
      "require with another root certificate",
      as("by_scram", { sslmode: "require", sslrootcert: path("other.crt") }),
      /issuer is unknown/,
    );
    await compare(
      "require with a root certificate that is not there",
      as("by_scram", { sslmode: "require", sslrootcert: path("no") }),
    );
    await compare(
      "verify-ca with one that is not there",
      named("localhost", { sslrootcert: path("no") }),
      /cannot be read/,
    );
    await write("none.crl", authority.revoke([]));
    await write("named.crl", authority.revoke([certificates.common.certificate, certificates.named.certificate]));
    await write("old.crl", authority.revoke([], new Date(Date.now() - 1000)));
    await write("other.crl", other.revoke([]));
    await Deno.mkdir(path("crls"));
    // OpenSSL's name for the authority: the hash of its canonical name (X509_NAME_hash()).
    const hash = createHash("sha1").update(Buffer.from("3117301506035504030c0e", "hex")).update("test authority")
      .digest();
    await Deno.copyFile(path("named.crl"), path(`crls/${hash.readUInt32LE(0).toString(16).padStart(8, "0")}.r0`));
    await compare("a revocation list without it", named("localhost", { sslcrl: path("none.crl") }));
    await compare("a revocation list with it", named("localhost", { sslcrl: path("named.crl") }), /it is revoked/);
    await compare("a folder of revocation lists", named("localhost", { sslcrldir: path("crls") }), /it is revoked/);
    await compare("an old revocation list", named("localhost", { sslcrl: path("old.crl") }), /list has expired/);
    await compare(
      "another authority's",
      named("localhost", { sslcrl: path("other.crl") }),
      /no revocation list of the auth/,
    );
    await compare("one that is not there", named("localhost", { sslcrl: path("no.crl") }));
    await compare("one that nobody asks for", as("by_scram", { sslmode: "require", sslcrl: path("named.crl") }));
    await useCertificate("common");
    await compare("a name in CN alone", named("localhost"));
    await compare("a name that is not in CN", named("elsewhere"), /is for "localhost", not for/);
    await useCertificate("wild");
    await compare("a wildcard in CN alone", named("db.example.org"));
    await useCertificate("address");
    await compare("an address that it has", named("127.0.0.1"));
    await compare("a name in CN beside an address", named("localhost"));
    await useCertificate("name");
    await compare("an address in CN beside a name", named("127.0.0.1"));
    await useCertificate("stranger");
    await compare("a server of another authority", named("localhost"), /issuer is unknown/);
    await compare("the same, only preferred", as("by_scram", { sslmode: "prefer" }));
    await useCertificate("expired");
    await compare("an expired certificate", named("localhost"), /has expired/);
    await useCertificate("itself");
    await t.step("an authority's own certificate is refused here alone, and we say how to make another", async () => {
      const parameters = named("localhost", { sslrootcert: path("itself.crt") });
      strictEqual((await libpq.connect(toText(parameters), QUERY)).error, undefined);
      const found = await ours(parameters);
      ok("refusal" in found && /CA:TRUE/.test(found.refusal), Deno.inspect(found));
      ok(/-addext "subjectAltName=DNS:localhost" -addext "basicConstraints=critical,CA:FALSE"/.test(found.hint!));
    });
    await useCertificate("named");
    await use({ ssl_max_protocol_version: "TLSv1.2" });
    await compare("TLSv1.2", as("by_scram", { ...trusted, ssl_max_protocol_version: "TLSv1.2", ...bound }));
    await compare(
      "TLSv1.3 from a server without",
      as("by_scram", { ...trusted, ssl_min_protocol_version: "TLSv1.3" }),
      /demands TLSv1\.3/,
    );
    await use({ ssl_max_protocol_version: "" });
    await t.step("ssl_max_protocol_version below what the server chooses is refused here alone", async () => {
      const parameters = as("by_scram", { ...trusted, ssl_max_protocol_version: "TLSv1.2" });
      strictEqual((await libpq.connect(toText(parameters), QUERY)).row, `by_scram TLSv1.2 ${port} none`);
      const found = await ours(parameters);
      ok("refusal" in found && /which ssl_max_protocol_version forbids/.test(found.refusal), Deno.inspect(found));
    });
  },
});
