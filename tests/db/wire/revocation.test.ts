import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { findRevocation } from "../../../src/db/wire/revocation.ts";
import { makeAuthority } from "../../support/tls.ts";

const authority = makeAuthority("Test authority");
const namesake = makeAuthority("Test authority");
const [good, bad] = ["good", "bad"].map((name) => authority.issue({ name }).certificate) as [string, string];
const der = (pem: string) => new X509Certificate(pem).raw;
const DAY_MS = 86_400_000;

Deno.test("findRevocation() refuses what is revoked, and what no valid list speaks of", () => {
  const list = authority.revoke([bad]);
  const trusted = namesake.certificate + authority.certificate;
  const cases: [string, string, string, string | undefined][] = [
    [good, trusted, list, undefined],
    [bad, trusted, list, "it is revoked"],
    [bad, trusted, namesake.revoke([]) + list, "it is revoked"],
    [good, trusted, "", "there is no revocation list of the authority that issued it"],
    [good, trusted, makeAuthority("Another").revoke([]), "there is no revocation list of the authority that issued it"],
    [good, trusted, namesake.revoke([]), "its authority's revocation list cannot be verified"],
    [good, trusted, authority.revoke([], new Date(Date.now() - DAY_MS)), "its authority's revocation list has expired"],
    [authority.certificate, trusted, authority.revoke([authority.certificate]), "it is revoked"],
    [good, trusted, authority.revoke([authority.certificate]), "it is revoked"],
    [
      good,
      namesake.certificate,
      list,
      "sslrootcert lacks an authority of its chain, so that no revocation list can be checked",
    ],
    [good, trusted, "-----BEGIN X509 CRL-----\nMAoCAQE=\n-----END X509 CRL-----", "a revocation list cannot be read"],
    [good, trusted, "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----", "a revocation list cannot be read"],
  ];
  deepStrictEqual(
    cases.map(([certificate, authorities, lists]) => findRevocation(der(certificate), authorities, lists)),
    cases.map(([, , , why]) => why),
  );
});

Deno.test("findRevocation() takes a list in its time only", () => {
  const find = (days: number) =>
    findRevocation(der(good), authority.certificate, authority.revoke([]), new Date(Date.now() + days * DAY_MS));
  strictEqual(find(0), undefined);
  for (const days of [-10, 10]) strictEqual(find(days), "its authority's revocation list has expired");
});
