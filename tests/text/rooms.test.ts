import { deepStrictEqual } from "node:assert/strict";
import type { RoomList } from "../../src/jobs/rooms.ts";
import { formatBasis, formatRooms, formatRoomSteps } from "../../src/text/rooms.ts";

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
  rowBytes: 200,
};

Deno.test("formatRooms() rounds to what the errors leave, shows what is not known, and ends with totals", () => {
  deepStrictEqual(formatRooms(ROOMS), [
    "           rows    bytes  share  groups   rows/group  new to auto            would save  room",
    "1,230,000 ±5.0%  235 MiB    50%       0  1,234,567.0          50%  1,000,000 ±40% (81%)  !a:b",
    "    under 2,000  176 KiB  0.04%       0        900.0           0%                     -  !c:d",
    "1,240,000 ±5.0%  236 MiB    49%       0  1,235,467.0               1,000,000 ±40% (81%)  these 2 rooms",
    "2,500,000 ±5.0%  477 MiB   100%      77     32,467.5                                  -  all rooms",
  ]);
});

Deno.test("formatRooms() has one total where all rooms are listed, names, and local users where they are known", () => {
  const saving = { ...ROOM.saving, rows: 40, rowsError: 0, share: 0.4 };
  const room = { ...ROOM, rows: 100, rowsError: 0, share: 1, groups: 10, uncompressedRows: 100, saving };
  const list: RoomList = {
    ...ROOMS,
    rooms: [{ ...room, name: "A name", alias: "#alias:b", localUsers: 0 }],
    rows: 100,
    rowsError: 0,
    groups: 10,
    hasProgress: false,
  };
  deepStrictEqual(formatRooms(list), [
    "rows   bytes  share  groups  rows/group  would save  local users  room",
    " 100  20 KiB   100%      10        10.0    40 (40%)            0  !a:b  A name  #alias:b",
    " 100  20 KiB   100%      10        10.0    40 (40%)               all 1 room",
  ]);
  deepStrictEqual(formatRoomSteps(list, ["-p", "postgresql://h/d"]), [
    "No local user is in 1 of these rooms, with about 100 rows, 20 KiB. Synapse's admin API deletes them, if you agree:",
    `    curl -X DELETE -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Content-Type: application/json' ` +
    `-d '{"block": false, "purge": true}' 'http://localhost:8008/_synapse/admin/v2/rooms/!a%3Ab'`,
    "Next:",
    "    synapse_compress_state report -p postgresql://h/d",
    "    synapse_compress_state auto -p postgresql://h/d --dry-run",
  ]);
  const done = { ...list, rooms: [{ ...room, saving: { ...saving, rows: 0 } }] };
  deepStrictEqual(formatRoomSteps(done, []), ["Next:", "    synapse_compress_state report"]);
});

Deno.test("formatBasis() says what the figures were found from", () => {
  deepStrictEqual(formatBasis(ROOMS), [
    "Estimated from 10 of the table's 1,000 pages (1.0%), drawn at random: ± is a 95% confidence interval. " +
    "--exact counts every row.",
    "Savings were estimated by compressing 1,234 rows of these rooms in memory.",
    "Time limit reached: the savings of 1 of these rooms were not estimated (--savings-time).",
  ]);
  deepStrictEqual(formatBasis({ ...ROOMS, rooms: [], pagesRead: 1000, rowsError: 0 }), []);
});
