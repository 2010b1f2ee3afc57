import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { formatFreshness, formatReads, formatSurvey, formatVolume } from "../../src/text/server.ts";
import { sampleSurvey } from "../support/survey.ts";

Deno.test("formatSurvey() has sizes, gains, rooms, what is in the way, and the commands", () => {
  const lines = formatSurvey(sampleSurvey(), {
    databaseArguments: ["-p", "postgresql://synapse@db/synapse"],
    now: 1_760_000_000_000 + 3 * 86_400_000,
  });
  const text = lines.join("\n");
  for (
    const line of [
      "Database synapse (PostgreSQL 17.4): 31 GiB; Synapse's state tables take 19 GiB, 62% of it",
      "state_groups_state: 13 GiB (live 12 GiB ±1.0%, dead 128 MiB, free 896 MiB); its index 6.0 GiB",
      "Rows: 98,000,000 ±1.0% of 2,300,000 ±2.6% state groups, estimated from 4,096 of 1,703,936 pages",
      "Other big tables: event_json 6.0 GiB, events 3.0 GiB",
      "Volume: 100 GiB, 4.0 GiB of it free (/var/lib/postgresql/17/main)",
      "PostgreSQL's statistics: last ANALYZE 3 d ago, 12,345 rows changed since; last VACUUM never",
      "  compressing      80,000,000 ±5.0%     82%   14 GiB ±5.0%",
      "  reclaiming now                  0      0%  2.0 GiB ±5.0%",
      "  Reads: a group's full state costs 900 µs now and 1.2 ms compressed, by the model (33% more)",
      "Rooms that no local user is in: 14 found, with 7,000,000 ±5.0% rows, about 1.3 GiB ±5.0%:",
      "     synapse_compress_state auto -p postgresql://synapse@db/synapse --dry-run",
    ]
  ) ok(lines.includes(line), `${line}\n\n${text}`);
  match(
    text,
    /7\.5 GiB +40,000,000 ±2\.0% +41% +36,000,000 ±2\.8% \(90%\) +12 {2}!big:example.org {2}Synapse Admins {2}#admins/,
  );
  match(text, /replication slot old_slot/);
});

Deno.test("formatSurvey() says what it does not know, and that nothing is worth doing", () => {
  const none = { rows: 0, rowsError: 0, bytes: 0, bytesError: 0 };
  const survey = sampleSurvey({
    rooms: [],
    abandoned: "this database has no table room_stats_current",
    volume: "the database is on another host",
    gains: { compress: none, prune: undefined, reclaim: none, all: none, reads: undefined, rowsTried: 0 },
    noPruning: "this database has no table events",
    blockers: { holders: [], truncateOff: undefined, invalidIndexes: [], building: [], standbys: [] },
  });
  const text = formatSurvey(survey).join("\n");
  match(text, /Pruning: not known, since this database has no table events\./);
  match(text, /not known, since this database has no table room_stats_current\./);
  match(text, /Volume: unknown, since the database is on another host/);
  match(text, /Nothing here is worth doing now\.$/);
  strictEqual(text.includes("In the way"), false);
});

Deno.test("formatReads(), formatVolume() and formatFreshness() in words", () => {
  deepStrictEqual(
    [undefined, { beforeUs: 2_000, afterUs: 1_000 }, { beforeUs: 1_000, afterUs: 2_800 }].map(formatReads),
    [
      "not known: no room was tried",
      "a group's full state costs 2.0 ms now and 1.0 ms compressed, by the model (50% less)",
      "a group's full state costs 1.0 ms now and 2.8 ms compressed, by the model (2.8 times as much)",
    ],
  );
  strictEqual(formatVolume("it is far away"), "unknown, since it is far away");
  const fresh = { analyzedMs: 1000, vacuumedMs: 1000, changedRows: 1 };
  match(formatFreshness(fresh, 2000), /last ANALYZE within the hour, 1 row changed/);
});
