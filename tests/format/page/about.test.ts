import { match, ok, strictEqual } from "node:assert/strict";
import { anonymizeReport } from "../../../src/format/page/about.ts";
import { Pseudonyms } from "../../../src/format/pseudonyms.ts";
import { compress } from "../../../src/core/plan/compress.ts";
import { ForestBuilder } from "../../../src/core/forest/forest.ts";
import { forest } from "../../support/forest.ts";
import { samplePage, sampleReport } from "../../support/page.ts";

const drawing = "1{a=1,b=1,c=1} <- 2{a=2}, 3{a=3,b=1,c=1} <- 4{a=4}, 5{a=5,b=1,c=1}";

Deno.test("formatPage() has the room's name, alias and users, and bytes beside rows, where they are known", () => {
  const page = samplePage(forest(drawing), {
    about: { name: "Synapse <Admins>", alias: "#admins:test", localUsers: 1, rowBytes: 1024 ** 2 },
  });
  match(
    page,
    /<h1>State of room <strong><bdi>Synapse &#60;Admins&#62;<\/bdi><\/strong> <bdi>#admins:test<\/bdi> <code>/,
  );
  match(page, /1 user of this server is in it\./);
  match(page, /11 MiB → 7\.0 MiB/);
  match(page, /<th scope="col">Bytes, about<\/th>/);
  // The biggest group's three rows.
  match(page, /<th scope="col">Bytes before, about<\/th>/);
  match(page, /<th scope="row">1<\/th><td>3<\/td><td>3<\/td><td>3\.0 MiB<\/td>/);
  match(samplePage(forest(drawing), { about: { localUsers: 0 } }), /No user of this server is in it any more/);
  ok(!/Bytes, about|of this server/.test(samplePage(forest(drawing))));
});

Deno.test("formatPage() with pseudonyms has no name of the room, its users or its own types", () => {
  const builder = new ForestBuilder("!secret:example.org");
  for (const id of [1, 2, 3]) builder.addGroup(id);
  builder.addEdge(2, 1);
  const keys = [
    builder.keys.internPair("m.room.member", "@alice:example.org"),
    builder.keys.internPair("org.example.custom", "payload"),
    builder.keys.internPair("m.room.name", ""),
  ];
  for (const id of [1, 2, 3]) {
    for (const key of keys) builder.addRow(id, key, builder.events.internText(`$${id}`));
  }
  // A defect that names its key.
  builder.addRow(3, keys[0]!, builder.events.internText("$other"));
  const pseudonyms = new Pseudonyms("secret");
  const page = samplePage(builder.finish(), {
    pseudonyms,
    about: { name: "A private room", alias: "#private:example.org", localUsers: 2 },
    commandArguments: ["-p", "DATABASE", "-r", pseudonyms.room("!secret:example.org")],
  });
  ok(!/secret:example|alice|org\.example|payload|A private room|#private/.test(page));
  match(page, new RegExp(`${pseudonyms.room("!secret:example.org")}</bdi>`));
  match(page, /m\.room\.member &#34;@user-[0-9a-f]{10}&#34;/);
  match(page, /has more than one row for one key<\/bdi>/);
});

Deno.test("anonymizeReport() changes names alone", () => {
  const report = sampleReport(compress(forest(drawing)));
  const pseudonyms = new Pseudonyms("secret");
  const anonymous = anonymizeReport(report, pseudonyms);
  strictEqual(anonymous.roomId, pseudonyms.room(report.roomId));
  strictEqual(anonymous.rowsBefore, report.rowsBefore);
});
