/** `graph`: from its options to files, and what it says meanwhile. */

import { join } from "node:path";
import {
  connect,
  describeTarget,
  type Drawing,
  drawRoom,
  formatJson,
  graphNames,
  parseTarget,
  type TextSink,
} from "../../mod.ts";
import { type CommandContext, noGroups, Outputs, printEvent } from "../commands.ts";
import { PROGRAM } from "../parse.ts";
import type { GraphCommand } from "../parse/graph.ts";
import { Terminal } from "../terminal.ts";

/** Draws a room. */
export async function runGraph(command: GraphCommand, { environment, signal }: CommandContext): Promise<number> {
  const terminal = new Terminal({ quiet: command.quiet, stdoutIsTaken: true });
  const target = parseTarget(command.postgres, environment);
  for (const warning of target.warnings) terminal.log(`warning: ${warning}`);
  await using outputs = new Outputs();
  const sinks = new Map<string, TextSink>();
  const paths: string[] = [];
  for (const name of graphNames(command.graph)) {
    const path = join(command.graphDir, command.gzip ? `${name}.gz` : name);
    sinks.set(name, await outputs.open(path, { gzip: command.gzip }));
    paths.push(path);
  }
  try {
    await using session = await connect(target, { signal, readOnly: true, applicationName: PROGRAM });
    let drawing: Drawing | undefined;
    const report = await drawRoom(session, command, (name) => sinks.get(name)!, {
      signal,
      onEvent(event) {
        printEvent(terminal, event);
        if (event.kind !== "drawing") return;
        drawing = event.drawing;
        describe(terminal, command, drawing);
      },
    });
    if (report.outcome === "no-groups") throw noGroups("draw", command, describeTarget(target));
    for (const path of paths) terminal.log(`Wrote ${path}`);
    if (command.json) {
      const { nodes, nodesInRoom, edges } = drawing!;
      terminal.json(formatJson({ ...report, drawing: { files: paths, nodes, nodesInRoom, edges } }));
    }
    return 0;
  } finally {
    terminal.close();
  }
}

function describe(terminal: Terminal, { maxNodes, graph }: GraphCommand, { nodes, nodesInRoom, edges }: Drawing): void {
  const part = nodes === nodesInRoom ? "" : ` of ${nodesInRoom}`;
  terminal.log(`Drawing ${nodes} nodes${part} and up to ${edges} edges...`);
  if (nodes === 0) {
    terminal.log(
      `warning: the drawing is empty: no state group has ${graph.minRows ?? 0} rows; give a smaller --min-rows`,
    );
  }
  if (nodes <= maxNodes) return;
  terminal.log(
    `warning: more than ${maxNodes} nodes are slow to look at: narrow the drawing with --around GROUP --within HOPS, ` +
      "with --min-rows ROWS, or with a range (-b, -n, -s); or see the room on one page with `report`",
  );
}
