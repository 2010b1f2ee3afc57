/** A survey of a server that nobody has. */
import type { ServerSurvey, SurveyedRoom } from "../../src/jobs/server.ts";

const GIB = 1024 ** 3;

/** A room of it. */
export function surveyedRoom(roomId: string, rows: number, more: Partial<SurveyedRoom> = {}): SurveyedRoom {
  return {
    roomId,
    rows,
    rowsError: rows / 50,
    share: rows / 98_000_000,
    uncompressedRows: rows,
    uncompressedRowsError: rows / 50,
    groups: Math.round(rows / 40),
    groupsError: 0,
    bytes: rows * 200,
    saving: {
      rows: rows * 0.9,
      rowsError: rows / 40,
      share: 0.9,
      groupsTried: 100,
      rowsTried: 40_000,
      readUsBefore: 900,
      readUsAfter: 1_200,
    },
    ...more,
  };
}

/** The survey: 98 million rows, most of them not needed. */
export function sampleSurvey(more: Partial<ServerSurvey> = {}): ServerSurvey {
  const gain = (rows: number, bytes: number) => ({ rows, rowsError: rows / 20, bytes, bytesError: bytes / 20 });
  const forgotten = surveyedRoom("!gone:far.away", 6_000_000, {
    localUsers: 0,
    name: "A room nobody is in",
    saving: undefined,
  });
  return {
    facts: {
      database: "synapse",
      version: "17.4",
      databaseBytes: 31 * GIB,
      stateTables: [{ name: "state_groups_state", bytes: 19 * GIB }, { name: "state_groups", bytes: GIB / 4 }],
      otherTables: [{ name: "event_json", bytes: 6 * GIB }, { name: "events", bytes: 3 * GIB }],
      deadRows: 1_000_000,
      freshness: { analyzedMs: 1_760_000_000_000, vacuumedMs: undefined, changedRows: 12_345 },
      folder: "/var/lib/postgresql/17/main",
      folderModifiedMs: 1_760_000_000_000,
    },
    sizes: {
      tableBytes: 13 * GIB,
      idealBytes: 12 * GIB,
      idealBytesError: GIB / 8,
      liveRows: 98_000_000,
      pages: 1_703_936,
      idealPages: 1_572_864,
      pageBytes: 8192,
      indexes: [{ name: "state_groups_state_type_idx", bytes: 6 * GIB, idealBytes: 5 * GIB }],
    },
    inside: { liveBytes: 12 * GIB, deadBytes: GIB / 8, freeBytes: GIB - GIB / 8 },
    rowBytes: 186,
    volume: { path: "/var/lib/postgresql/17/main", bytes: 100 * GIB, freeBytes: 4 * GIB },
    total: {
      rows: 98_000_000,
      rowsError: 900_000,
      groups: 2_300_000,
      groupsError: 60_000,
      pagesRead: 4_096,
      pages: 1_703_936,
      hasProgress: false,
    },
    rooms: [
      surveyedRoom("!big:example.org", 40_000_000, {
        name: "Synapse Admins",
        alias: "#admins:example.org",
        localUsers: 12,
      }),
      surveyedRoom("!second:example.org", 20_000_000, { alias: "#second:example.org", localUsers: 3 }),
      forgotten,
      surveyedRoom("!late:example.org", 900_000, { saving: undefined, localUsers: 1 }),
    ],
    abandoned: { rooms: [forgotten], count: 14, all: gain(7_000_000, 1.3 * GIB) },
    gains: {
      compress: gain(80_000_000, 14 * GIB),
      prune: gain(2_000_000, 0.4 * GIB),
      reclaim: gain(0, 2 * GIB),
      all: gain(82_000_000, 16.4 * GIB),
      reads: { beforeUs: 900, afterUs: 1_200 },
      rowsTried: 800_000,
    },
    noPruning: undefined,
    blockers: {
      holders: [{
        kind: "replication-slot",
        name: "old_slot",
        detail: "not in use",
        age: 5_000_000,
        since: 1_760_000_000_000,
      }],
      truncateOff: undefined,
      invalidIndexes: [],
      building: [],
      standbys: ["replica1"],
    },
    seconds: 6,
    ...more,
  };
}
