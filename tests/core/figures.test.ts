import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { measure, measureStanding } from "../../src/core/figures.ts";
import { compress, findRewrites } from "../../src/core/plan/compress.ts";
import { forest } from "../support/forest.ts";

/** Three snapshots of three rows, each of which differs in one row from the one before. */
const SNAPSHOTS = "1{a=1,b=1,c=1}, 2{a=2,b=1,c=1}, 3{a=3,b=1,c=1}";

Deno.test("measure() counts rows, snapshots and hops before and after", () => {
  const { rowsBefore, rowsAfter, snapshotsBefore, snapshotsAfter, maxHopsBefore, maxHopsAfter, meanHopsAfter } =
    measure(
      compress(forest(SNAPSHOTS), { prefer: "rows" }),
    );
  deepStrictEqual([rowsBefore, rowsAfter, snapshotsBefore, snapshotsAfter], [9, 5, 3, 1]);
  deepStrictEqual([maxHopsBefore, maxHopsAfter, meanHopsAfter], [0, 2, 1]);
});

Deno.test("measure() names the groups with the most rows, and what is left alone", () => {
  const figures = measure(compress(forest("1{a=1,b=1} <- 2{a=2}, 3!{a=9,b=9,c=9}, ?7 <- 8{a=1}")));
  deepStrictEqual(figures.largestBefore.map(({ groupId }) => groupId).slice(0, 2), [3, 1]);
  deepStrictEqual([figures.groupsPending, figures.groupsLeftOut, figures.defects.length], [1, 1, 1]);
});

Deno.test("measureStanding() takes of the rewrites only those that stand", () => {
  const compression = compress(forest(SNAPSHOTS), { prefer: "rows" });
  const rewrites = findRewrites(compression);
  const figures = measure(compression);
  const standing = (...stands: number[]) => measureStanding(compression, rewrites, Uint8Array.from(stands), figures);
  strictEqual(rewrites.count, 2);
  deepStrictEqual([standing(0, 0).rowsAfter, standing(0, 0).maxHopsAfter], [9, 0]);
  deepStrictEqual([standing(1, 0).rowsAfter, standing(1, 0).snapshotsAfter], [7, 2]);
  const { rowsAfter, groupsOverBound, maxHopsAfter, meanHopsAfter, snapshotsAfter, largestAfter } = figures;
  const { bytesAfter, readMsAfter, readNewestMsAfter } = figures;
  deepStrictEqual(standing(1, 1), {
    rowsAfter,
    bytesAfter,
    groupsOverBound,
    maxHopsAfter,
    meanHopsAfter,
    readMsAfter,
    readNewestMsAfter,
    snapshotsAfter,
    largestAfter,
  });
});

Deno.test("measure() counts the groups whose chains stay longer than the bound", () => {
  const chain = Array.from({ length: 6 }, (_, i) => `${i + 1}~{a=${i},b=1}`).join(" <- ");
  strictEqual(measure(compress(forest(chain), { maxHops: 3 })).groupsOverBound, 2);
});

Deno.test("measure() has about the bytes that the rows take: before, and after at the same mean size", () => {
  const { bytesBefore, bytesAfter } = measure(compress(forest(SNAPSHOTS), { prefer: "rows" }));
  ok(bytesBefore > 9 * 70 && bytesBefore < 9 * 110, String(bytesBefore));
  strictEqual(bytesAfter, Math.round(bytesBefore * 5 / 9));
  const nothing = measure(compress(forest("1{}")));
  deepStrictEqual([nothing.bytesBefore, nothing.bytesAfter], [0, 0]);
});
