/**
 * The graph files of a compression, by format: their names, and their texts as pieces. Pure: whoever opens files asks
 * here what to open.
 */
import type { Compression } from "../../core/plan/compress.ts";
import { NONE } from "../../core/forest/defects.ts";
import { formatCommaEdges, formatCommaNodes, formatEdges, formatNodes, type GraphColumns } from "./csv.ts";
import { countEdges, formatGexf, type GexfView } from "./gexf.ts";
import { type GraphPart, makeGraph, type RoomGraph, selectPart, type Stage } from "./graph.ts";

/** `gexf` for Gephi; `csv` as the Rust tool writes it; `csv-comma` for Cosmograph. */
export type GraphFormat = "gexf" | "csv" | "csv-comma";

/** What to draw, and how. */
export interface GraphOptions extends GraphPart {
  /** @default "csv" */
  /** Which kind of file. @default the Rust tool's CSV */
  readonly format?: GraphFormat | undefined;
  /** One file with the edges of both; only for "gexf". @default false */
  readonly combined?: boolean | undefined;
  /** Only this one. @default both */
  readonly only?: Stage | undefined;
}

/** A file to write. */
export interface GraphText {
  /** The file's name. */
  readonly name: string;
  /** Its contents, in pieces. */
  readonly text: Iterable<string>;
}

/** The files of a drawing, and how big it is. */
export interface Drawing {
  /** The files. */
  readonly files: readonly GraphText[];
  /** The nodes drawn. */
  readonly nodes: number;
  /** Groups of the room, of which fewer may be drawn. */
  readonly nodesInRoom: number;
  /** The most edges that one file has. */
  readonly edges: number;
}

/** The names of the files that drawGraphs() makes, in its order. */
export function graphNames(options: GraphOptions): string[] {
  const { format = "csv" } = options;
  return viewsOf(options).flatMap((view) =>
    format === "gexf" ? [`${view}.gexf`] : [`${view}_nodes.csv`, `${view}_edges.csv`]
  );
}

function viewsOf({ combined, only }: GraphOptions): readonly GexfView[] {
  if (combined === true) return ["combined"];
  return only === undefined ? ["before", "after"] : [only];
}

/**
 * Draws a compression.
 *
 * @throws {CompressorError} `around` is no group of the room
 * @throws {RangeError} `combined` in a format that has no place for it
 */
export function drawGraphs(compression: Compression, options: GraphOptions): Drawing {
  const { format = "csv" } = options;
  if (options.combined === true && format !== "gexf") throw new RangeError(`${format} cannot be combined`);
  const graph = makeGraph(compression);
  const isShown = selectPart(graph, options);
  const names = graphNames(options);
  const views = viewsOf(options);
  const texts = views.flatMap((view) => {
    if (format === "gexf") return [formatGexf(graph, view, { isShown })];
    const stage = view === "combined" ? "after" : view;
    if (format === "csv-comma") {
      return [formatCommaNodes(graph, stage, isShown), formatCommaEdges(graph, stage, isShown)];
    }
    const columns = selectColumns(compression, stage, graph, isShown);
    return [formatNodes(columns), formatEdges(columns)];
  });
  return {
    files: names.map((name, i) => ({ name, text: texts[i]! })),
    nodes: isShown.reduce((sum, shown) => sum + shown, 0),
    nodesInRoom: graph.size,
    edges: Math.max(...views.map((view) => countEdges(graph, view, isShown))),
  };
}

/** The Rust tool's columns: the forest's groups alone, of which those that are shown. */
function selectColumns(compression: Compression, stage: Stage, graph: RoomGraph, isShown: Uint8Array): GraphColumns {
  const { forest } = compression;
  const { predecessor, rowCount } = stage === "before" ? forest : compression;
  const kept: number[] = [];
  const index = new Int32Array(forest.size).fill(NONE);
  for (let n = 0; n < graph.size; n++) {
    const g = graph.group[n]!;
    if (g !== NONE && isShown[n] === 1) index[g] = kept.push(g) - 1;
  }
  if (kept.length === forest.size) return { size: forest.size, groupId: forest.groupId, predecessor, rowCount };
  return {
    size: kept.length,
    groupId: kept.map((g) => forest.groupId[g]!),
    predecessor: kept.map((g) => predecessor[g] === NONE ? NONE : index[predecessor[g]!]!),
    rowCount: kept.map((g) => rowCount[g]!),
    // A part may leave out what a group builds on; it is no snapshot for that.
    isSnapshot: kept.map((g) => predecessor[g] === NONE),
  };
}
