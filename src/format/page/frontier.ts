/** The page's chart of the frontier: rows against what reads cost, so that an administrator can choose a setting by looking. */
// @ts-types="@types/d3-scale"
import { scaleLinear } from "d3-scale";
import type { FrontierPoint } from "../../core/plan/frontier.ts";
import { formatCount } from "../numbers.ts";
import { details, table } from "./charts.ts";
import { type Html, markup, px } from "./html.ts";

const WIDTH = 1000;
const HEIGHT = 300;
const LEFT = 70;
const LABEL = "Rows against the modelled cost of reads, for each setting";
const NAMES: Readonly<Record<NonNullable<FrontierPoint["name"]>, string>> = {
  now: "as it stands",
  levels: "the Rust tool’s rule",
  rows: "--prefer rows",
  balance: "--prefer balance",
  reads: "--prefer reads",
};

/** The section of the frontier. */
export function frontierSection(points: readonly FrontierPoint[]): Html {
  const x = scaleLinear().domain([0, Math.max(...points.map(({ readMs }) => readMs)) * 1.15 || 1]).range([LEFT, WIDTH]);
  const y = scaleLinear().domain([0, Math.max(1, ...points.map(({ rows }) => rows))]).nice(5).range([HEIGHT - 30, 14]);
  const curve = points.filter(({ name }) => name === undefined).sort((a, b) => a.readMs - b.readMs);
  const named = points.filter(({ name }) => name !== undefined);
  const label = ({ name, rate }: FrontierPoint) => name === undefined ? `at ${rate} rows a millisecond` : NAMES[name];
  const text = (point: FrontierPoint) =>
    `${label(point)}: ${formatCount(point.rows)} rows, ${point.readMs.toFixed(2)} ms a read`;
  const rows = points.map((point) =>
    markup`<tr><th scope="row" class="text">${label(point)}</th><td>${formatCount(point.rows)}</td><td>${
      point.readMs.toFixed(2)
    }</td></tr>`
  );
  return markup`<h2 id="frontier-title">Rows against reads</h2>
<p>What each setting makes of this room: fewer rows are lower, faster reads are further left. The line shows what else there is
between them. Reads are modelled: the mean cost of a group’s full state in milliseconds.</p>
<div class="scroll" tabindex="0" role="region" aria-label="${LABEL}">
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${LABEL}">
${
    y.ticks(5).map((tick) =>
      markup`<line class="tick" x1="${LEFT}" x2="${WIDTH}" y1="${px(y(tick))}" y2="${px(y(tick))}"/><text x="${
        LEFT - 6
      }" y="${px(y(tick) + 4)}" text-anchor="end">${formatCount(tick)}</text>`
    )
  }${
    x.ticks(8).map((tick) => markup`<text x="${px(x(tick))}" y="${HEIGHT - 12}" text-anchor="middle">${tick} ms</text>`)
  }<polyline class="line after" points="${
    curve.map(({ rows, readMs }) => `${px(x(readMs))},${px(y(rows))}`).join(" ")
  }"/>
${
    named.map((point) =>
      markup`<g><title>${text(point)}</title><circle class="dot-mark" cx="${px(x(point.readMs))}" cy="${
        px(y(point.rows))
      }" r="5"/><text x="${px(x(point.readMs) + 8)}" y="${px(y(point.rows) - 6)}">${label(point)}</text></g>`
    )
  }
</svg></div>
${details("These figures as a table", table(["-What", "Rows", "Read, ms"], rows, "Rows and reads of each setting"))}`;
}
