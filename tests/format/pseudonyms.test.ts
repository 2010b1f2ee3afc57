import { match, notStrictEqual, strictEqual } from "node:assert/strict";
import { Pseudonyms } from "../../src/format/pseudonyms.ts";

Deno.test("Pseudonyms: the same for the same text and server, others for others; Matrix's own types stay", () => {
  const [one, same, other] = ["secret", "secret", "another"].map((secret) => new Pseudonyms(secret)) as [
    Pseudonyms,
    Pseudonyms,
    Pseudonyms,
  ];
  match(one.room("!a:b"), /^!room-[0-9a-f]{10}$/);
  strictEqual(one.room("!a:b"), same.room("!a:b"));
  notStrictEqual(one.room("!a:b"), one.room("!a:c"));
  notStrictEqual(one.room("!a:b"), other.room("!a:b"));
  strictEqual(one.type("m.room.member"), "m.room.member");
  match(one.type("org.example.secret"), /^type-[0-9a-f]{10}$/);
  match(one.type("m.<b>"), /^type-/);
  strictEqual(one.stateKey(""), "");
  match(one.stateKey("@alice:example.org"), /^@user-[0-9a-f]{10}$/);
  match(one.stateKey("key"), /^key-/);
});
