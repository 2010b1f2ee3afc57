import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { addGains, Extrapolation } from "../../src/jobs/gains.ts";
import type { TriedRoom } from "../../src/jobs/trial.ts";

function room(roomId: string, rows: number, share: number): TriedRoom {
  const saving = {
    rows: rows * share,
    rowsError: 0,
    share,
    groupsTried: 10,
    rowsTried: rows,
    readUsBefore: 100,
    readUsAfter: 300,
  };
  const size = { roomId, rows, rowsError: 0, share: 0, uncompressedRows: rows, uncompressedRowsError: 0 };
  return { ...size, groups: 10, groupsError: 0, saving };
}
const untried = (roomId: string, rows: number): TriedRoom => ({ ...room(roomId, rows, 0), saving: undefined });

Deno.test("Extrapolation: the biggest rooms count as they are, the rest as those that were drawn", () => {
  const total = { rows: 10_000, rowsError: 0 };
  const drawn = [0.2, 0.4, 0.3].map((share, i) => room(`!${i}`, 100, share));
  const { rows, rowsError, bytes } = new Extrapolation(total, [room("!a", 6_000, 0.9)], drawn, 2).gainOf((saving) =>
    saving
  );
  // 5,400 of the big room, 90 of those drawn, 0.3 of the 3,700 others; t(2) = 4.3, standard error 0.1 / sqrt(3).
  deepStrictEqual([rows, bytes], [6_600, 13_200]);
  ok(Math.abs(rowsError - 4.3 * 0.1 / Math.sqrt(3) * 3_700) < 2, `${rowsError}`);
});

Deno.test("Extrapolation says next to nothing from fewer than three rooms that were drawn, and never more than all", () => {
  const total = { rows: 10_000, rowsError: 0 };
  const known = [room("!a", 6_000, 0.9), untried("!b", 1_000)];
  const { rows, rowsError } = new Extrapolation(total, known, [room("!c", 10, 0.5)], 2).gainOf((saving) => saving);
  deepStrictEqual([rows, rowsError], [7_400, 3_990]);
  const { rows: none, rowsError: all } = new Extrapolation(total, [], [], 2).gainOf((saving) => saving);
  deepStrictEqual([none, all], [0, 10_000]);
});

Deno.test("Extrapolation is sure where all rooms were compressed whole", () => {
  const gains = new Extrapolation({ rows: 300, rowsError: 0 }, [room("!a", 100, 0.5), room("!b", 200, 0.1)], [], 1);
  const { rows, rowsError } = gains.gainOf((saving) => saving);
  deepStrictEqual([rows, rowsError], [70, 0]);
  deepStrictEqual(gains.reads(), { beforeUs: 100, afterUs: 300 });
});

Deno.test("addGains() adds errors as those of independent figures, and leaves out what is not known", () => {
  const gain = (rows: number, rowsError: number) => ({ rows, rowsError, bytes: rows * 2, bytesError: rowsError * 2 });
  deepStrictEqual(addGains([gain(10, 3), undefined, gain(5, 4)]), gain(15, 5));
  strictEqual(addGains([]).bytes, 0);
});
