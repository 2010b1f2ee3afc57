import { strictEqual, throws } from "node:assert/strict";
import { checkTag, notesOf } from "../../../scripts/release/publish.ts";

const CHANGELOG = `# Changelog

## 1.1.0 (unreleased)

- Later.

## 1.0.0 (2026-11-28)

- First.
- Second.

## 0.9.0 (2026-11-01)

- Before.
`;

Deno.test("notesOf() has a version's section, and nothing of its neighbours", () => {
  strictEqual(notesOf(CHANGELOG, "1.0.0"), "- First.\n- Second.");
});

Deno.test("notesOf() refuses a version without section, date or words", () => {
  throws(() => notesOf(CHANGELOG, "2.0.0"), /no section/);
  throws(() => notesOf(CHANGELOG, "1.1.0"), /no date/);
  throws(() => notesOf("## 1.0.0 (2026-11-28)\n", "1.0.0"), /says nothing/);
});

Deno.test("checkTag() wants the version's tag", () => {
  const source = { version: "1.0.0", commit: "", epoch: 0, repository: "a/b" };
  checkTag(source, "v1.0.0");
  throws(() => checkTag(source, "v1.0.1"), /the tag is v1.0.1/);
  throws(() => checkTag(source, undefined), /the tag is undefined/);
});
