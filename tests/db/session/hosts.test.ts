import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { findCandidates, findMismatch, type ServerKind } from "../../../src/db/session/hosts.ts";
import type { SessionAttributes } from "../../../src/db/target/target.ts";
import { parse } from "../../support/target.ts";

async function candidates(text: string) {
  const found = [];
  for await (const { target, addresses, failure } of findCandidates(parse(text))) {
    found.push([target.host, target.port, addresses.map((one) => one.hostAddress ?? "none"), failure !== undefined]);
  }
  return found;
}

Deno.test("findCandidates() looks up names, leaves addresses and sockets, and goes on after a name that nobody knows", async () => {
  deepStrictEqual(await candidates("host=127.0.0.1,/tmp,nowhere.invalid,name port=1,2,3,4 hostaddr=,,,10.0.0.1"), [
    ["127.0.0.1", 1, ["none"], false],
    ["/tmp", 2, ["none"], false],
    ["nowhere.invalid", 3, [], true],
    ["name", 4, ["10.0.0.1"], false],
  ]);
  const [[host, , addresses]] = await candidates("host=localhost") as [[string, number, string[]]];
  strictEqual(host, "localhost");
  ok(addresses.length > 0 && addresses.every((address) => ["127.0.0.1", "::1"].includes(address)), `${addresses}`);
});

Deno.test("findCandidates() gives each place its own password, which no print of it shows", async () => {
  for await (const { addresses } of findCandidates(parse("host=localhost password=hunter2"))) {
    for (const address of addresses) {
      strictEqual(address.password, "hunter2");
      ok(!Deno.inspect(address, { depth: 9 }).includes("hunter2"));
    }
  }
});

Deno.test("findMismatch() tells which servers will do", () => {
  const primary: ServerKind = { standby: false, readonly: false };
  const standby: ServerKind = { standby: true, readonly: true };
  const restricted: ServerKind = { standby: false, readonly: true };
  const fits = (wanted: SessionAttributes) =>
    [primary, standby, restricted].map((kind) => findMismatch(wanted, kind) === undefined);
  deepStrictEqual(
    (["any", "read-write", "read-only", "primary", "standby"] as const).map((wanted) => [wanted, ...fits(wanted)]),
    [
      ["any", true, true, true],
      ["read-write", true, false, false],
      ["read-only", false, true, true],
      ["primary", true, false, true],
      ["standby", false, true, false],
    ],
  );
});
