/** `reclaim`: the disk space of deleted rows back to the system; without -c it explains what there is to gain, and how. */

import {
  describeReclaimEvent,
  describeReclaimPlan,
  findBlockers,
  findWays,
  formatCount,
  formatReclaimed,
  formatReclaimPlan,
  readSizes,
  reclaim as reclaimSpace,
  summarizeReclaimed,
} from "../../mod.ts";
import { ask, checkYes, YES } from "../ask.ts";
import { type Command, type Context, type Result, settle, tellStop } from "../command.ts";
import { choice, duration, toggle, type Values } from "../flags.ts";
import type { ReclaimPlanOutput } from "../outputs.ts";
import { DATABASE, needs, OUTPUT } from "../options.ts";
import { toPhase } from "../progress/phase.ts";

const FLAGS = {
  ...DATABASE,
  commit: toggle("-c, --commit", "do it; without this, only say what is to gain"),
  method: choice(
    "--method <NAME>",
    "beside Synapse, or VACUUM FULL that blocks it",
    ["move", "full"],
    "move",
  ),
  yes: YES,
  maxTimeMs: duration("--max-time <TIME>", "start no move after this time, such as 45m"),
  ...OUTPUT,
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
  check(options) {
    const { commit, method, maxTimeMs } = options;
    needs(method, "--method", commit, "-c", "Add -c, or leave --method out.");
    needs(maxTimeMs, "--max-time", commit, "-c", "Add -c, or leave --max-time out.");
    checkYes(options);
  },
  run,
};

async function run(options: Values<typeof FLAGS>, context: Context): Promise<Result> {
  const { terminal, signal, memory } = context;
  await using session = await context.database(options).connect({ readOnly: !options.commit });
  if (!options.commit) {
    const [sizes, blockers] = [await readSizes(session), await findBlockers(session)];
    if (!options.json) formatReclaimPlan(sizes, blockers).forEach((line) => terminal.result(line));
    return { report: { ...sizes, ways: findWays(sizes), blockers } satisfies ReclaimPlanOutput };
  }
  const { method = "move", yes } = options;
  const isFull = method === "full";
  if (isFull || terminal.canAsk) {
    const question = isFull ? "Run VACUUM FULL, and let Synapse stand still?" : "Give this space back?";
    await ask(
      { plan: describeReclaimPlan(await readSizes(session), method), question, yes, needsAnswer: isFull },
      context,
    );
  }
  const { report, stop } = await settle(reclaimSpace(session, options, {
    signal,
    onEvent(event) {
      memory.sample();
      terminal.phase(toPhase(event));
      const line = describeReclaimEvent(event);
      if (line !== undefined) terminal.log(line);
    },
  }));
  terminal.endProgress();
  if (stop === undefined) summarizeReclaimed(report, memory.bytes).forEach((line) => terminal.log(line));
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
