import { deepStrictEqual, match, ok } from "node:assert/strict";
import { documentEnd, documentStart, sectionsOf } from "../../../src/format/page/frame.ts";
import { markup } from "../../../src/format/page/html.ts";

Deno.test("a page may load nothing, whatever its title is", () => {
  const start = documentStart("</title><script>alert(1)</script>", "why");
  match(start, /content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"/);
  ok(!start.includes("<script>"));
  ok(start.includes('href="#why"'));
});

Deno.test("sectionsOf() links to every section, makes each once, and marks a warning", () => {
  const made: string[] = [];
  const make = (id: string) => () => (made.push(id), markup`<h2 id="${id}-title">${id}</h2>`);
  const text = [...sectionsOf([["a", "First", make("a")], ["b", "Second", make("b"), true]])].join("");
  deepStrictEqual(made, ["a", "b"]);
  deepStrictEqual([...text.matchAll(/<a href="#(\w+)">(\w+)</g)].map(([, id, name]) => `${id} ${name}`), [
    "a First",
    "b Second",
  ]);
  match(text, /<section id="b" aria-labelledby="b-title" class="warning">/);
});

Deno.test("documentEnd() says when the page was made, where that is known", () => {
  match(documentEnd("2026-01-01 UTC", "Note."), /Made by synapse_compress_state on 2026-01-01 UTC\./);
  match(documentEnd(undefined, "Note."), /Made by synapse_compress_state\./);
});
