import { deepStrictEqual, ok } from "node:assert/strict";
import { findRoomsNear } from "../../../src/db/read/near.ts";
import { connect } from "../../../src/db/session/connect.ts";
import { testDatabase } from "../../support/database.ts";
import { explained, fillUnanalyzed } from "../../support/plans.ts";

const ROOM = "!wOlkWNmgkAZFxbTaqj:matrix.org";

Deno.test("findRoomsNear() finds what was cut, lost its ! or server, is quoted, or has spaces around it", async () => {
  await using db = await testDatabase();
  await db
    .sql`INSERT INTO state_groups (id, room_id, event_id) VALUES (1, ${ROOM}, ''), (2, '!other:x', ''), (3, ${ROOM}, '')`;
  await using session = await connect(db.url, { readOnly: true });
  for (
    const wanted of [
      ROOM,
      ` ${ROOM}\n`,
      ROOM.slice(1),
      ROOM.slice(0, 12),
      `'${ROOM}'`,
      "!wOlkWNmgkAZ…",
      "!wOlkWNmgkAZFxbTaqj:other.org",
      `${ROOM}x`,
      "!wO",
    ]
  ) deepStrictEqual(await findRoomsNear(session, wanted), [ROOM], wanted);
  for (const wanted of ["!nothing:like.it", "#alias:matrix.org", "", "!", " "]) {
    deepStrictEqual(await findRoomsNear(session, wanted), [], wanted);
  }
});

Deno.test("findRoomsNear() names three at most, the nearest first", async () => {
  await using db = await testDatabase();
  await db
    .sql`INSERT INTO state_groups SELECT n, '!abcdef' || chr(64 + n::int) || ':x', '' FROM generate_series(1, 9) AS n`;
  await using session = await connect(db.url, { readOnly: true });
  deepStrictEqual(await findRoomsNear(session, "!abcdefE"), ["!abcdefE:x", "!abcdefF:x", "!abcdefG:x"]);
  ok((await findRoomsNear(session, "!abcdef")).length === 3);
});

Deno.test("findRoomsNear() looks into the index on room_id only, statistics or none, and gives up where it is missing", async () => {
  await using db = await testDatabase();
  await fillUnanalyzed(db.sql);
  await using session = await connect(db.url, { readOnly: true });
  let found: string[] = [];
  const plans = await explained(session, async (watched) => found = await findRoomsNear(watched, "!room7"));
  deepStrictEqual(found, ["!room700:test", "!room701:test", "!room702:test"]);
  ok(
    plans.length >= 4 && plans.every((plan) => /Index (Only )?Scan.*room_id_idx/.test(plan) && !/Sort/.test(plan)),
    plans.join("\n"),
  );
  await db.sql`DROP INDEX state_groups_room_id_idx`;
  await findRoomsNear(session, "!room7");
});

Deno.test("findRoomsNear() finds an id that is mistyped from its first letters on", async () => {
  await using db = await testDatabase();
  await db.sql`INSERT INTO state_groups SELECT n, '!' || md5(n::text) || ':x', '' FROM generate_series(1, 5000) AS n`;
  await db.sql`INSERT INTO state_groups VALUES (5001, ${ROOM}, ''), (5002, '!zzOlkWNmgkAZFxbTaqj:matrix.org', '')`;
  await using session = await connect(db.url, { readOnly: true });
  for (const wanted of [ROOM.replace("wO", "Ow"), ROOM.replace("wO", "W0"), "!OlkWNmgkAZFxbTaqj:matrix.org"]) {
    deepStrictEqual((await findRoomsNear(session, wanted))[0], ROOM, wanted);
  }
  deepStrictEqual(await findRoomsNear(session, "!WOlkWNmgkAZFxbTaqj"), [ROOM, "!zzOlkWNmgkAZFxbTaqj:matrix.org"]);
  deepStrictEqual(await findRoomsNear(session, ROOM.toLowerCase()), []);
});
