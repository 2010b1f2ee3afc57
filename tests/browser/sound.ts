/** What all pages are held to in a browser, in every view. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import { workFolder } from "../support/cli.ts";
import { openBrowser, type Page } from "./chromium.ts";

/** Windows: a desktop's in light and dark, a wide one, a phone's. */
export const VIEWS = [
  { name: "light", width: 1280, height: 900, scheme: "light" },
  { name: "dark", width: 1280, height: 900, scheme: "dark" },
  { name: "wide", width: 1920, height: 1000, scheme: "light" },
  { name: "narrow", width: 375, height: 800, scheme: "light" },
  { name: "narrow-dark", width: 375, height: 800, scheme: "dark" },
  // A sheet of A4 at 96 dots an inch.
  { name: "print", width: 794, height: 1123, scheme: "light", media: "print" },
] as const;

/** A window. */
export type View = typeof VIEWS[number];

/** Opens a page in a browser, in each of the windows; once all is looked at it must have no complaint. */
export async function inViews(
  html: string,
  views: readonly View[],
  look: (page: Page, view: View) => Promise<void>,
): Promise<void> {
  await using folder = await workFolder();
  const file = `${folder.path}/page.html`;
  await Deno.writeTextFile(file, html);
  await using page = await openBrowser();
  for (const view of views) {
    await page.emulate(view);
    await page.open(pathToFileURL(file).href);
    await look(page, view);
  }
  deepStrictEqual(page.complaints, []);
}

/** What a reader of any kind can rely on. */
export async function assertSound(page: Page, width: number): Promise<void> {
  strictEqual(await page.evaluate("document.documentElement.lang"), "en");
  ok(await page.evaluate("document.title.length > 5"));
  deepStrictEqual(
    await page.evaluate(
      "[...document.querySelectorAll('h1,h2,h3')].map((h) => +h.tagName[1]).filter((level, i, all) => i > 0 && level > all[i - 1] + 1)",
    ),
    [],
    "headings in order",
  );
  strictEqual(await page.evaluate("document.querySelectorAll('h1').length"), 1);
  // On paper no link leads anywhere, and a command that runs out of the sheet is lost.
  if (await page.evaluate("matchMedia('print').matches")) {
    strictEqual(await page.evaluate("getComputedStyle(document.querySelector('nav')).display"), "none");
    ok(
      await page.evaluate(
        "[...document.querySelectorAll('pre')].every((pre) => pre.scrollWidth <= pre.clientWidth + 1)",
      ),
    );
  }
  deepStrictEqual(
    await page.evaluate(
      "[...document.querySelectorAll('svg')].filter((svg) => !svg.getAttribute('aria-label') || svg.getAttribute('role') !== 'img').length",
    ),
    0,
    "every drawing has a name",
  );
  deepStrictEqual(
    await page.evaluate(
      "[...document.querySelectorAll('a')].filter((a) => !document.querySelector(a.getAttribute('href'))).length",
    ),
    0,
    "every link leads somewhere",
  );
  ok(await page.evaluate<number>("document.documentElement.scrollWidth") <= width, "nothing is wider than the window");
  await page.evaluate(axe.source);
  const violations = await page.evaluate<string[]>(`axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html, failureSummary }) => html.slice(0, 160) + " " + failureSummary).join(" | ")))`);
  deepStrictEqual(violations, []);
}

/** Nothing that `selector` finds is cut: each takes most of the window, and ends inside it. */
export async function assertWide(page: Page, selector: string, width: number): Promise<void> {
  const boxes = await page.evaluate<[number, number][]>(`[...document.querySelectorAll(${JSON.stringify(selector)})]
    .map((element) => element.getBoundingClientRect()).map(({ left, right }) => [left, right])`);
  ok(boxes.length > 0, selector);
  for (const [left, right] of boxes) ok(left >= 0 && right <= width && right - left > 0.7 * width, `${left} ${right}`);
}

/** Keeps what is to be seen in SCS_SCREENSHOTS, where that names a folder. */
export async function keepScreenshot(page: Page, name: string, view: string): Promise<void> {
  const folder = Deno.env.get("SCS_SCREENSHOTS");
  if (folder) await Deno.writeFile(`${folder}/${name.replaceAll(" ", "-")}-${view}.png`, await page.screenshot(true));
}
