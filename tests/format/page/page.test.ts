import { match, ok, strictEqual } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import type { DeltaForest } from "../../../src/core/forest/forest.ts";
import { ForestBuilder } from "../../../src/core/forest/forest.ts";
import type { PageOptions } from "../../../src/format/page/about.ts";
import { formatPage } from "../../../src/format/page/page.ts";
import { build, draw, forest } from "../../support/forest.ts";
import { samplePage, sampleReport } from "../../support/page.ts";

const pageOf = (drawing: string, options?: PageOptions) => samplePage(forest(drawing), options);

const HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;</title></style>\u0007";

Deno.test("formatPage() says what a room costs, what it would cost, and why", () => {
  const page = pageOf("1{a=1,b=1,c=1} <- 2{a=2}, 3{a=3,b=1,c=1} <- 4{a=4}, 5{a=5,b=1,c=1}");
  match(page, /<h1>State of room <code><bdi>!room:test<\/bdi><\/code><\/h1>/);
  match(page, /36% of this room/);
  match(page, /<strong>11 rows<\/strong>/);
  match(page, /<strong>7 rows<\/strong>/);
  match(page, /<strong>3 snapshots<\/strong>/);
});

Deno.test("formatPage() of a room that is small already says so, and gives no command to compress it", () => {
  const page = pageOf("1{a=1} <- 2{a=2}");
  match(page, /as small as this program can make it/);
  ok(!page.includes(" -c</code>"));
  match(page, /synapse_compress_state graph -r/);
});

Deno.test("formatPage() loads nothing, runs nothing, and says so to the browser", () => {
  const page = pageOf("1 <- 2");
  match(page, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'/);
  ok(!/<script|<link|<img|<iframe|@import|url\(|https?:\/\//i.test(page));
});

Deno.test("formatPage() escapes a room id, a type and a state key, wherever they are", () => {
  const builder = new ForestBuilder(`!${HOSTILE}`);
  for (const id of [1, 2, 3]) builder.addGroup(id);
  builder.addEdge(2, 1);
  const key = builder.keys.internPair(HOSTILE, HOSTILE);
  for (const id of [1, 2, 3]) builder.addRow(id, key, builder.events.internText(HOSTILE));
  builder.addRow(3, key, builder.events.internText(HOSTILE));
  const page = samplePage(builder.finish(), { commandArguments: ["-r", `!${HOSTILE}`], madeAt: HOSTILE });
  ok(!/<script|<img|onerror=alert\(1\)>|&amp;</i.test(page) && !page.includes("\u0007"));
  strictEqual(page.split("</style>").length, 2);
  strictEqual(page.split("</title>").length - 1, page.split("<title>").length - 1);
  match(page, /has more than one row for one key/);
});

Deno.test("formatPage() quotes the commands for a shell, and shows no password that it was not given", () => {
  const page = pageOf("1{a=1,b=1} <- 2{a=2}, 3{a=3,b=1}", {
    commandArguments: ["-p", "postgresql://u@h/d", "-r", "!it's:b"],
  });
  match(page, /<code>synapse_compress_state -p postgresql:\/\/u@h\/d -r &#39;!it&#39;\\&#39;&#39;s:b&#39; -c<\/code>/);
});

for (
  const [what, drawing, sign] of [
    ["a missing predecessor", "?5 <- 7 <- 9", /State group 5 is missing/],
    ["a cycle", "2 <- 1, 1 <- 2, 2 <- 3", /leads back to itself/],
    ["a group that is its own predecessor", "4 <- 4", /is its own predecessor/],
    ["two predecessors", "1 <- 3, 2 <- 3", /more than one predecessor/],
    ["another room's group", "1@ <- 2", /of another room/],
  ] as const
) {
  Deno.test(`formatPage() draws and names ${what}`, () => {
    const page = pageOf(drawing);
    match(page, sign);
    match(page, /class="(broken|missing)"/);
    match(page, /<section id="defects" aria-labelledby="defects-title" class="warning">/);
  });
}

Deno.test("formatPage() is sound for the smallest rooms", () => {
  for (const drawing of ["1", "1{}", "9007199254740991", "?1 <- 2"]) {
    const page = pageOf(drawing);
    ok(!/NaN|Infinity|undefined|\[object/.test(page), /.{60}(NaN|Infinity|undefined|\[object).{20}/.exec(page)?.[0]);
  }
});

/** A room of many groups without rows to speak of: forks and snapshots as Synapse makes them. */
function bigRoom(size: number, isSnapshot: (id: number) => boolean, fork: number): DeltaForest {
  const builder = new ForestBuilder("!big:test");
  for (let id = 1; id <= size; id++) builder.addGroup(id);
  for (let id = 2; id <= size; id++) {
    if (!isSnapshot(id)) builder.addEdge(id, Math.max(1, id % fork === 0 ? id - 7 : id - 1));
  }
  const keys = Array.from({ length: 50 }, (_, i) => builder.keys.internPair("m.room.member", `@user${i}:test`));
  for (let id = 1; id <= size; id++) {
    const rows = id === 1 || isSnapshot(id) ? keys : [keys[id % 50]!];
    for (const key of rows) builder.addRow(id, key, builder.events.internText(`$${id}`));
  }
  return builder.finish();
}

for (
  const [what, isSnapshot, fork] of [
    ["a chain", (id: number) => id % 100 === 0, 50],
    ["all snapshots", () => true, 50],
    ["forks everywhere", (id: number) => id % 100 === 0, 2],
  ] as const
) {
  Deno.test(`formatPage() of 100,000 groups stays under 5 MB: ${what}`, () => {
    const room = bigRoom(100_000, isSnapshot, fork);
    const compression = compress(room);
    const page = [...formatPage(compression, sampleReport(compression))].join("");
    ok(page.length < 5_000_000, `${page.length} bytes`);
  });
}

Deno.test("formatPage() keeps a room's own words apart from the page's, in their direction", () => {
  const page = samplePage(build(draw("1", "!\u202eabc:test")));
  match(page, /<bdi>!\u202eabc:test<\/bdi>/);
});
