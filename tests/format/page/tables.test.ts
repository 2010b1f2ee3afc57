import { match, ok, strictEqual } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { makeGraph } from "../../../src/format/graph/graph.ts";
import { defectsSection, groupsSection } from "../../../src/format/page/tables.ts";
import { forest } from "../../support/forest.ts";
import { sampleReport } from "../../support/page.ts";

Deno.test("groupsSection() says of each of the biggest groups what compression makes of it", () => {
  const compression = compress(forest("1{a=1,b=1,c=1}, 2{a=2,b=1,c=1} <- 3{a=3}"));
  const { text } = groupsSection(sampleReport(compression), makeGraph(compression));
  match(text, /<th scope="row">1<\/th><td>3<\/td><td>3<\/td><td>0<\/td><td>0<\/td><td class="text">stays a snapshot/);
  match(
    text,
    /<th scope="row">2<\/th><td>3<\/td><td>1<\/td><td>0<\/td><td>1<\/td><td class="text">becomes a delta on 1/,
  );
  match(text, /stays a delta on 2/);
});

Deno.test("defectsSection() lists defects with what they mean, or says that there are none", () => {
  match(defectsSection(sampleReport(compress(forest("1{a=1}")))).text, /None found/);
  const { text } = defectsSection(sampleReport(compress(forest("?7 <- 8{a=1}, 9{a=1}"))));
  match(text, /Defects: 1<\/h2>/);
  match(
    text,
    /builds on a group that is missing<\/td><td class="text"><bdi>state group 8 refers to missing predecessor 7/,
  );
});

Deno.test("defectsSection() of a room with thousands of defects stays short", () => {
  const many = Array.from({ length: 300 }, (_, i) => `?${i + 1} <- ${i + 1000}{a=1}`).join(", ");
  const { text } = defectsSection(sampleReport(compress(forest(many))));
  strictEqual(text.match(/<th scope="row">/g)!.length, 200);
  ok(text.includes("100 more are not listed."));
});
