/** What all pages have around their sections: the head with its security policy, the list of sections, the foot. */
import { type Content, Html, markup } from "./html.ts";
import { STYLE } from "./style.ts";

/** A section: its id, its name in the list, its content, and whether it is a warning. */
type Section = readonly [id: string, name: string, make: () => Html, isWarning?: boolean];

/** Everything before the page's own header. */
export function documentStart(title: string, firstSection: string): string {
  return markup`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<a class="skip" href="#${firstSection}">Skip to the report</a>
`.text;
}

/** The sections with links to them. */
export function* sectionsOf(sections: readonly Section[]): Generator<string> {
  yield markup`<main>
<nav aria-label="On this page"><ul>${
    sections.map(([id, name]) => markup`<li><a href="#${id}">${name}</a></li>`)
  }</ul></nav>
`.text;
  for (const [id, , make, isWarning = false] of sections) {
    yield markup`<section id="${id}" aria-labelledby="${id}-title" class="${isWarning && "warning"}">
${make()}
</section>
`.text;
  }
  yield "</main>\n";
}

/** Everything after the sections. */
export function documentEnd(madeAt: string | undefined, note: Content): string {
  return markup`<footer><p>Made by synapse_compress_state${
    madeAt !== undefined && ` on ${madeAt}`
  }. It read the database, and changed
nothing in it. ${note}</p></footer>
</body>
</html>
`.text;
}
