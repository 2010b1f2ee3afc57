/** The rooms of tests/fixtures without a database: read from the dump's text, in the order and with the figures of golden/summary.tsv. */
import { parseDump, readGzip } from "../../scripts/dump.ts";
import type { PlainForest, PlainGroup, PlainRow } from "./forest.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** The nine rooms, most groups first. */
export async function fixtureRooms(): Promise<PlainForest[]> {
  const tables = new Map<string, string[][]>();
  for (const { statement, data } of parseDump(await readGzip(new URL("synapse.sql.gz", FIXTURES)))) {
    const table = /^COPY public\.(\w+) /.exec(statement)?.[1];
    if (table === undefined || data === undefined) continue;
    tables.set(table, data.split("\n").filter(Boolean).map((line) => line.split("\t").map(unescape)));
  }
  const rooms = new Map<string, Map<number, PlainGroup & { predecessors: number[]; rows: PlainRow[] }>>();
  const roomOf = new Map<number, string>();
  for (const [id, roomId] of tables.get("state_groups")!) {
    if (!rooms.has(roomId!)) rooms.set(roomId!, new Map());
    rooms.get(roomId!)!.set(Number(id), { id: Number(id), predecessors: [], rows: [] });
    roomOf.set(Number(id), roomId!);
  }
  const groupOf = (id: string) => rooms.get(roomOf.get(Number(id))!)!.get(Number(id))!;
  for (const [id, predecessor] of tables.get("state_group_edges")!) groupOf(id!).predecessors.push(Number(predecessor));
  for (const [id, , type, key, event] of tables.get("state_groups_state")!) {
    groupOf(id!).rows.push([type!, key!, event!]);
  }
  return [...rooms].map(([roomId, groups]) => ({ roomId, groups: [...groups.values()].sort((a, b) => a.id - b.id) }))
    .sort((a, b) => b.groups.length - a.groups.length);
}

/** A line of golden/summary.tsv: what matrix-org's tool makes of a room. */
export interface Golden {
  readonly levels: number[];
  readonly roomId: string;
  readonly groups: number;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  readonly resets: number;
  readonly resetRows: number;
  /** Undefined where it refused to write, since rows would grow. */
  readonly sqlGroups: number | undefined;
  readonly maxHopsAfter: number;
}

/** golden/summary.tsv. */
export async function goldenSummary(): Promise<Golden[]> {
  const text = await Deno.readTextFile(new URL("golden/summary.tsv", FIXTURES));
  return text.trimEnd().split("\n").slice(1).map((line) => {
    const [levels, roomId, ...figures] = line.split("\t");
    const [groups, rowsBefore, rowsAfter, resets, resetRows, sqlGroups, maxHopsAfter] = figures.map(Number);
    return {
      levels: levels!.split(",").map(Number),
      roomId: roomId!.startsWith("!") ? roomId! : `!${roomId}`,
      groups: groups!,
      rowsBefore: rowsBefore!,
      rowsAfter: rowsAfter!,
      resets: resets!,
      resetRows: resetRows!,
      sqlGroups: Number.isNaN(sqlGroups) ? undefined : sqlGroups!,
      maxHopsAfter: maxHopsAfter!,
    };
  });
}

/** COPY's text format: a backslash and a letter, or a backslash and the character itself. */
function unescape(field: string): string {
  return field.replace(/\\(.)/gs, (_, letter) => ESCAPES[letter] ?? letter);
}

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };
