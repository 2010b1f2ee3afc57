/** About what rows take on disk. Knows how PostgreSQL lays out a row and an index entry; asks no database. O(rows). */
import type { DeltaForest } from "./forest.ts";

/**
 * rowBytes[key]: about what a row of that key takes: in the table 28 bytes of header, its number, and four texts with a
 * length byte each; in the index 12 bytes of header, number and two texts, on pages that are nine tenths full.
 */
export function estimateRowBytes({ roomId, keys, events }: DeltaForest): Int32Array {
  const eventBytes = events.size === 0 ? 0 : events.view(0).length;
  const aligned = (bytes: number) => Math.ceil(bytes / 8) * 8;
  const rowBytes = new Int32Array(keys.size);
  for (let key = 0; key < keys.size; key++) {
    // A key's view has four bytes of length in it, just about the length bytes of the texts.
    const pair = keys.view(key).length;
    rowBytes[key] = 4 + aligned(24 + 8 + roomId.length + pair + eventBytes) + (4 + aligned(8 + 8 + pair)) / 0.9;
  }
  return rowBytes;
}

/** About what all rows take in table and index, in bytes. O(rows). */
export function estimateBytes(forest: DeltaForest): number {
  const rowBytes = estimateRowBytes(forest);
  let bytes = 0;
  for (let g = 0; g < forest.size; g++) forest.forEachRow(g, (key) => bytes += rowBytes[key]!);
  return bytes;
}
