/**
 * A server's state explained on one page of HTML: what it takes of the disk, what each step would give, which rooms it belongs
 * to, what is in the way, what to do next. Made like the page of a room (format/page/): one file that loads and runs nothing,
 * every text escaped by the templates.
 */
import { codeBlock, details, figureList, meter, table } from "../../format/page/charts.ts";
import { type Content, type Html, markup } from "../../format/page/html.ts";
import { documentEnd, documentStart, sectionsOf } from "../../format/page/frame.ts";
import {
  formatBytes,
  formatCompact,
  formatCount,
  formatFigure,
  formatPercent,
  formatUnits,
} from "../../format/numbers.ts";
import { commandLine } from "../../format/shell.ts";
import type { Gain } from "../../jobs/gains.ts";
import type { ServerSurvey } from "../../jobs/server.ts";
import { describeBlockers } from "../reclaim.ts";
import { formatFreshness, formatReads } from "../server.ts";
import { formatGain, nextSteps, type StepOptions } from "../steps.ts";
import { abandonedSection, roomsSection } from "./rooms.ts";

/** What the page is told besides what the survey says. */
export interface ServerPageOptions extends StepOptions {
  /** When it was made, as it is to be printed. */
  readonly madeAt?: string | undefined;
  /** The same in milliseconds since 1970, to tell how old statistics are. @default now */
  readonly now?: number | undefined;
}

/** Formats the page, section by section. */
export function* formatServerPage(survey: ServerSurvey, options: ServerPageOptions = {}): Generator<string> {
  const command = (roomId: string) => commandLine("report", ...options.databaseArguments ?? [], "-r", roomId);
  const sections: [id: string, name: string, make: () => Html][] = [
    ["gains", "What it would give", () => gainsSection(survey)],
    ["rooms", "Biggest rooms", () => roomsSection(survey, command)],
    ["abandoned", "Rooms without local users", () => abandonedSection(survey.abandoned)],
    ["tables", "Other tables", () => tablesSection(survey)],
    ["way", "In the way", () => waySection(survey, options.now ?? Date.now())],
    ["next", "What to do", () => nextSection(survey, options)],
  ];
  yield documentStart(`State of the database ${survey.facts.database}`, "gains");
  yield headSection(survey).text;
  yield* sectionsOf(sections);
  yield documentEnd(
    options.madeAt,
    "Figures with ± are estimated from a random sample: with 95 % confidence, the truth is no further away.",
  );
}

function headSection({ facts, sizes, inside, total, volume, gains }: ServerSurvey): Html {
  const indexBytes = sizes.indexes.reduce((sum, { bytes }) => sum + bytes, 0);
  const all = sizes.tableBytes + indexBytes;
  const stateBytes = facts.stateTables.reduce((sum, { bytes }) => sum + bytes, 0);
  const isWorthIt = gains.all.bytes > all / 100;
  const figures: [name: string, value: string, more: string][] = [
    ["Database", Number.isNaN(facts.databaseBytes) ? "not known" : formatBytes(facts.databaseBytes), facts.database],
    [
      "State tables",
      formatBytes(stateBytes),
      Number.isNaN(facts.databaseBytes) ? "" : `${formatPercent(stateBytes, facts.databaseBytes)} of the database`,
    ],
    ["state_groups_state", formatBytes(sizes.tableBytes), `its indexes: ${formatBytes(indexBytes)}`],
    [
      "Rows",
      formatCompact(total.rows),
      `${formatFigure(total.rows, total.rowsError)} of ${formatFigure(total.groups, total.groupsError)} state groups`,
    ],
    [
      "Live",
      formatBytes(inside.liveBytes),
      `dead ${formatBytes(inside.deadBytes)}, free ${formatBytes(inside.freeBytes)}`,
    ],
    typeof volume === "string"
      ? ["Volume", "not known", volume]
      : ["Free on the volume", formatBytes(volume.freeBytes), `of ${formatBytes(volume.bytes)}: ${volume.path}`],
  ];
  return markup`<header>
<h1>State of the database <code><bdi>${facts.database}</bdi></code></h1>
<p class="verdict">${
    isWorthIt
      ? `About ${formatGain(gains.all)} of ${formatBytes(all)} can come back.`
      : "The state here is about as small as it can be."
  }</p>
<p>${
    isWorthIt
      ? `That is the table state_groups_state with its indexes. Compressing takes ${
        formatGain(gains.compress)
      } of it out of the rows; reclaiming gives it back.`
      : "That is the table state_groups_state with its indexes."
  }</p>
${isWorthIt && stack(partsOf(gains, all), all)}
${figureList(figures)}
</header>
`;
}

/** The parts of the table and its indexes, for a bar. */
function partsOf(gains: ServerSurvey["gains"], all: number): [name: string, kind: string, bytes: number][] {
  const parts: [string, string, number][] = [
    ["compressing", "compress", gains.compress.bytes],
    ["pruning", "prune", gains.prune?.bytes ?? 0],
    ["free already", "free", gains.reclaim.bytes],
  ];
  const goes = parts.reduce((sum, [, , bytes]) => sum + bytes, 0);
  return [["stays", "stays", Math.max(0, all - goes)], ...parts];
}

