/** The verdict of the page: how many rows can go, and why there are as many. Knows the words; counts nothing. */
import type { RoomReport } from "../report.ts";
import type { Facts } from "./facts.ts";
import { type Content, count, type Html, markup, mean, percent, plural, short } from "./html.ts";

/** The head: what goes, in a sentence and five figures. */
export function headSection(report: RoomReport): Html {
  const { rowsBefore, rowsAfter, groups } = report;
  const saved = rowsBefore - rowsAfter;
  const isWorthIt = saved > 0;
  const verdict = isWorthIt
    ? `${percent(saved, rowsBefore)} of this room’s state rows can go.`
    : "This room’s state is as small as this program can make it.";
  const explained = isWorthIt
    ? markup`It takes <strong>${plural(rowsBefore, "row")}</strong> to store ${
      plural(groups, "state group")
    }. Compressed, the same states need <strong>${
      plural(rowsAfter, "row")
    }</strong>. Nobody in the room would see a difference.`
    : markup`It takes <strong>${plural(rowsBefore, "row")}</strong> to store ${plural(groups, "state group")}.`;
  const figures: [string, string, string][] = [
    ["Rows", `${short(rowsBefore)} → ${short(rowsAfter)}`, isWorthIt ? `${count(saved)} fewer` : "nothing to save"],
    [
      "State groups",
      count(groups),
      isWorthIt ? `${count(report.groupsRewritten || report.groupsChanged)} to rewrite` : "none to rewrite",
    ],
    [
      "Snapshots",
      `${count(report.snapshotsBefore)} → ${count(report.snapshotsAfter)}`,
      "groups that hold their full state",
    ],
    [
      "Hops, on average",
      `${mean(report.meanHopsBefore)} → ${mean(report.meanHopsAfter)}`,
      "edges to follow to a full state",
    ],
    [
      "Hops, at most",
      `${count(report.maxHopsBefore)} → ${count(report.maxHopsAfter)}`,
      "more hops: slower reads of old state",
    ],
  ];
  return markup`<header>
<h1>State of room <code><bdi>${report.roomId}</bdi></code></h1>
<p class="verdict">${verdict}</p>
<p>${explained}</p>
${
    isWorthIt &&
    markup`<div class="share" role="img" aria-label="${percent(rowsAfter, rowsBefore)} of the rows stay, ${
      percent(saved, rowsBefore)
    } go"><span style="width:${(rowsAfter / rowsBefore * 100).toFixed(2)}%"></span></div>
<p class="share-words"><span>${count(rowsAfter)} rows stay</span><span>${count(saved)} rows go</span></p>`
  }
<dl class="figures">${
    figures.map(([name, value, more]) => markup`<div><dt>${name}</dt><dd>${value}<small>${more}</small></dd></div>`)
  }</dl>
</header>
`;
}

/** Why the state takes as many rows as it does. */
export function whySection(report: RoomReport, facts: Facts): Html {
  const { snapshotsBefore, snapshotsAfter, rowsBefore, rowsAfter, groups } = report;
  const deltas = groups - snapshotsBefore;
  const points: Content[] = [];
  if (snapshotsBefore > 0) {
    points.push(
      markup`<strong>${plural(snapshotsBefore, "snapshot")}</strong> ${snapshotsBefore === 1 ? "holds" : "hold"} ${
        plural(facts.snapshotRowsBefore, "row")
      }, <strong>${
        percent(facts.snapshotRowsBefore, rowsBefore)
      }</strong> of all. A snapshot repeats the room’s whole state: here ${
        plural(Math.round(facts.snapshotRowsBefore / snapshotsBefore), "row")
      } on average. Synapse stores one after every 100 hops, and wherever state was lost.`,
    );
  }
  if (deltas > 0) {
    const deltaRows = rowsBefore - facts.snapshotRowsBefore;
    points.push(
      markup`The other ${deltas === 1 ? "group is a delta" : `${count(deltas)} groups are deltas`} with ${
        plural(deltaRows, "row")
      }${deltas > 1 && `, ${mean(deltaRows / deltas)} each`}: what really changed in the room.`,
    );
  }
  if (rowsAfter < rowsBefore) {
    points.push(
      markup`Compressed, ${plural(snapshotsAfter, "snapshot")} with ${
        plural(facts.snapshotRowsAfter, "row")
      } would remain; every other group would hold only what differs from another one.`,
    );
  }
  const [first] = facts.keys;
  if (first !== undefined && first.rows >= 20 && first.rows > facts.remaining * 0.05) {
    points.push(
      markup`One key, <code><bdi>${first.name}</bdi></code>, has ${count(first.rows)} of the rows that remain, ${
        percent(first.rows, facts.remaining)
      }: it changes again and again, and no compression can take that away.`,
    );
  }
  if (report.resets > 0 && rowsAfter < rowsBefore) {
    points.push(
      markup`${plural(report.resets, "group")} would be stored as snapshots with ${
        plural(report.resetRows, "row")
      }: each lacks a key that every possible base has, and a delta cannot take a key away.`,
    );
  }
  if (report.groupsLeftOut > 0) {
    points.push(
      markup`${plural(report.groupsLeftOut, "group")} ${
        areIs(report.groupsLeftOut)
      } left out because of <a href="#defects">broken data</a>.`,
    );
  }
  if (report.groupsPending > 0) {
    points.push(
      markup`${plural(report.groupsPending, "group")} ${
        areIs(report.groupsPending)
      } left alone, since Synapse is about to delete them.`,
    );
  }
  return markup`<h2 id="why-title">Why it is as big as it is</h2>
<ul>${points.map((point) => markup`<li>${point}</li>`)}</ul>`;
}

function areIs(count: number): string {
  return count === 1 ? "is" : "are";
}
