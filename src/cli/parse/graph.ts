/** The command line of `graph`. */

import { Option } from "@commander-js/extra-typings";
import type { GraphFormat, GraphOptions } from "../../mod.ts";
import { checkDrawing, makeDrawingCommand } from "./drawing.ts";
import {
  apart,
  count,
  type Environment,
  needs,
  nonEmpty,
  parseFlags,
  PROGRAM,
  type RoomSelection,
  withoutUndefined,
} from "./options.ts";

/** The formats of graphs, the default of `graph` first. */
export const GRAPH_FORMATS = ["gexf", "csv", "csv-comma"] as const satisfies readonly GraphFormat[];

/** `graph`: draws a room for Gephi and others. */
export interface GraphCommand extends RoomSelection {
  readonly kind: "graph";
  readonly graph: GraphOptions;
  readonly graphDir: string;
  readonly gzip: boolean;
  /** Warn where there are more nodes. */
  readonly maxNodes: number;
}

/** Gephi opens more, but is slow to move in it. */
const MAX_NODES = 50_000;

function makeProgram() {
  return makeDrawingCommand("graph", "Draws a room's state groups before and after compression; writes no database.")
    .addOption(
      new Option(
        "-f, --format <NAME>",
        "gexf: for Gephi, one file a graph; csv: as the peers write it; csv-comma: Cosmograph",
      )
        .choices(GRAPH_FORMATS).default("gexf" as const),
    )
    .option("--graph-dir <DIR>", "where to write the files (default: the working directory)", nonEmpty)
    .option("--gzip", "write .gexf.gz, which Gephi opens as it is")
    .option("--combined", "one file with the edges of both, and what changes as attributes")
    .addOption(new Option("--only <WHICH>", "one of the two drawings").choices(["before", "after"] as const))
    .option("--around <GROUP>", "only what is near this state group", count(0))
    .option("--within <HOPS>", "how near: so many edges before or after (with --around; default: 10)", count(0))
    .option("--min-rows <ROWS>", "only state groups with so many rows, before or after", count(1))
    .option("--max-nodes <COUNT>", `warn when more are drawn (default: ${MAX_NODES})`, count(1))
    .addHelpText("after", EXAMPLES);
}

const EXAMPLES = `
Examples:
  ${PROGRAM} graph -p postgresql://synapse@localhost/synapse -r '!id:server'
  ${PROGRAM} graph -p postgresql://synapse@localhost/synapse -r '!id:server' --combined --gzip
  ${PROGRAM} graph -p postgresql://synapse@localhost/synapse -r '!id:server' --around 4711 --within 20
`;

/**
 * Reads what follows `graph`.
 *
 * @throws {UsageError} it asks for something that cannot be
 * @returns the command, or the help text to print
 */
export function parseGraph(argv: readonly string[], environment: Environment): GraphCommand | string {
  const flags = parseFlags(makeProgram(), argv);
  if (typeof flags === "string") return flags;
  const drawing = checkDrawing(flags, environment);
  const isGexf = flags.format === "gexf";
  needs(flags.combined, "--combined", isGexf, "--format gexf", "CSV has no place for it: leave one of the two out.");
  needs(flags.gzip, "--gzip", isGexf, "--format gexf", "CSV importers want plain files: leave one of the two out.");
  needs(flags.within !== undefined, "--within", flags.around !== undefined, "--around", "Add --around GROUP.");
  apart(flags.combined, flags.only, "--combined and --only", "A combined file holds both: leave one of the two out.");
  const { format, combined, only, around, within, minRows } = flags;
  return {
    kind: "graph",
    ...drawing,
    graph: { format, ...withoutUndefined({ combined, only, around, within, minRows }) },
    graphDir: flags.graphDir ?? ".",
    gzip: flags.gzip ?? false,
    maxNodes: flags.maxNodes ?? MAX_NODES,
  };
}
