/**
 * The page's charts: two series of bins, before and after, as SVG with d3's scales and shapes. Every bin has a tooltip, and
 * every chart its figures as a table. Besides, the parts that pages share: tables, lists of figures, commands. Colours and fonts
 * are the style sheet's.
 */
// @ts-types="@types/d3-scale"
import { scaleLinear } from "d3-scale";
// @ts-types="@types/d3-shape"
import { area, curveStepAfter, line } from "d3-shape";
import { type Content, type Html, markup, px } from "./html.ts";
import { formatCompact, formatCount } from "../numbers.ts";

/** What falls into one bin. */
export interface Bin {
  /** Where it begins and ends on the axis; the end is the next one's beginning. */
  readonly from: number;
  readonly to: number;
  readonly before: number;
  readonly after: number;
}

/** A chart of bins. */
interface BinChart {
  /** What it shows, in a sentence, for those who cannot see it. */
  readonly label: string;
  readonly bins: readonly Bin[];
  /** Names of the two axes. */
  readonly xName: string;
  readonly yName: string;
  /** The name of a bin: `State groups 1 to 99`. */
  readonly nameOf: (bin: Bin) => string;
  /** Before above a line, and after under it, instead of one over the other. @default false */
  readonly mirrored?: boolean | undefined;
}

/** The drawing's own units: it is stretched to whatever place there is, and only its lines keep their width. */
const WIDTH = 1000;
const HEIGHT = 200;
/** Left free above the highest bin. */
const TOP = 4;

/** Draws bins as steps, as wide as the window. */
export function drawBins(chart: BinChart): Html {
  const { bins } = chart;
  const first = bins[0]?.from ?? 0;
  const last = bins.at(-1)?.to ?? 1;
  const most = Math.max(1, ...bins.map((bin) => Math.max(bin.before, bin.after)));
  const mirrored = chart.mirrored === true;
  const x = scaleLinear().domain([first, last]).range([0, WIDTH]);
  // The lower half gets what it needs, yet never so little that it could not be read.
  const mostAfter = Math.max(...bins.map(({ after }) => after), most / 5);
  const y = scaleLinear().domain([
    mirrored ? -mostAfter : 0,
    mirrored ? Math.max(...bins.map(({ before }) => before), most / 5) : most,
  ])
    .nice(5).range([HEIGHT, TOP]);
  const end = (bins.length === 0 ? [] : [{ ...bins.at(-1)!, from: last }]) as Bin[];
  const points = [...bins, ...end];
  const series = (name: "before" | "after") => {
    const value = (bin: Bin) => y(mirrored && name === "after" ? -bin.after : bin[name]);
    const fill = area<Bin>().curve(curveStepAfter).x((bin) => x(bin.from)).y0(y(0)).y1(value).digits(1)(points);
    const edge = line<Bin>().curve(curveStepAfter).x((bin) => x(bin.from)).y(value).digits(1)(points);
    return markup`<path class="area ${name}" d="${fill ?? ""}"/><path class="line ${name}" d="${edge ?? ""}"/>`;
  };
  const ticks = y.ticks(5).filter((tick) => Number.isInteger(tick));
  const names = x.ticks(8).filter((tick) => Number.isInteger(tick));
  const hovers = bins.map((bin) => {
    const [from, width] = [px(x(bin.from)), px(Math.max(0.5, x(bin.to) - x(bin.from)))];
    return markup`<rect class="hover" x="${from}" y="0" width="${width}" height="${HEIGHT}"><title>${chart.nameOf(bin)}
      ${chart.yName} before: ${formatCount(bin.before)}
      ${chart.yName} after: ${formatCount(bin.after)}</title></rect>`;
  });
  const share = (part: number, of: number) => `${(part / of * 100).toFixed(2)}%`;
  return markup`
    <div class="plot">
    <div class="y" aria-hidden="true">${
    ticks.map((tick) => markup`<span style="top:${share(y(tick), HEIGHT)}">${formatCompact(Math.abs(tick))}</span>`)
  }</div>
    <svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${chart.label}">
    ${ticks.map((tick) => markup`<line class="tick" x1="0" x2="${WIDTH}" y1="${px(y(tick))}" y2="${px(y(tick))}"/>`)}
    ${series("before")}${series("after")}
    <line class="axis" x1="0" x2="${WIDTH}" y1="${px(y(0))}" y2="${px(y(0))}"/>
    ${hovers}
    </svg>
    <div class="x" aria-hidden="true">${
    names.map((tick, i) =>
      markup`<span class="${i % 2 === 1 && "odd"}" style="left:${share(x(tick), WIDTH)}">${tick}</span>`
    )
  }</div>
    ${mirrored && markup`<span class="side before">before</span><span class="side after">after</span>`}
    <p class="axis-name">${chart.xName}</p>
    </div>
    ${binTable(chart)}`;
}

/** The figures of a chart, for those who would rather read them. */
function binTable({ bins, nameOf, yName }: BinChart): Html {
  const rows = bins.filter((bin) => bin.before !== 0 || bin.after !== 0).map((bin) =>
    markup`<tr><th scope="row">${nameOf(bin)}</th><td>${formatCount(bin.before)}</td><td>${
      formatCount(bin.after)
    }</td></tr>`
  );
  return details(
    "These figures as a table",
    table(["-Where", `${yName} before`, `${yName} after`], rows, `${yName} before and after`),
  );
}

/** What is folded away until it is asked for. */
export function details(summary: string, content: Content): Html {
  return markup`<details><summary>${summary}</summary>${content}</details>`;
}

/** A table that scrolls where it is too wide. A name that begins with a minus heads a column of text. */
export function table(head: readonly string[], rows: Content, label: string): Html {
  const cells = head.map((name) => {
    if (name === "") return markup`<td></td>`;
    if (name.startsWith("-")) return markup`<th scope="col" class="text">${name.slice(1)}</th>`;
    return markup`<th scope="col">${name}</th>`;
  });
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="Table: ${label}"><table>
    <thead><tr>${cells}</tr></thead>
    <tbody>${rows}</tbody>
    </table></div>`;
}

/** The figures of a page's head, each with its name and a few words more. */
export function figureList(figures: readonly (readonly [name: string, value: string, more: string])[]): Html {
  return markup`<dl class="figures">${
    figures.map(([name, value, more]) => markup`<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`)
  }</dl>`;
}

/** A command to be copied; it can be scrolled without a mouse. */
export function codeBlock(command: string): Html {
  return markup`<pre tabindex="0"><code>${command}</code></pre>`;
}

/** A cell with a bar for those who see it: `part` of `most`. */
export function meter(part: number, most: number): Html {
  return markup`<td aria-hidden="true"><span class="meter"><span style="width:${
    (part / most * 100).toFixed(1)
  }%"></span></span></td>`;
}

/** Shares out [from, to] into equal bins of whole numbers, at most `most` of them. */
export function makeBins(
  from: number,
  to: number,
  most: number,
): { readonly starts: number[]; of(value: number): number } {
  const width = Math.max(1, Math.ceil((to - from + 1) / most));
  const bins = Math.max(1, Math.ceil((to - from + 1) / width));
  return {
    starts: Array.from({ length: bins + 1 }, (_, i) => from + i * width),
    of: (value) => Math.floor((value - from) / width),
  };
}
