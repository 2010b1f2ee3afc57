import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { compress } from "../../../src/core/plan/compress.ts";
import { findFrontier } from "../../../src/core/plan/frontier.ts";
import { fixtureRooms } from "../../support/fixture.ts";
import { build } from "../../support/forest.ts";

Deno.test("findFrontier() has the named plans' own figures, and more rows and faster reads as the rate rises", async () => {
  const room = build((await fixtureRooms())[0]!);
  const points = findFrontier(room);
  deepStrictEqual(points.slice(0, 5).map(({ name }) => name), ["now", "levels", "rows", "balance", "reads"]);
  strictEqual(points[0]!.rows, room.totalRows);
  strictEqual(points[1]!.rows, compress(room, { strategy: "levels" }).rowsAfter);
  for (const point of points.slice(2, 5)) {
    strictEqual(point.rows, compress(room, { prefer: point.name as "rows" }).rowsAfter);
  }
  const curve = points.slice(5);
  const [cheap, dear] = [curve[0]!, curve.at(-1)!];
  ok(curve.length > 3 && cheap.rows < dear.rows && cheap.readMs > dear.readMs, JSON.stringify(curve));
});
