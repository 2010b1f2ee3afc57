import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Pseudonyms } from "../../src/format/pseudonyms.ts";
import { anonymizeSurvey } from "../../src/text/anonymous.ts";
import { sampleSurvey } from "../support/survey.ts";

Deno.test("anonymizeSurvey() leaves figures as they are, and no name of a room, a folder, a slot or a standby", () => {
  const survey = sampleSurvey();
  const anonymous = anonymizeSurvey(survey, new Pseudonyms("secret"));
  deepStrictEqual(anonymous.gains, survey.gains);
  deepStrictEqual(anonymous.rooms.map(({ rows }) => rows), survey.rooms.map(({ rows }) => rows));
  const text = JSON.stringify(anonymous);
  for (const name of ["example.org", "far.away", "Synapse Admins", "old_slot", "replica1", "/var/lib", '"synapse"']) {
    ok(!text.includes(name), name);
  }
  // A room is the same one wherever it is named.
  if (typeof anonymous.abandoned === "string") throw new Error(anonymous.abandoned);
  strictEqual(anonymous.abandoned.rooms[0]!.roomId, anonymous.rooms[2]!.roomId);
});
