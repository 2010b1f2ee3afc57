/** Pages of rooms that were never in a database. */
import { compress, type Compression } from "../../src/core/plan/compress.ts";
import type { DeltaForest } from "../../src/core/forest/forest.ts";
import type { PageOptions } from "../../src/format/page/about.ts";
import { formatPage } from "../../src/format/page/page.ts";
import { makeReport, type RoomReport } from "../../src/jobs/report.ts";

/** The page of a room. */
export function samplePage(forest: DeltaForest, options?: PageOptions): string {
  const compression = compress(forest);
  return [...formatPage(compression, sampleReport(compression), options)].join("");
}

/** The figures of a compression that nobody wrote. */
export function sampleReport(compression: Compression): RoomReport {
  return { ...makeReport(compression), groupsRewritten: compression.groupsChanged };
}
