/**
 * THE statements of a room's rewrites, as text for psql: guarded (the default; see guard.ts for what the guards are) or in
 * the Rust tool's plain form. Knows SQL and its quoting; opens no file and no connection. Yields pieces of about 64 KiB, so
 * memory is bounded however big a group is. Cost: O(rows written), and guarded also O(rows read of each rewritten group).
 */

import type { Compression, Rewrites } from "../../core/plan/compress.ts";
import { StandingChains } from "../../core/plan/chains.ts";
import { orderRewrites } from "../../core/plan/order.ts";
import { RowsDigest } from "./digest.ts";
import { guardEpilogue, guardPrologue, REWRITE_PROCEDURE } from "./guard.ts";
import { quoteLiteral } from "./quote.ts";

export { quoteLiteral } from "./quote.ts";

/** How {@linkcode formatRewrites} writes. */
export interface SqlOptions {
  /** Wrap each group in BEGIN; … COMMIT;. @default false */
  readonly transactions?: boolean | undefined;
  /** Lock, compare and bump before a group is touched, and leave it alone where Synapse changed it. @default true */
  readonly guards?: boolean | undefined;
}

const PIECE = 65_536;

/** What a file's rewrites belong to: the forest as it was read, and what is said of it at the file's top. */
export type SqlSubject = Pick<Compression, "forest" | "strategy" | "rowsBefore" | "rowsAfter">;

/** Formats `rewrites` as one SQL file, in an order in which no chain is too long after any of them. */
export function* formatRewrites(
  subject: SqlSubject,
  rewrites: Rewrites,
  options: SqlOptions = {},
): Generator<string> {
  const { transactions = false, guards = true } = options;
  const pieces = guards ? formatGuarded(subject, rewrites, transactions) : formatPlain(subject, rewrites, transactions);
  let text = "";
  for (const piece of pieces) {
    text += piece;
    if (text.length < PIECE) continue;
    yield text;
    text = "";
  }
  yield text;
}

function* formatGuarded(subject: SqlSubject, rewrites: Rewrites, transactions: boolean): Generator<string> {
  const { forest } = subject;
  const digest = new RowsDigest(forest.keys, forest.events);
  const id = (index: number) => index < 0 ? "NULL" : String(forest.groupId[index]!);
  yield header(subject, rewrites, transactions ? HOW_GUARDED_TRANSACTIONS : HOW_GUARDED);
  const { order, maxHops } = orderRewrites(forest, rewrites);
  const chains = new StandingChains(forest, rewrites, maxHops);
  yield guardPrologue(forest.roomId, maxHops);
  for (const i of order) {
    const reach = chains.reach(i);
    chains.accept(i);
    const group = rewrites.group[i]!;
    const read = digest.of((visit) => forest.forEachRow(group, visit));
    const start = rewrites.rowStart[i]!;
    const end = rewrites.rowStart[i + 1]!;
    if (transactions) yield "BEGIN ISOLATION LEVEL READ COMMITTED;\n";
    yield `CALL ${REWRITE_PROCEDURE}(${id(group)}, ${id(rewrites.predecessor[i]!)}, ${
      id(forest.predecessor[group]!)
    }, '${read}'`;
    if (end > start) {
      yield* formatArray(start, end, (row) => forest.keys.type(rewrites.key[row]!));
      yield* formatArray(start, end, (row) => forest.keys.stateKey(rewrites.key[row]!));
      yield* formatArray(start, end, (row) => forest.events.text(rewrites.event[row]!));
    }
    if (reach > maxHops) yield `, max_hops => ${reach}`;
    yield transactions ? ");\nCOMMIT;\n" : ");\n";
  }
  yield guardEpilogue(rewrites.count);
}

function* formatArray(start: number, end: number, text: (row: number) => string): Generator<string> {
  yield ",\n  ARRAY[";
  for (let row = start; row < end; row++) yield (row > start ? "," : "") + quoteLiteral(text(row));
  yield "]";
}

function* formatPlain(subject: SqlSubject, rewrites: Rewrites, transactions: boolean): Generator<string> {
  const { forest } = subject;
  const room = quoteLiteral(forest.roomId);
  yield header(subject, rewrites, transactions ? HOW_PLAIN_TRANSACTIONS : HOW_PLAIN);
  // The Rust tool's own order, where all else is the Rust tool's.
  const order = subject.strategy === "levels" ? rewrites.group.keys() : orderRewrites(forest, rewrites).order;
  for (const i of order) {
    const id = forest.groupId[rewrites.group[i]!]!;
    const predecessor = rewrites.predecessor[i]!;
    if (transactions) yield "BEGIN;\n";
    yield `DELETE FROM state_group_edges WHERE state_group = ${id};\n`;
    if (predecessor >= 0) {
      yield `INSERT INTO state_group_edges (state_group, prev_state_group) VALUES (${id}, ${forest
        .groupId[predecessor]!});\n`;
    }
    yield `DELETE FROM state_groups_state WHERE state_group = ${id};\n`;
    const start = rewrites.rowStart[i]!;
    const end = rewrites.rowStart[i + 1]!;
    for (let row = start; row < end; row++) {
      if (row === start) {
        yield "INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES\n";
      }
      const key = rewrites.key[row]!;
      const type = quoteLiteral(forest.keys.type(key));
      const stateKey = quoteLiteral(forest.keys.stateKey(key));
      const event = quoteLiteral(forest.events.text(rewrites.event[row]!));
      yield `    (${id}, ${room}, ${type}, ${stateKey}, ${event})${row + 1 < end ? "," : ";"}\n`;
    }
    if (transactions) yield "COMMIT;\n";
  }
}

const HOW_GUARDED =
  `-- Safe beside a running Synapse, later, in part or twice: each group is locked, compared with what was read, and left
-- alone, with a warning that says why, where it is no longer so. Each CALL commits by itself when run as
--     psql -q -f FILE DATABASE
-- and all of them together, holding their locks to the end, with: psql -q --single-transaction -v ON_ERROR_STOP=1 -f FILE DATABASE
`;
const HOW_GUARDED_TRANSACTIONS =
  `-- Safe beside a running Synapse, later, in part or twice: each group is a transaction, is locked, compared with what was
-- read, and left alone, with a warning that says why, where it is no longer so. Run it with:
--     psql -q -f FILE DATABASE
`;
const HOW_PLAIN =
  `-- NO GUARDS and no transactions: only while Synapse is stopped and nothing has changed since this file was made. Run it with:
--     psql -q --single-transaction -v ON_ERROR_STOP=1 -f FILE DATABASE
`;
const HOW_PLAIN_TRANSACTIONS =
  `-- NO GUARDS: only while Synapse is stopped and nothing has changed since this file was made. Each group is a transaction. Run it with:
--     psql -q -v ON_ERROR_STOP=1 -f FILE DATABASE
`;

function header(subject: SqlSubject, rewrites: Rewrites, how: string): string {
  // JSON keeps a line break in a room id from ending the comment.
  return `-- synapse_compress_state: room ${
    JSON.stringify(subject.forest.roomId)
  }, ${rewrites.count} state groups rewritten, ` +
    `${subject.rowsBefore} -> ${subject.rowsAfter} rows.\n${how}SET client_encoding = 'UTF8';\n`;
}
