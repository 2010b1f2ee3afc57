/**
 * A room explained on one page of HTML: what its state costs and would cost, where the rows are, how the chains run, what is
 * wrong, what to do next. One file without scripts, fonts or pictures; it may load nothing, so nothing in a room can make it.
 * Every text of the room's is escaped by the templates (page/html.ts). O(rows); the page stays under 5 MB.
 */
import type { Compression } from "../../core/plan/compress.ts";
import { findFrontier } from "../../core/plan/frontier.ts";
import { anonymizeReport, type PageOptions } from "./about.ts";
import { makeGraph, type RoomGraph, type Stage } from "../graph/graph.ts";
import { type Bin, codeBlock, drawBins } from "./charts.ts";
import { type Facts, findFacts, type PageFigures } from "./facts.ts";
import { drawForest } from "./forest.ts";
import { frontierSection } from "./frontier.ts";
import { documentEnd, documentStart, sectionsOf } from "./frame.ts";
import { type Html, markup } from "./html.ts";
import { formatCount, formatUnits } from "../numbers.ts";
import { contentSection, defectsSection, groupsSection } from "./tables.ts";
import { headSection, whySection } from "./verdict.ts";
import { commandLine } from "../shell.ts";

/** Formats the page, section by section. */
export function* formatPage(
  compression: Compression,
  named: PageFigures,
  options: PageOptions = {},
): Generator<string> {
  const { pseudonyms, about = {} } = options;
  const report = pseudonyms === undefined ? named : anonymizeReport(named, pseudonyms);
  const graph = makeGraph(compression);
  const facts = findFacts(compression, graph, pseudonyms);
  yield documentStart(`State of room ${report.roomId}`, "why");
  yield headSection(report, pseudonyms === undefined ? about : { ...about, name: undefined, alias: undefined }).text;
  yield* sectionsOf([
    ["why", "Why", () => whySection(report, facts)],
    ["rows", "Rows", () => rowsSection(facts)],
    ["snapshots", "Snapshots", () => snapshotsSection(report, facts)],
    ["hops", "Hops", () => hopsSection(report, facts)],
    ["frontier", "Rows against reads", () => frontierSection(findFrontier(compression.forest))],
    ["branches", "Branches", () => branchesSection(graph)],
    ["groups", "Biggest groups", () => groupsSection(report, graph, about.rowBytes)],
    ["content", "Content", () => contentSection(report, facts, about.rowBytes)],
    ["defects", "Defects", () => defectsSection(report), report.defects.length > 0],
    ["next", "What to do", () => nextSection(report, options)],
  ]);
  yield documentEnd(
    options.madeAt,
    "Figures include context groups: those outside the chosen range that others build on.",
  );
}

const KEY =
  markup`<ul class="key"><li><i class="before"></i>before</li><li><i class="after"></i>after compression</li></ul>`;

function nameOfIds(bin: Bin): string {
  return `State groups ${bin.from} to ${bin.to - 1}`;
}

function rowsSection(facts: Facts): Html {
  return markup`<h2 id="rows-title">Where the rows are</h2>
<p>Rows of the groups, by group id: from the oldest on the left to the newest on the right.</p>
${KEY}
${
    drawBins({
      label: "Rows by state group id, before and after compression",
      bins: facts.rowsById,
      xName: "state group id",
      yName: "Rows",
      nameOf: nameOfIds,
    })
  }`;
}

function snapshotsSection(report: PageFigures, facts: Facts): Html {
  return markup`<h2 id="snapshots-title">Where the snapshots are</h2>
<p>Rows of snapshots alone, by group id: ${formatUnits(report.snapshotsBefore, "snapshot")} before, upwards; ${
    formatCount(report.snapshotsAfter)
  } after, downwards.</p>
${KEY}
${
    drawBins({
      label: "Rows of snapshots by state group id, before and after compression",
      bins: facts.snapshotsById,
      xName: "state group id",
      yName: "Rows of snapshots",
      nameOf: nameOfIds,
      mirrored: true,
    })
  }`;
}

function hopsSection(report: PageFigures, facts: Facts): Html {
  const slower = report.meanHopsAfter > report.meanHopsBefore;
  return markup`<h2 id="hops-title">How far it is to a full state</h2>
<p>Groups by hops: the edges that Synapse follows to read a group’s state. ${
    slower
      ? markup`Reading old state would take more of them; the newest state, which is read most, is cached by Synapse. A smaller bound, such as <code>--max-hops 100</code>, keeps chains shorter and saves less.`
      : "Compression would not lengthen the chains."
  }</p>
${KEY}
${
    drawBins({
      label: "State groups by hops, before and after compression",
      bins: facts.groupsByHops,
      xName: "hops",
      yName: "Groups",
      nameOf: (bin) => bin.to - bin.from === 1 ? formatUnits(bin.from, "hop") : `${bin.from} to ${bin.to - 1} hops`,
    })
  }`;
}

function branchesSection(graph: RoomGraph): Html {
  const draw = (stage: Stage) => {
    const { svg, branches, lines, hidden } = drawForest(graph, stage);
    return markup`<h3>${stage === "before" ? "Before" : "After"}: ${formatUnits(branches, "chain")}${
      lines > 1 && ` in ${lines} lines`
    }</h3>
${svg}${hidden > 0 && markup`<p>${formatUnits(hidden, "chain")} more, beside these, are not drawn.</p>`}`;
  };
  return markup`<h2 id="branches-title">How the chains run</h2>
<p>Every group, by id from left to right and line after line. A bar is a chain folded into one, with the number of its groups;
other branches run beside it. An arc leads to the group that a chain builds on. Hover over anything to see its ids and rows.</p>
<ul class="key"><li><i class="dot"></i>snapshot, bigger with more rows</li><li><i class="kept"></i>chain as it stands</li><li><i class="rewritten"></i>rewritten</li>${
    (graph.defect.some((code) => code > 0) || graph.extraEdges.length > 0) &&
    markup`<li><i class="broken"></i>broken edge</li><li><i class="missing"></i>missing group</li>`
  }</ul>
${draw("before")}
${draw("after")}`;
}

function nextSection(report: PageFigures, { commandArguments = ["-r", report.roomId] }: PageOptions): Html {
  const steps: [string, string][] = report.rowsAfter < report.rowsBefore
    ? [
      ["Compress the room; this is safe while Synapse runs:", commandLine(...commandArguments, "-c")],
      [
        "Or write the changes to an SQL file, to read it first and apply it with psql:",
        commandLine(...commandArguments, "-t", "-o", "changes.sql"),
      ],
    ]
    : [];
  steps.push([
    "Look closer in Gephi, with both sets of edges in one file:",
    commandLine("graph", ...commandArguments, "--combined", "--gzip"),
  ]);
  return markup`<h2 id="next-title">What to do next</h2>
<p>${
    report.rowsAfter < report.rowsBefore
      ? "Every full state is verified before anything is written. Keep passwords in PGPASSWORD or ~/.pgpass, not on the command line."
      : "There is nothing to compress. Keep passwords in PGPASSWORD or ~/.pgpass, not on the command line."
  }</p>
${
    steps.map(([what, text]) =>
      markup`<h3>${what}</h3>${codeBlock(text)}
`
    )
  }${
    report.rowsAfter < report.rowsBefore &&
    markup`<p>The rows are deleted right away. PostgreSQL reuses their space after the next VACUUM; to give it back to the system, run
<code>synapse_compress_state reclaim</code>.</p>`
  }`;
}