function stack(parts: readonly [name: string, kind: string, bytes: number][], all: number): Html {
  const shown = parts.filter(([, , bytes]) => bytes > 0);
  return markup`<div class="stack" role="img" aria-label="${
    shown.map(([name, , bytes]) => `${name}: ${formatBytes(bytes)}`).join(", ")
  }">${
    shown.map(([, kind, bytes]) =>
      markup`<span class="${kind}" style="width:${(bytes / all * 100).toFixed(2)}%"></span>`
    )
  }</div>
<ul class="key">${
    shown.map(([name, kind, bytes]) => markup`<li><i class="${kind}"></i>${name}: ${formatBytes(bytes)}</li>`)
  }</ul>`;
}

function gainsSection({ gains, total, noPruning }: ServerSurvey): Html {
  const row = (name: string, gain: Gain, note: Content) =>
    markup`<tr><th scope="row" class="text">${name}</th><td>${formatFigure(gain.rows, gain.rowsError)}</td><td>${
      formatPercent(gain.rows, total.rows)
    }</td><td>${formatGain(gain)}</td><td class="text">${note}</td></tr>
`;
  const rows = [
    row("Compressing", gains.compress, "the same states in fewer rows, beside a running Synapse"),
    gains.prune !== undefined &&
    row("Pruning, on top", gains.prune, "state groups that no event uses, which Synapse then deletes"),
    row("Reclaiming now", gains.reclaim, "what is free in the files already"),
    row("All of it", gains.all, "once the three are done"),
  ];
  return markup`<h2 id="gains-title">What each step would give</h2>
<p>Found by compressing ${
    formatUnits(gains.rowsTried, "row")
  } of some rooms in memory. Of a big room only chunks are, which save a few percent more or less than the whole.</p>
${table(["-Step", "Rows", "Of all", "Bytes", "-What it is"], rows, "What each step would give")}
${gains.prune === undefined && markup`<p>What pruning would give is not known: ${noPruning}.</p>`}
<p>What it does to reads: ${formatReads(gains.reads)}.</p>`;
}

function tablesSection({ facts }: ServerSurvey): Html {
  const tables = [...facts.stateTables, ...facts.otherTables].sort((a, b) => b.bytes - a.bytes);
  const most = Math.max(1, ...tables.map(({ bytes }) => bytes));
  const isState = new Set(facts.stateTables.map(({ name }) => name));
  return markup`<h2 id="tables-title">Where the rest of the disk is</h2>
<p>The biggest tables of this database with their indexes. This program works on Synapse’s state tables alone.</p>
${
    table(
      ["-Table", "Bytes", "Of the database", ""],
      tables.map(({ name, bytes }) =>
        markup`<tr><th scope="row" class="text"><code>${name}</code>${isState.has(name) && " (state)"}</th><td>${
          formatBytes(bytes)
        }</td><td>${Number.isNaN(facts.databaseBytes) ? "" : formatPercent(bytes, facts.databaseBytes)}</td>${
          meter(bytes, most)
        }</tr>
`
      ),
      "The biggest tables",
    )
  }`;
}

function waySection({ blockers, facts, total }: ServerSurvey, now: number): Html {
  const lines = describeBlockers(blockers);
  return markup`<h2 id="way-title">In the way, and how sure this is</h2>
${
    lines.length === 0
      ? markup`<p>Nothing keeps PostgreSQL from removing deleted rows: no old snapshot, slot or prepared transaction.</p>`
      : markup`<ul>${lines.map((line) => markup`<li>${line}</li>`)}</ul>`
  }
<p>${formatFreshness(facts.freshness, now)}. ${
    total.pagesRead < total.pages
      ? `Rows were counted on ${formatCount(total.pagesRead)} of ${
        formatUnits(total.pages, "page")
      }, drawn at random. Dead rows are by PostgreSQL’s statistics.`
      : "All rows were counted. Dead rows are by PostgreSQL’s statistics."
  }</p>`;
}

function nextSection(survey: ServerSurvey, options: ServerPageOptions): Html {
  const steps = nextSteps(survey, options);
  return markup`<h2 id="next-title">What to do next</h2>
${
    steps.length === 0
      ? markup`<p>Nothing here is worth doing now.</p>`
      : markup`<p>In this order. A password goes into PGPASSWORD or ~/.pgpass, not into a command.</p>
${
        steps.map(({ why, commands }, i) =>
          markup`<h3>${i + 1}. ${why}</h3>
${commands.map(codeBlock)}`
        )
      }`
  }
${
    details(
      "What the words mean",
      markup`<ul><li>A state group is one full state of a room; its rows are what differs from the group that it
builds on.</li><li>Compressing gives groups better ones to build on: every full state stays exactly as it is.</li><li>Reclaiming
gives space that is free inside the files back to the system.</li></ul>`,
    )
  }`;
}
