/**
 * HTML and SVG as values: whatever is put into a template is escaped, unless it is markup made by a template itself. So a
 * room id or a state key is text wherever it turns up.
 */

/** Markup. Only markup`…` makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes; nothing is printed for undefined and false. */
export type Content = Html | string | number | undefined | false | readonly Content[];

/** Makes markup of a template. (Were it called `html`, deno fmt would move its white space, which is part of a text.) */
export function markup(strings: TemplateStringsArray, ...values: Content[]): Html {
  let parts = compacted.get(strings);
  if (parts === undefined) compacted.set(strings, parts = strings.map((part) => part.replaceAll(/\n\s*/g, "\n")));
  let text = parts[0]!;
  for (let i = 0; i < values.length; i++) text += toText(values[i]!) + parts[i + 1]!;
  return new Html(text.trim());
}

/** Templates without their indentation, which is for the readers of the source alone. */
const compacted = new WeakMap<TemplateStringsArray, string[]>();

/** Escapes a text for content and for quoted attributes; controls that HTML has no place for become U+FFFD. */
export function escapeHtml(text: string): string {
  return text.toWellFormed()
    // deno-lint-ignore no-control-regex
    .replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]/g, "\ufffd")
    .replaceAll(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`);
}

function toText(value: Content): string {
  if (value instanceof Html) return value.text;
  if (value === undefined || value === false) return "";
  if (typeof value === "object") return value.map(toText).join("");
  return escapeHtml(String(value));
}

/** A coordinate: a tenth of a unit is all that can be seen. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}
