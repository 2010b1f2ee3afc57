import { strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { escapeHtml, Html, markup, px } from "../../../src/format/page/html.ts";

Deno.test("markup`` escapes all that is put into it but markup of its own", () => {
  strictEqual(
    markup`
      <p title="${'"<&>'}">${markup`<b>${"<i>"}</b>`} ${[1, "&"]}${undefined}${false}</p>
    `.text,
    '<p title="&#34;&#60;&#38;&#62;"><b>&#60;i&#62;</b> 1&#38;</p>',
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => !/[<>"']/.test(escapeHtml(text))));
});

Deno.test("escapeHtml() keeps no control character and no half of a surrogate pair", () => {
  strictEqual(escapeHtml("a\0\x1b[2J\x9b\ud800b\ttab"), "a\ufffd\ufffd[2J\ufffd\ufffdb\ttab");
});

Deno.test("markup`` prints 0, which is a figure, but nothing for what is not there", () => {
  strictEqual(markup`<td>${0}</td><td>${undefined}</td>${new Html("<br>")}`.text, "<td>0</td><td></td><br>");
});

Deno.test("px() keeps a tenth of a unit", () => {
  strictEqual([px(1), px(1.26), px(-0.04), px(1 / 3)].join(), "1,1.3,0,0.3");
});
