/** The verdict of the page: how many rows can go, and why there are as many. Knows the words; counts nothing. */
import type { RoomAbout } from "./about.ts";
import { figureList } from "./charts.ts";
import type { Facts, PageFigures } from "./facts.ts";
import { type Content, type Html, markup } from "./html.ts";
import { formatBytes, formatCompact, formatCount, formatMean, formatPercent, formatUnits } from "../numbers.ts";

/** The head: what goes, in a sentence and five figures. */
export function headSection(report: PageFigures, { name, alias, localUsers, rowBytes }: RoomAbout = {}): Html {
  const { rowsBefore, rowsAfter, groups } = report;
  const saved = rowsBefore - rowsAfter;
  const isWorthIt = saved > 0;
  const verdict = isWorthIt
    ? `${formatPercent(saved, rowsBefore)} of this room’s state rows can go.`
    : "This room’s state is as small as this program can make it.";
  const explained = isWorthIt
    ? markup`It takes <strong>${formatUnits(rowsBefore, "row")}</strong> to store ${
      formatUnits(groups, "state group")
    }. Compressed, the same states need <strong>${
      formatUnits(rowsAfter, "row")
    }</strong>. Nobody in the room would see a difference.`
    : markup`It takes <strong>${formatUnits(rowsBefore, "row")}</strong> to store ${
      formatUnits(groups, "state group")
    }.`;
  const figures: [string, string, string][] = [
    [
      "Rows",
      `${formatCompact(rowsBefore)} → ${formatCompact(rowsAfter)}`,
      isWorthIt ? `${formatCount(saved)} fewer` : "nothing to save",
    ],
    ...(rowBytes === undefined ? [] : [
      [
        "Bytes, about",
        `${formatBytes(rowsBefore * rowBytes)} → ${formatBytes(rowsAfter * rowBytes)}`,
        "of the table and its indexes",
      ] satisfies [string, string, string],
    ]),
    [
      "State groups",
      formatCount(groups),
      isWorthIt ? `${formatCount(report.groupsRewritten || report.groupsChanged)} to rewrite` : "none to rewrite",
    ],
    [
      "Snapshots",
      `${formatCount(report.snapshotsBefore)} → ${formatCount(report.snapshotsAfter)}`,
      "groups that hold their full state",
    ],
    [
      "Hops, on average",
      `${formatMean(report.meanHopsBefore)} → ${formatMean(report.meanHopsAfter)}`,
      "edges to follow to a full state",
    ],
    [
      "Hops, at most",
      `${formatCount(report.maxHopsBefore)} → ${formatCount(report.maxHopsAfter)}`,
      "more hops: slower reads of old state",
    ],
    [
      "A read, modelled",
      `${report.readMsBefore.toFixed(2)} → ${report.readMsAfter.toFixed(2)} ms`,
      `of the newest groups ${report.readNewestMsBefore.toFixed(2)} → ${report.readNewestMsAfter.toFixed(2)} ms`,
    ],
  ];
  return markup`<header>
<h1>State of room ${name !== undefined && [markup`<strong><bdi>${name}</bdi></strong>`, " "]}${
    alias !== undefined && [markup`<bdi>${alias}</bdi>`, " "]
  }<code><bdi>${report.roomId}</bdi></code></h1>
<p class="verdict">${verdict}</p>
<p>${explained}${
    localUsers !== undefined &&
    (localUsers === 0
      ? " No user of this server is in it any more: Synapse’s admin API can delete it, and all of this with it."
      : ` ${formatUnits(localUsers, "user")} of this server ${localUsers === 1 ? "is" : "are"} in it.`)
  }</p>
${
    isWorthIt &&
    markup`<div class="share" role="img" aria-label="${formatPercent(rowsAfter, rowsBefore)} of the rows stay, ${
      formatPercent(saved, rowsBefore)
    } go"><span style="width:${(rowsAfter / rowsBefore * 100).toFixed(2)}%"></span></div>
<p class="share-words"><span>${formatCount(rowsAfter)} rows stay</span><span>${formatCount(saved)} rows go</span></p>`
  }
${figureList(figures)}
</header>
`;
}

/** Why the state takes as many rows as it does. */
export function whySection(report: PageFigures, facts: Facts): Html {
  const { snapshotsBefore, snapshotsAfter, rowsBefore, rowsAfter, groups } = report;
  const deltas = groups - snapshotsBefore;
  const points: Content[] = [];
  if (snapshotsBefore > 0) {
    points.push(
      markup`<strong>${formatUnits(snapshotsBefore, "snapshot")}</strong> ${snapshotsBefore === 1 ? "holds" : "hold"} ${
        formatUnits(facts.snapshotRowsBefore, "row")
      }, <strong>${
        formatPercent(facts.snapshotRowsBefore, rowsBefore)
      }</strong> of all rows. A snapshot repeats the room’s whole state: here ${
        formatUnits(Math.round(facts.snapshotRowsBefore / snapshotsBefore), "row")
      } on average. Synapse stores one after every 100 hops, and wherever state was lost.`,
    );
  }
  if (deltas > 0) {
    const deltaRows = rowsBefore - facts.snapshotRowsBefore;
    points.push(
      markup`The other ${deltas === 1 ? "group is a delta" : `${formatCount(deltas)} groups are deltas`} with ${
        formatUnits(deltaRows, "row")
      }${deltas > 1 && `, ${formatMean(deltaRows / deltas)} each`}: what really changed in the room.`,
    );
  }
  if (rowsAfter < rowsBefore) {
    points.push(
      markup`Compressed, ${formatUnits(snapshotsAfter, "snapshot")} with ${
        formatUnits(facts.snapshotRowsAfter, "row")
      } would remain; every other group would hold only what differs from another one.`,
    );
  }
  const [first] = facts.keys;
  if (first !== undefined && first.rows >= 20 && first.rows > facts.remaining * 0.05) {
    points.push(
      markup`One key, <code><bdi>${first.name}</bdi></code>, has ${formatCount(first.rows)} of the rows that remain, ${
        formatPercent(first.rows, facts.remaining)
      }: it changes again and again, which no compression can undo.`,
    );
  }
  if (report.resets > 0 && rowsAfter < rowsBefore) {
    points.push(
      markup`${formatUnits(report.resets, "group")} would be stored as snapshots with ${
        formatUnits(report.resetRows, "row")
      }: each lacks a key that every possible base has, and a delta cannot remove a key.`,
    );
  }
  if (report.groupsLeftOut > 0) {
    points.push(
      markup`${formatUnits(report.groupsLeftOut, "group")} ${
        areIs(report.groupsLeftOut)
      } left out because of <a href="#defects">broken data</a>.`,
    );
  }
  if (report.groupsPending > 0) {
    points.push(
      markup`${formatUnits(report.groupsPending, "group")} ${
        areIs(report.groupsPending)
      } left alone because Synapse is about to delete ${report.groupsPending === 1 ? "it" : "them"}.`,
    );
  }
  return markup`<h2 id="why-title">Why it is as big as it is</h2>
<ul>${points.map((point) => markup`<li>${point}</li>`)}</ul>`;
}

function areIs(count: number): string {
  return count === 1 ? "is" : "are";
}
