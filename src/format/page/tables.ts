/** The sections of the page that are tables: the biggest groups, what the rows are of, the defects. */
import type { RoomFigures } from "../../core/figures.ts";
import { type Defect, indexOf } from "../../core/forest/defects.ts";
import { roleOf, type RoomGraph, type Stage } from "../graph/graph.ts";
import { details, meter, table } from "./charts.ts";
import type { Facts, Share } from "./facts.ts";
import { type Html, markup } from "./html.ts";
import { formatBytes, formatCount, formatPercent, formatUnits } from "../numbers.ts";

/** Defects listed, at most: a broken room may have thousands. */
const MOST_DEFECTS = 200;
const MOST_TYPES = 8;

/** The groups with the most rows, before and after. */
export function groupsSection(report: RoomFigures, graph: RoomGraph, rowBytes?: number): Html {
  const bytes = bytesCell(rowBytes);
  const most = Math.max(1, ...report.largestBefore.map(({ rows }) => rows));
  const rows = (groups: RoomFigures["largestBefore"], stage: Stage) =>
    groups.map(({ groupId, rows }) => {
      const n = indexOf(graph.id, groupId);
      return markup`<tr><th scope="row">${groupId}</th><td>${formatCount(graph.before.rows[n]!)}</td><td>${
        formatCount(graph.after.rows[n]!)
      }</td>${bytes(graph[stage].rows[n]!)}<td>${hopsOf(graph, "before", n)}</td><td>${
        hopsOf(graph, "after", n)
      }</td><td class="text">${fate(graph, n)}</td>${
        meter(rows, stage === "before" ? most : Math.max(1, groups[0]!.rows))
      }</tr>
`;
    });
  const head = (stage: Stage) => [
    "Group",
    "Rows before",
    "Rows after",
    ...(rowBytes === undefined ? [] : [`Bytes ${stage}, about`]),
    "Hops before",
    "Hops after",
    "-After compression",
    "",
  ];
  return markup`<h2 id="groups-title">The most expensive groups</h2>
<p>The ten groups with the most rows.</p>
${table(head("before"), rows(report.largestBefore, "before"), "The most expensive groups before")}
${
    details(
      "The ten biggest after compression",
      table(head("after"), rows(report.largestAfter, "after"), "The most expensive groups after"),
    )
  }`;
}

/** Makes the cells with bytes beside rows, where it is known what a row takes. */
function bytesCell(rowBytes: number | undefined): (rows: number) => Html | false {
  return (rows) => rowBytes !== undefined && markup`<td>${formatBytes(rows * rowBytes)}</td>`;
}

function hopsOf(graph: RoomGraph, stage: Stage, n: number): string {
  return graph[stage].hops[n]! < 0 ? "endless" : formatCount(graph[stage].hops[n]!);
}

/** What compression makes of a group. */
function fate(graph: RoomGraph, n: number): string {
  const base = graph.after.predecessor[n]!;
  if (graph.isRewritten[n] === 0) {
    return base < 0 ? "stays a snapshot" : `stays a delta on ${graph.id[base]!}`;
  }
  if (base < 0) return "becomes a snapshot";
  return `${roleOf(graph, "before", n) === "snapshot" ? "becomes" : "is"} a delta on ${graph.id[base]!}`;
}

/** Which types and keys the rows are of. */
export function contentSection(report: RoomFigures, facts: Facts, rowBytes?: number): Html {
  const bytes = bytesCell(rowBytes);
  const heads = (name: string) => [name, "Rows", ...(rowBytes === undefined ? [] : ["Bytes, about"]), "Share", ""];
  const most = facts.types[0]?.rows ?? 1;
  const shown: Share[] = facts.types.slice(0, MOST_TYPES);
  const others = facts.types.slice(MOST_TYPES);
  if (others.length > 0) {
    shown.push({
      name: formatUnits(others.length, "other type"),
      rows: others.reduce((sum, { rows }) => sum + rows, 0),
    });
  }
  const total = facts.types.reduce((sum, { rows }) => sum + rows, 0);
  return markup`<h2 id="content-title">What the rows are</h2>
${
    facts.types.length > 0 &&
    markup`<p>Rows by type of event, as they are stored now${
      report.groupsLeftOut > 0 && ", of the groups that are not broken"
    }.</p>
${
      table(
        heads("-Type"),
        shown.map(({ name, rows }) =>
          markup`<tr><th scope="row" class="text"><code><bdi>${name}</bdi></code></th><td>${formatCount(rows)}</td>${
            bytes(rows)
          }<td>${formatPercent(rows, total)}</td>${meter(rows, Math.max(most, 1))}</tr>
`
        ),
        "Rows by type of event",
      )
    }`
  }
${
    facts.keys.length > 0 && markup`<h3>The keys with the most rows after compression</h3>
<p>State that changes all the time cannot be compressed away: members who keep joining and leaving, or a bot that keeps
renaming the room.</p>
${
      table(
        heads("-Type and state key"),
        facts.keys.map(({ name, rows }) =>
          markup`<tr><th scope="row" class="text"><code><bdi>${name}</bdi></code></th><td>${formatCount(rows)}</td>${
            bytes(rows)
          }<td>${formatPercent(rows, facts.remaining)}</td>${meter(rows, facts.keys[0]!.rows)}</tr>
`
        ),
        "The keys with the most rows after compression",
      )
    }`
  }`;
}

const MEANINGS: Readonly<Record<Defect["kind"], string>> = {
  "dangling-edge": "builds on a group that is missing",
  "foreign-predecessor": "builds on another room’s group",
  "forward-edge": "builds on a newer group",
  cycle: "leads back to itself",
  "two-predecessors": "builds on more than one group",
  "duplicate-row": "has two rows for one key",
  "null-value": "has a NULL in a row or an edge",
};

/** The defects, or that there are none. */
export function defectsSection({ defects, groupsLeftOut }: RoomFigures): Html {
  if (defects.length === 0) {
    return markup`<h2 id="defects-title">Defects</h2>
<p>None found: every edge leads to an older group of this room, no group has two rows for one key, and none has a NULL.</p>`;
  }
  const rows = defects.slice(0, MOST_DEFECTS).map(({ kind, groupId, detail }) =>
    markup`<tr><th scope="row">${groupId}</th><td class="text">${
      MEANINGS[kind]
    }</td><td class="text"><bdi>${detail}</bdi></td></tr>
`
  );
  return markup`<h2 id="defects-title">Defects: ${formatCount(defects.length)}</h2>
<p>Synapse itself can misread these groups, or fail on them. They and all groups that build on them, ${
    formatUnits(groupsLeftOut, "group")
  }, are left exactly as they are; the others are compressed.</p>
${table(["Group", "-What is wrong", "-Detail"], rows, "Defects")}
${defects.length > MOST_DEFECTS && markup`<p>${formatCount(defects.length - MOST_DEFECTS)} more are not listed.</p>`}`;
}
