/** The page's style sheet: light and dark by the reader's own setting, one column, no fonts or pictures from elsewhere. */

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #16202b; --soft: #55626f; --rule: #dde2e8; --grid: #e9edf1;
  --before: #c2410c; --before-fill: #fdba7466; --after: #0f766e; --after-fill: #14b8a680;
  --kept: #7b8a99; --missing: #a21caf; --code: #eef1f4; --focus: #1d4ed8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f151b; --card: #171f28; --ink: #e8edf2; --soft: #a3b0bd; --rule: #2b3642; --grid: #232d38;
    --before: #fb923c; --before-fill: #ea580c55; --after: #2dd4bf; --after-fill: #0d948880;
    --kept: #8797a6; --missing: #e879f9; --code: #101820; --focus: #93c5fd;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--page); color: var(--ink); line-height: 1.55;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
.skip { position: absolute; left: -999px; top: 0; padding: .5rem 1rem; background: var(--card); color: var(--ink); }
.skip:focus { left: 0; }
header, main, footer { max-width: 1800px; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.4rem; }
h1 { font-size: 1.05rem; font-weight: 600; margin: 0; color: var(--soft); overflow-wrap: anywhere; }
h1 code { color: var(--ink); background: none; padding: 0; font-size: 1em; }
.verdict { font-size: clamp(1.5rem, 4vw, 2.35rem); line-height: 1.2; font-weight: 700; letter-spacing: -.02em; margin: .5rem 0 .4rem; max-width: 27ch; text-wrap: balance; }
.verdict + p { margin: 0 0 1.2rem; color: var(--soft); max-width: 70ch; }
.share { display: flex; height: 14px; border-radius: 7px; overflow: hidden; background: var(--before-fill); border: 1px solid var(--rule); }
.share span { background: var(--after); min-width: 3px; }
.share-words { display: flex; justify-content: space-between; gap: 1rem; font-size: .85rem; color: var(--soft); margin: .35rem 0 1.4rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(11.5rem, 45%), 1fr)); gap: .8rem; margin: 0 0 1.3rem; padding: 0; }
.figures div { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: .85rem 1rem; }
.figures dt { font-size: .84rem; color: var(--soft); }
.figures dd { margin: 0; font-size: 1.32rem; white-space: nowrap; font-weight: 650; font-variant-numeric: tabular-nums; letter-spacing: -.01em; }
.figures dd small { display: block; overflow-wrap: anywhere; white-space: normal; font-size: .84rem; font-weight: 400; color: var(--soft); letter-spacing: 0; }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; margin: 0 0 1rem; padding: .6rem 0; list-style: none; border-block: 1px solid var(--rule); font-size: .92rem; }
a { color: var(--focus); text-underline-offset: .2em; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 14px; padding: 1.3rem 1.4rem 1.1rem; margin: 0 0 1.1rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 0 0 .35rem; letter-spacing: -.01em; }
h3 { font-size: .95rem; margin: 1.1rem 0 .3rem; display: flex; align-items: center; gap: .5rem; }
section > p { margin: 0 0 .8rem; color: var(--soft); max-width: 78ch; }
section li { margin: .25rem 0; max-width: 80ch; }
section > ul { margin: .3rem 0 .4rem; padding-left: 1.2rem; }
.key { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: 0 0 .6rem; font-size: .86rem; color: var(--soft); }
section .key li { display: flex; align-items: center; gap: .45rem; margin: 0; }
.key i { width: 14px; height: 14px; border-radius: 4px; border: 1.5px solid; }
.key i.before { background: var(--before-fill); border-color: var(--before); }
.key i.after { background: var(--after-fill); border-color: var(--after); }
.key i.dot { border-radius: 50%; width: 11px; height: 11px; background: var(--before); border-color: var(--before); }
.key i.kept, .key i.rewritten { height: 5px; width: 22px; border: 0; border-radius: 3px; background: var(--kept); }
.key i.rewritten { background: var(--after); }
.key i.broken { height: 0; width: 22px; border: 0; border-top: 2px dashed var(--missing); border-radius: 0; }
.key i.missing { width: 10px; height: 10px; border-radius: 1px; transform: rotate(45deg); border-color: var(--missing); background: none; }
.scroll { overflow-x: auto; border-radius: 8px; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
svg { display: block; width: 100%; min-width: 640px; height: auto; }
svg text { font-family: inherit; font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.plot { position: relative; padding: 6px 0 0 3.4rem; overflow: clip; font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; }
.plot svg { min-width: 0; height: clamp(170px, 22vw, 300px); border-bottom: 1px solid var(--rule); }
.plot .y { position: absolute; left: 0; top: 6px; width: 3rem; height: clamp(170px, 22vw, 300px); }
.plot .y span { position: absolute; right: 0; transform: translateY(-50%); line-height: 1; }
.plot .x { position: relative; height: 1.4rem; } .plot .x span { position: absolute; top: .2rem; transform: translateX(-50%); white-space: nowrap; }
.plot .axis-name { margin: 0; text-align: right; font-size: 12px; }
.plot .side { position: absolute; left: 3.9rem; top: .6rem; font-weight: 600; color: var(--before); } .plot .side.after { top: auto; bottom: 3.1rem; color: var(--after); }
.chart * { vector-effect: non-scaling-stroke; }
.tick { stroke: var(--grid); } .axis { stroke: var(--soft); }
.area { stroke: none; } .line { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
.area.before { fill: var(--before-fill); } .line.before { stroke: var(--before); }
.area.after { fill: var(--after-fill); } .line.after { stroke: var(--after); }
.hover { fill: transparent; } .hover:hover { fill: var(--ink); fill-opacity: .08; }
svg .dot-mark { fill: var(--soft); }
svg .line-id { font-size: 10.5px; }
.arc { fill: none; stroke: var(--soft); stroke-opacity: .5; stroke-width: 1; }
.bar.kept { fill: var(--kept); } .bar.rewritten { fill: var(--after); }
.snapshot { fill: var(--before); } circle.snapshot { stroke: var(--card); stroke-width: 1; }
.dot { stroke: var(--card); stroke-width: 1.5; } .dot.kept { fill: var(--kept); } .dot.rewritten { fill: var(--after); } .dot.snapshot { fill: var(--before); }
svg .fold { font-size: 9px; } svg .dot-id { font-size: 10px; }
.broken { fill: none; stroke: var(--missing); stroke-width: 1.5; stroke-dasharray: 4 3; }
.defect { fill: none; stroke: var(--missing); stroke-width: 2; } .missing { fill: var(--card); stroke: var(--missing); stroke-width: 2; }
.piece:hover .bar, .piece:hover .snapshot, .piece:hover .dot { filter: brightness(1.25); stroke: var(--ink); stroke-width: 1.5; }
.stack, .bar { display: flex; overflow: hidden; border-radius: 7px; background: var(--grid); height: 22px; border: 1px solid var(--rule); }
.bar { height: 12px; border: 0; border-radius: 4px; }
.stack span, .bar span { flex: none; min-width: 2px; }
.stack .stays, .key .stays, .bar .after { background: var(--after); }
.stack .compress, .key .compress, .bar .before { background: var(--before); }
.stack .prune, .key .prune { background: var(--missing); }
.stack .free, .key .free, .bar .unknown, .key .unknown { background: var(--kept); }
header .key { margin: .45rem 0 1.2rem; } .key i.stays, .key i.compress, .key i.prune, .key i.free, .key i.unknown { border: 0; }
.scroll + p { margin-top: .8rem; }
.key li { display: flex; align-items: center; gap: .45rem; }
.rooms { list-style: none; margin: 0; padding: 0; }
section .rooms > li { max-width: none; margin: 0; padding: .7rem 0 .6rem; border-top: 1px solid var(--rule); break-inside: avoid; }
.room { margin: 0 0 .3rem; overflow-wrap: anywhere; } .notes { margin: .3rem 0 0; font-size: .88rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.rooms details { margin: .1rem 0 0; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .38rem .7rem .38rem 0; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; }
th:first-child, td:first-child, .text { text-align: left; }
tbody th { font-weight: 500; }
td.text, th.text { overflow-wrap: anywhere; padding-left: .7rem; } tr > .text:first-child { padding-left: 0; }
tbody tr:hover { background: var(--grid); }
.meter { display: block; min-width: 6rem; height: 8px; border-radius: 4px; background: var(--grid); overflow: hidden; margin-top: .45rem; }
.meter span { display: block; height: 100%; background: var(--before); }
details { margin: .6rem 0 0; } summary { cursor: pointer; color: var(--soft); font-size: .88rem; width: fit-content; padding: .15rem 0; }
details .scroll { max-height: 24rem; overflow-y: auto; }
code { font: .92em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; background: var(--code); border-radius: 5px; padding: .1em .35em; overflow-wrap: anywhere; }
pre { background: var(--code); border: 1px solid var(--rule); border-radius: 8px; padding: .7rem .9rem; overflow-x: auto; margin: .3rem 0 .9rem; user-select: all; }
pre code { background: none; padding: 0; overflow-wrap: normal; }
.warning { border-left: 4px solid var(--missing); }
footer { color: var(--soft); font-size: .85rem; padding-bottom: 2.5rem; }
@media (max-width: 700px) { .plot .x .odd { display: none; } }
@media (max-width: 600px) { table { min-width: 32rem; } .figures { gap: .5rem; } .figures dd { font-size: 1.1rem; white-space: normal; overflow-wrap: anywhere; } header { padding-top: 1.4rem; } header, main, footer { padding-inline: .8rem; } section { padding: 1rem .9rem; } }
@media print { body { background: none; } nav, .skip { display: none; } section { break-inside: auto; } h2, h3 { break-after: avoid; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } .stack, .bar, .meter, svg, .key i { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
`;
