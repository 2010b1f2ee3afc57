/** `reclaim`: the disk space of deleted rows back to the system; without -c it explains what there is to gain, and how. */

import {
  describeReclaimEvent,
  findBlockers,
  findWays,
  formatBytes,
  formatCount,
  formatDuration,
  formatReclaimed,
  formatReclaimPlan,
  formatUnits,
  readSizes,
  reclaim as reclaimSpace,
  type TableSizes,
  UsageError,
} from "../../mod.ts";
import { unlessStopped } from "../../db/session/stop.ts";
import { type Command, type Context, type Result, settle, tellStop } from "../command.ts";
import { choice, duration, toggle, type Values } from "../flags.ts";
import type { ReclaimPlanOutput } from "../outputs.ts";
import { DATABASE, JSON_LINE, needs, QUIET } from "../options.ts";

/** What VACUUM FULL writes a second, at least, on a disk that nobody would call fast. */
const SLOW_BYTES_PER_SECOND = 30 * 1024 ** 2;

const FLAGS = {
  postgres: DATABASE,
  commit: toggle("-c, --commit", "do it; without this, only say what is to gain"),
  method: choice(
    "--method <NAME>",
    "beside Synapse, or VACUUM FULL that blocks it",
    ["move", "full"],
    "move",
  ),
  yes: toggle("--yes", "do not ask first (with --method full)"),
  maxTimeMs: duration("--max-time <TIME>", "start no move after this time, such as 45m"),
  json: JSON_LINE,
  quiet: QUIET,
};

/** `reclaim`. */
export const reclaim: Command<typeof FLAGS> = {
  name: "reclaim",
  description: "Gives disk space of state_groups_state back to the system while Synapse runs.",
  summary: "gives the disk space of deleted rows back",
  examples: [
    "reclaim -p postgresql:///synapse",
    "reclaim -p postgresql:///synapse -c --max-time 1h",
  ],
  usage: "-p DATABASE [-c] [options]",
  flags: FLAGS,
  notes: `It moves the rows at the end of the table's file into free space further down,
so that VACUUM can cut the file, and rebuilds the indexes. It needs the tables'
owner, or MAINTAIN from PostgreSQL 17 on. It can be stopped at any time.
`,
  check({ commit, method, maxTimeMs, yes }) {
    needs(method, "--method", commit, "-c", "Add -c, or leave --method out.");
    needs(maxTimeMs, "--max-time", commit, "-c", "Add -c, or leave --max-time out.");
    needs(yes, "--yes", method === "full", "--method full", "Only VACUUM FULL asks: leave --yes out.");
  },
  run,
};

async function run(options: Values<typeof FLAGS>, context: Context): Promise<Result> {
  const { terminal, signal } = context;
  await using session = await context.database(options.postgres).connect({ readOnly: !options.commit });
  if (!options.commit) {
    const [sizes, blockers] = [await readSizes(session), await findBlockers(session)];
    if (!options.json) formatReclaimPlan(sizes, blockers).forEach((line) => terminal.result(line));
    return { report: { ...sizes, ways: findWays(sizes), blockers } satisfies ReclaimPlanOutput };
  }
  if (options.method === "full" && !options.yes) await ask(await readSizes(session), context);
  const { report, stop } = await settle(reclaimSpace(session, options, {
    signal,
    onEvent(event) {
      if (event.kind === "moving") return terminal.progress(`${formatUnits(event.rows, "row")} moved`);
      const line = describeReclaimEvent(event);
      if (line !== undefined) terminal.log(line);
    },
  }));
  if (stop === undefined) formatReclaimed(report).forEach((line) => terminal.result(line));
  return {
    report,
    exitCode: report.outcome === "blocked" || report.outcome === "no-gain" ? 1 : 0,
    stop: tellStop(
      stop,
      `. Rows moved: ${formatCount(report.rowsMoved)}`,
      "No row is lost. Run the same command again to continue.",
    ),
  };
}

/** Asks before Synapse is blocked. */
async function ask({ tableBytes, idealBytes, indexes }: TableSizes, { terminal, signal }: Context): Promise<void> {
  const fresh = idealBytes + indexes.reduce((sum, index) => sum + (index.idealBytes ?? index.bytes), 0);
  const minutes = Math.max(1, Math.ceil((tableBytes + fresh * 2) / SLOW_BYTES_PER_SECOND / 60));
  const question =
    `VACUUM FULL locks state_groups_state: Synapse is blocked for up to about ${
      formatDuration(minutes * 60_000)
    } on a slow ` +
    `disk, and needs ${formatBytes(fresh)} of free disk space. Continue?`;
  if (await unlessStopped(terminal.confirm(question), signal)) return;
  throw new UsageError("Cannot run VACUUM FULL: it was not confirmed", {
    hint:
      "Answer y, add --yes, or leave --method full out: the default method works while Synapse runs, and asks nothing.",
  });
}
