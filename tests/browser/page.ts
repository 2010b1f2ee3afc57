/**
 * The page in a real browser: `deno task test:browser`. No part of `deno task test`, which needs none. With SCS_SCREENSHOTS a
 * folder, what it saw is kept there.
 */
import { ok, strictEqual } from "node:assert/strict";
import { makeForest, type RoomPlan } from "../../scripts/rooms.ts";
import type { DeltaForest } from "../../src/core/forest/forest.ts";
import { forest } from "../support/forest.ts";
import { samplePage } from "../support/page.ts";
import { assertSound, assertWide, inViews, keepScreenshot, VIEWS } from "./sound.ts";

const PLAN: RoomPlan = {
  roomId: "!synthetic:example.org",
  seed: 7,
  groups: 6_000,
  startMembers: 40,
  users: 900,
  branches: 4,
  fork: 0.02,
  merge: 0.01,
  snapshot: 0.002,
};

const ROOMS: readonly [name: string, make: () => DeltaForest][] = [
  ["a room", () => makeForest(PLAN)],
  [
    "a small room",
    () => forest("1{} <- 2{a=1,b=1,c=1} <- 3{a=2} <- 5{a=3}, 2 <- 7{b=2} <- 8{b=3}, 9{a=3,b=1,c=1} <- 12{c=3}"),
  ],
  ["a broken room", () => forest("2 <- 1, 1 <- 2, 2 <- 3, ?5 <- 7 <- 8, 10 <- 11 <- 12, 11 <- 13, 12 <- 13, 20 <- 20")],
  ["a room with one group", () => forest("1")],
];

for (const [name, make] of ROOMS) {
  Deno.test(`the page of ${name} opens without a complaint, in light, dark and narrow`, async () => {
    await inViews(samplePage(make(), { madeAt: "2026-01-01 12:00 UTC" }), VIEWS, async (page, view) => {
      strictEqual(await page.evaluate("document.querySelectorAll('svg.chart').length"), 3, "three charts");
      strictEqual(await page.evaluate("document.querySelectorAll('svg.forest').length"), 2, "two drawings");
      ok(await page.evaluate<number>("document.querySelectorAll('svg path.area').length") === 6);
      ok(await page.evaluate<number>("document.querySelectorAll('svg.forest title').length") > 0, "tooltips");
      ok(
        await page.evaluate(
          "[...document.querySelectorAll('svg')].every((svg) => svg.getBoundingClientRect().height > 20)",
        ),
      );
      await assertSound(page, view.width);
      await assertWide(page, "svg.chart", view.width);
      await keepScreenshot(page, name, view.name);
    });
  });
}

Deno.test("the page is walked through with the keyboard: the skip link, the contents, every chart and table", async () => {
  await inViews(samplePage(makeForest(PLAN)), [VIEWS[0]], async (page) => {
    await page.press("Tab");
    strictEqual(await page.evaluate("document.activeElement.className"), "skip");
    ok(
      await page.evaluate<number>("document.activeElement.getBoundingClientRect().left") >= 0,
      "it is to be seen then",
    );
    const seen = new Set<string>();
    for (let i = 0; i < 60; i++) {
      await page.press("Tab");
      seen.add(
        await page.evaluate(
          "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).slice(0, 60)",
        ),
      );
    }
    for (
      const label of [
        "Branches",
        "These figures as a table",
        "Table: The most expensive groups",
      ]
    ) {
      ok([...seen].some((text) => text.startsWith(label)), label);
    }
    await page.evaluate("document.querySelector('details summary').focus()");
    await page.press("Enter");
    ok(await page.evaluate("document.querySelector('details').open"));
  });
});
