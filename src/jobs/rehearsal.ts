/**
 * A room's chunks rehearsed: what a chunk would write is kept in memory, and the next chunk goes on from there, so its figures
 * are those of a real run. Nothing is written. Memory is that of the room's chunks, as long as it is worked on.
 */
import { estimateRowBytes } from "../core/forest/bytes.ts";
import { type DeltaForest, NONE } from "../core/forest/forest.ts";
import type { Rewrites } from "../core/plan/compress.ts";
import type { PlannedGroups } from "../db/read/context.ts";
import type { RoomProgress, SavedLevel } from "../db/write/progress.ts";
import type { WriteReport } from "../db/write/write.ts";
import { noSkips } from "../db/write/skips.ts";

/** What a chunk would have written. */
interface Planned {
  readonly forest: DeltaForest;
  readonly rewrites: Rewrites;
}

/** A room on which no auto compressor has ever worked. */
export const NO_PROGRESS: RoomProgress = { lastCompressed: undefined, levels: [], replaced: [] };

/** One room, as far as it was rehearsed. */
export class Rehearsal implements PlannedGroups {
  /** How far the room would be now; undefined where the database says it. */
  progress: RoomProgress | undefined;
  /** By database id: the chunk that rewrites a group, and its place there. */
  readonly #rewritten = new Map<number, { readonly planned: Planned; readonly index: number }>();

  /**
   * Begins a room.
   *
   * @param progress how far the room is; read from the database where undefined
   */
  constructor(progress?: RoomProgress) {
    this.progress = progress;
  }

  /** Whether a group would be rewritten. */
  has(groupId: number): boolean {
    return this.#rewritten.has(groupId);
  }

  /** Its new predecessor, or undefined for a snapshot. */
  predecessorOf(groupId: number): number | undefined {
    const { planned: { forest, rewrites }, index } = this.#rewritten.get(groupId)!;
    const base = rewrites.predecessor[index]!;
    return base === NONE ? undefined : forest.groupId[base]!;
  }

  /** Calls `visit` for each of its new rows. */
  forEachRow(groupId: number, visit: (key: Uint8Array, event: Uint8Array) => void): void {
    const { planned: { forest, rewrites }, index } = this.#rewritten.get(groupId)!;
    const { rowStart, key, event } = rewrites;
    for (let row = rowStart[index]!; row < rowStart[index + 1]!; row++) {
      visit(forest.keys.view(key[row]!), forest.events.view(event[row]!));
    }
  }

  /** Takes rewrites for written, and says what writing them would have come to. O(rows). */
  write(forest: DeltaForest, rewrites: Rewrites): WriteReport {
    const planned = { forest, rewrites };
    const rowBytes = estimateRowBytes(forest);
    let [rowsDeleted, rowsInserted, bytesFreed] = [0, 0, 0];
    for (let index = 0; index < rewrites.count; index++) {
      const g = rewrites.group[index]!;
      this.#rewritten.set(forest.groupId[g]!, { planned, index });
      forest.forEachRow(g, (key) => {
        rowsDeleted++;
        bytesFreed += rowBytes[key]!;
      });
      for (let row = rewrites.rowStart[index]!; row < rewrites.rowStart[index + 1]!; row++) {
        rowsInserted++;
        bytesFreed -= rowBytes[rewrites.key[row]!]!;
      }
    }
    return {
      batches: 0,
      groupsWritten: rewrites.count,
      groupsUnchanged: 0,
      groupsLeft: 0,
      skipped: [],
      skippedByKind: noSkips(),
      rowsDeleted,
      rowsInserted,
      bytesFreed,
      retries: 0,
      stands: new Uint8Array(rewrites.count).fill(1),
    };
  }

  /** Takes a room's progress for saved. */
  save(lastCompressed: number, levels: readonly SavedLevel[]): void {
    this.progress = { lastCompressed, levels, replaced: [] };
  }
}
