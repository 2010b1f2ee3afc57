import { deepStrictEqual } from "node:assert/strict";
import type { RoomList } from "../../src/jobs/rooms.ts";
import { formatBasis, formatRooms } from "../../src/text/rooms.ts";

const ROOM = {
  roomId: "!a:b",
  rows: 1_234_567,
  rowsError: 61_728,
  share: 0.5,
  uncompressedRows: 617_283,
  uncompressedRowsError: 61_728,
  groups: 0,
  groupsError: 0,
  saving: {
    rows: 1_000_000,
    rowsError: 400_000,
    share: 0.81,
    groupsTried: 8,
    rowsTried: 1234,
    readUsBefore: 1,
    readUsAfter: 2,
  },
};
const ROOMS: RoomList = {
  rooms: [
    ROOM,
    { ...ROOM, roomId: "!c:d", rows: 900, rowsError: 1000, share: 0.0004, uncompressedRows: 0, saving: undefined },
  ],
  rows: 2_500_000,
  rowsError: 125_000,
  groups: 77,
  groupsError: 0,
  pagesRead: 10,
  pages: 1000,
  hasProgress: true,
};

Deno.test("formatRooms() rounds to what the errors leave, and shows what is not known", () => {
  deepStrictEqual(formatRooms(ROOMS), [
    "           rows  share  groups   rows/group  uncompressed            would save  room",
    "1,230,000 ±5.0%    50%       0  1,234,567.0           50%  1,000,000 ±40% (81%)  !a:b",
    "    under 2,000  0.04%       0        900.0            0%                     -  !c:d",
  ]);
});

Deno.test("formatBasis() says what the figures were found from", () => {
  deepStrictEqual(formatBasis(ROOMS), [
    "All rooms: 2,500,000 ±5.0% rows of 77 state groups.",
    "Estimated from 10 of the table's 1,000 pages (1.0%), drawn at random: ± is a 95% confidence interval. " +
    "--exact counts every row.",
    "Savings were estimated by compressing 1,234 rows of these rooms in memory.",
    "Time limit reached: the savings of 1 of these rooms were not estimated (--savings-time).",
  ]);
  const counted = { ...ROOMS, rooms: [], pagesRead: 1000, rowsError: 0, hasProgress: false };
  deepStrictEqual(formatBasis(counted), [
    "All rooms: 2,500,000 rows of 77 state groups.",
    "No auto compressor has left its progress here: all rows count as uncompressed.",
  ]);
});
