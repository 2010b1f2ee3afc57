import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, X509Certificate } from "node:crypto";
import { describeNames, hashForBinding, isFor, isIssuedBy } from "../../../src/db/wire/certificate.ts";
import { type CertificateOptions, makeAuthority } from "../../support/tls.ts";

const authority = makeAuthority("Test authority");
const der = (options: CertificateOptions) => new X509Certificate(authority.issue(options).certificate).raw;

Deno.test("isFor() holds a host against a certificate's names by libpq's rules", () => {
  const cases: [CertificateOptions, string, boolean][] = [
    [{ name: "x", dnsNames: ["db.example.org"] }, "DB.example.org", true],
    [{ name: "x", dnsNames: ["db.example.org"] }, "x", false],
    [{ name: "x", dnsNames: ["a", "b"] }, "b", true],
    [{ name: "x" }, "x", true],
    [{ name: "x" }, "y", false],
    [{ name: "*.example.org" }, "db.example.org", true],
    [{ name: "*.example.org" }, "a.db.example.org", false],
    [{ name: "*.example.org" }, "example.org", false],
    [{ name: "*.example.org" }, ".example.org", false],
    [{ name: "*" }, "db", false],
    [{ name: "*." }, "db.", false],
    [{ name: "d*.example.org" }, "db.example.org", false],
    [{ name: "x", addresses: ["127.0.0.1"] }, "127.0.0.1", true],
    [{ name: "x", addresses: ["127.0.0.1"] }, "127.0.0.2", false],
    // A common name counts for a host name beside addresses, and for an address beside names.
    [{ name: "x", addresses: ["127.0.0.1"] }, "x", true],
    [{ name: "127.0.0.2", addresses: ["127.0.0.1"] }, "127.0.0.2", false],
    [{ name: "127.0.0.1" }, "127.0.0.1", true],
    [{ name: "127.0.0.1", dnsNames: ["x"] }, "127.0.0.1", true],
    [{ name: "x", dnsNames: ["127.0.0.1"] }, "127.0.0.1", true],
    // In the text that Node makes of them, these look like a second name.
    [{ name: "x", dnsNames: ["a, DNS:evil.example"] }, "evil.example", false],
    [{ name: "x\nCN=evil.example" }, "evil.example", false],
  ];
  deepStrictEqual(
    cases.filter(([options, host, expected]) => isFor(der(options), host) !== expected),
    [],
  );
});

Deno.test("describeNames() names the first, and counts the others", () => {
  strictEqual(describeNames(der({ name: "x" })), '"x"');
  strictEqual(describeNames(der({ name: "x", dnsNames: ["a"] })), '"a"');
  strictEqual(describeNames(der({ name: "x", dnsNames: ["a", "b"] })), '"a" (and 1 other name)');
  strictEqual(
    describeNames(der({ name: "x", dnsNames: ["a", "b"], addresses: ["1.2.3.4"] })),
    '"a" (and 2 other names)',
  );
});

Deno.test("isIssuedBy() takes the issuer among others, or the certificate itself, and no namesake", () => {
  const leaf = authority.issue({ name: "x" }).certificate;
  const raw = new X509Certificate(leaf).raw;
  const namesake = makeAuthority("Test authority").certificate;
  ok(isIssuedBy(raw, namesake + authority.certificate));
  ok(isIssuedBy(raw, leaf));
  ok(!isIssuedBy(raw, namesake));
  ok(!isIssuedBy(undefined, authority.certificate));
});

Deno.test("hashForBinding() hashes a certificate as its signature does", () => {
  const raw = der({ name: "x" });
  deepStrictEqual(Buffer.from(hashForBinding(raw)!), createHash("sha256").update(raw).digest());
});
