import { match, ok, strictEqual } from "node:assert/strict";
import { Pseudonyms } from "../../../src/format/pseudonyms.ts";
import { anonymizeSurvey } from "../../../src/text/anonymous.ts";
import { formatServerPage, type ServerPageOptions } from "../../../src/text/page/server.ts";
import { sampleSurvey, surveyedRoom } from "../../support/survey.ts";

const pageOf = (survey = sampleSurvey(), options?: ServerPageOptions) =>
  [...formatServerPage(survey, options)].join("");

Deno.test("formatServerPage() says what can come back, room by room, with commands", () => {
  const page = pageOf(undefined, { databaseArguments: ["-p", "postgresql://u@h/d"], madeAt: "2026-01-01 12:00 UTC" });
  match(page, /About 16 GiB ±5\.0% of 19 GiB can come back\./);
  match(
    page,
    /<strong><bdi>Synapse Admins<\/bdi><\/strong> <bdi>#admins:example\.org<\/bdi> <code><bdi>!big:example\.org/,
  );
  match(page, /<code>synapse_compress_state report -p postgresql:\/\/u@h\/d -r &#39;!big:example\.org&#39;<\/code>/);
  match(page, /admin\/v2\/rooms\/!gone%3Afar\.away/);
  match(page, /13 more rooms with fewer rows/);
  match(page, /replication slot old_slot/);
  strictEqual(page.split("<h1").length, 2);
});

Deno.test("formatServerPage() loads and runs nothing, and escapes what others chose", () => {
  const hostile = "<script>alert(1)</script>\"'><img src=x>";
  const room = surveyedRoom(`!${hostile}`, 1_000_000, { name: hostile, alias: hostile, localUsers: 0 });
  const abandoned = { rooms: [room], count: 1, all: { rows: 1, rowsError: 0, bytes: 1, bytesError: 0 } };
  const { facts } = sampleSurvey();
  const page = pageOf(sampleSurvey({ rooms: [room], abandoned, facts: { ...facts, database: hostile } }), {
    madeAt: hostile,
    databaseArguments: ["-p", hostile],
  });
  ok(!/<script|<img|<link|<iframe|@import|url\(/i.test(page));
  match(page, /Content-Security-Policy" content="default-src 'none'/);
});

Deno.test("formatServerPage() is sound where nothing is known or nothing is there", () => {
  const none = { rows: 0, rowsError: 0, bytes: 0, bytesError: 0 };
  const survey = sampleSurvey();
  const page = pageOf({
    ...survey,
    facts: { ...survey.facts, databaseBytes: NaN, stateTables: [], otherTables: [] },
    sizes: { ...survey.sizes, tableBytes: 0, idealBytes: 0, liveRows: 0, indexes: [] },
    inside: { liveBytes: 0, deadBytes: 0, freeBytes: 0 },
    total: { ...survey.total, rows: 0, rowsError: 0, pages: 0, pagesRead: 0 },
    rooms: [],
    abandoned: "no table",
    gains: { compress: none, prune: undefined, reclaim: none, all: none, reads: undefined, rowsTried: 0 },
    noPruning: "no table",
    volume: "far away",
  });
  ok(!/NaN|Infinity|undefined|\[object/.test(page), /.{60}(NaN|Infinity|undefined|\[object).{20}/.exec(page)?.[0]);
  match(page, /about as small as it can be/);
});

Deno.test("anonymizeSurvey() leaves no name in a page: the same pseudonym each time, another on another server", () => {
  const pages = ["one", "one", "two"].map((secret) =>
    pageOf(anonymizeSurvey(sampleSurvey(), new Pseudonyms(secret)), { databaseArguments: ["-p", "DATABASE"] })
  );
  for (const page of pages) {
    ok(!/example\.org|far\.away|Synapse Admins|nobody is in<|replica1|old_slot|\/var\/lib/.test(page));
    match(page, /!room-[0-9a-f]{10}/);
  }
  strictEqual(pages[0], pages[1]);
  ok(pages[0] !== pages[2]);
});
