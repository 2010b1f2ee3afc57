import { match, ok } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { makeGraph } from "../../../src/format/graph/graph.ts";
import { findFacts } from "../../../src/format/page/facts.ts";
import { headSection, whySection } from "../../../src/format/page/verdict.ts";
import { forest } from "../../support/forest.ts";
import { sampleReport } from "../../support/page.ts";

function sections(drawing: string) {
  const compression = compress(forest(drawing));
  const report = sampleReport(compression);
  return {
    head: headSection(report).text,
    why: whySection(report, findFacts(compression, makeGraph(compression))).text,
  };
}

Deno.test("headSection() says how much can go, in words and as a bar", () => {
  const { head } = sections("1{a=1,b=1,c=1}, 2{a=2,b=1,c=1}, 3{a=3,b=1,c=1}");
  match(head, /<p class="verdict">44% of this room’s state rows can go\.<\/p>/);
  match(head, /aria-label="56% of the rows stay, 44% go"/);
  match(head, /2 to rewrite/);
});

Deno.test("headSection() does not promise anything where there is nothing to save", () => {
  const { head } = sections("1{a=1} <- 2{a=2}");
  match(head, /as small as this program can make it/);
  ok(!head.includes("can go") && !head.includes('class="share"'));
});

Deno.test("whySection() blames the snapshots, and names what is left alone", () => {
  const { why } = sections("1{a=1,b=1,c=1}, 2{a=2,b=1,c=1}, 3{a=3,b=1,c=1} <- 4{a=4}, 5!{a=9}, ?7 <- 8{a=1}");
  match(why, /<strong>5 snapshots<\/strong> hold/);
  match(why, /1 group is left out because of <a href="#defects">broken data<\/a>/);
  match(why, /1 group is left alone because Synapse is about to delete it\./);
});
