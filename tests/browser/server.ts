/** The server's page in a real browser, as page.ts has the room's. */
import { ok, strictEqual } from "node:assert/strict";
import { formatServerPage } from "../../src/text/page/server.ts";
import { sampleSurvey, surveyedRoom } from "../support/survey.ts";
import { assertSound, assertWide, inViews, keepScreenshot, VIEWS } from "./sound.ts";

const OPTIONS = {
  databaseArguments: ["-p", "postgresql://synapse@localhost/synapse"],
  madeAt: "2026-01-01 12:00 UTC",
  now: 1_760_000_000_000 + 3 * 86_400_000,
};
const NAMES = [
  "Synapse Admins",
  "Matrix HQ",
  "Off-topic",
  undefined,
  "Element Web/Desktop",
  "Bridges",
  undefined,
  "News",
];

const many = Array.from(
  { length: 20 },
  (_, i) =>
    surveyedRoom(`!${"room".repeat(i % 3 + 1)}${i}:example.org`, Math.round(30_000_000 / (i + 1)), {
      name: NAMES[i % NAMES.length],
      alias: i % 3 === 0 ? `#room${i}:example.org` : undefined,
      localUsers: i * 3,
      ...(i > 14 ? { saving: undefined } : {}),
    }),
);

const PAGES = {
  "a server": sampleSurvey({ rooms: many }),
  "a server with little known": sampleSurvey({
    abandoned: "this database has no table room_stats_current",
    volume: "the database is on another host; `df` there tells it",
    noPruning: "this database has no table events",
    gains: { ...sampleSurvey().gains, prune: undefined },
  }),
};

for (const [name, survey] of Object.entries(PAGES)) {
  Deno.test(`the page of ${name} opens without a complaint, in every window`, async () => {
    const html = [...formatServerPage(survey, OPTIONS)].join("");
    await inViews(html, VIEWS, async (page, view) => {
      strictEqual(await page.evaluate("document.querySelectorAll('#rooms .rooms > li').length"), survey.rooms.length);
      await assertSound(page, view.width);
      await assertWide(page, ".bar", view.width);
      await keepScreenshot(page, name, view.name);
    });
  });
}

Deno.test("the server's page opens a room's command with the keyboard", async () => {
  const html = [...formatServerPage(sampleSurvey(), OPTIONS)].join("");
  await inViews(html, [VIEWS[0]], async (page) => {
    await page.evaluate("document.querySelector('#rooms summary').focus()");
    await page.press("Enter");
    ok(await page.evaluate("document.querySelector('#rooms details').open"));
    ok(
      await page.evaluate(
        "document.querySelector('#rooms details pre').textContent.includes(\"report -p postgresql://synapse@localhost/synapse -r '!big\")",
      ),
    );
  });
});
