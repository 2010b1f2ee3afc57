/** `graph`: draws a room into files for Gephi and others. */

import { join } from "node:path";
import {
  type Drawing,
  drawRoom,
  formatCount,
  formatUnits,
  type GraphFormat,
  graphNames,
  type TextSink,
} from "../../mod.ts";
import type { Command, Context, Result } from "../command.ts";
import { noGroups, printEvent } from "../events.ts";
import { choice, count, text, toggle, type Values } from "../flags.ts";
import { apart, checkBound, checkRange, drawingFlags, needs } from "../options.ts";
import type { GraphOutput } from "../outputs.ts";
import type { Terminal } from "../terminal.ts";

/** The formats of graphs, the default of `graph` first. */
export const GRAPH_FORMATS = ["gexf", "csv", "csv-comma"] as const satisfies readonly GraphFormat[];

/** Gephi opens more, but is slow to move in it. */
const MAX_NODES = 50_000;

const FLAGS = {
  ...drawingFlags(),
  format: choice(
    "-f, --format <NAME>",
    "for Gephi, as the Rust tool, for Cosmograph",
    GRAPH_FORMATS,
    GRAPH_FORMATS[0],
  ),
  graphDir: text("--graph-dir <DIR>", "folder for the files (default: this one)"),
  gzip: toggle("--gzip", "write .gexf.gz, which Gephi opens directly"),
  combined: toggle("--combined", "one file with the edges before and after"),
  only: choice("--only <WHICH>", "only one of the two graphs", ["before", "after"]),
  around: count("--around <GROUP>", "only state groups near this one", 0),
  within: count("--within <HOPS>", "distance from --around in hops (default: 10)", 0),
  minRows: count("--min-rows <ROWS>", "only state groups with this many rows", 1),
  maxNodes: count("--max-nodes <COUNT>", `warn above this many nodes (default: ${MAX_NODES})`, 1),
};
type Options = Values<typeof FLAGS>;

/** `graph`. */
export const graph: Command<typeof FLAGS> = {
  name: "graph",
  description: "Exports a room's state groups before and after compression, for Gephi and other tools. Read-only.",
  summary: "draws a room for Gephi and other tools",
  examples: [
    "graph -p postgresql:///synapse -r '!id:server'",
    "graph -p postgresql:///synapse -r '!id:server' --gzip",
  ],
  usage: "-p DATABASE -r ROOM [options]",
  flags: FLAGS,
  check(options) {
    checkBound(options);
    checkRange(options);
    const { combined, gzip, within, around, only, format = GRAPH_FORMATS[0] } = options;
    const isGexf = format === "gexf";
    needs(combined, "--combined", isGexf, "--format gexf", "CSV cannot hold it: leave one of the two out.");
    needs(gzip, "--gzip", isGexf, "--format gexf", "CSV importers need plain files: leave one of the two out.");
    needs(within !== undefined, "--within", around !== undefined, "--around", "Add --around GROUP.");
    apart(combined, only, "--combined and --only", "A combined file holds both: leave one of the two out.");
  },
  takesStdout: () => true,
  run,
};

async function run(options: Options, context: Context): Promise<Result> {
  const { terminal, signal } = context;
  const database = context.database(options);
  const graph = { ...options, format: options.format ?? GRAPH_FORMATS[0] };
  const sinks = new Map<string, TextSink>();
  const files: string[] = [];
  for (const name of graphNames(graph)) {
    const path = join(options.graphDir ?? ".", options.gzip ? `${name}.gz` : name);
    sinks.set(name, await context.open(path, options));
    files.push(path);
  }
  await using session = await database.connect({ readOnly: true });
  let drawing: Drawing | undefined;
  const report = await drawRoom(session, { ...options, graph }, (name) => sinks.get(name)!, {
    signal,
    onEvent(event) {
      printEvent(terminal, event);
      if (event.kind !== "drawing") return;
      drawing = event.drawing;
      describe(terminal, options, drawing);
    },
  });
  if (report.outcome === "no-groups") throw await noGroups(session, "draw", options, database.name);
  for (const path of files) terminal.log(`Wrote ${path}`);
  const { nodes, nodesInRoom, edges } = drawing!;
  return { report: { ...report, drawing: { files, nodes, nodesInRoom, edges } } satisfies GraphOutput };
}

function describe(terminal: Terminal, options: Options, { nodes, nodesInRoom, edges }: Drawing): void {
  const { maxNodes = MAX_NODES, minRows = 0 } = options;
  const part = nodes === nodesInRoom ? "" : ` of ${formatCount(nodesInRoom)}`;
  terminal.log(`Drawing ${formatCount(nodes)}${part} nodes and up to ${formatUnits(edges, "edge")}...`);
  if (nodes === 0) {
    terminal.log(
      `warning: the graph is empty: no state group has ${formatUnits(minRows, "row")}; give a smaller --min-rows`,
    );
  }
  if (nodes <= maxNodes) return;
  terminal.log(
    `warning: more than ${
      formatUnits(maxNodes, "node")
    } are slow to work with: narrow the graph with --around GROUP --within HOPS, ` +
      "with --min-rows ROWS, or with a range (-b, -n, -s); or use `report` to see the room on one page",
  );
}
