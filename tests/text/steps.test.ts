import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { nextSteps } from "../../src/text/steps.ts";
import { sampleSurvey } from "../support/survey.ts";

Deno.test("nextSteps() puts first what gives most for least, with commands to paste", () => {
  const steps = nextSteps(sampleSurvey(), {
    databaseArguments: ["-p", "postgresql://o'hara@h/d"],
    eventsArguments: ["--events-postgres", "postgresql://h/main"],
  });
  deepStrictEqual(steps.map(({ commands }) => commands.at(-1)), [
    `curl -X DELETE -H "Authorization: Bearer $ADMIN_TOKEN" -H 'Content-Type: application/json' ` +
    `-d '{"block": false, "purge": true}' 'http://localhost:8008/_synapse/admin/v2/rooms/!gone%3Afar.away'`,
    "synapse_compress_state auto -p 'postgresql://o'\\''hara@h/d' --max-time 2h",
    "synapse_compress_state prune -p 'postgresql://o'\\''hara@h/d' --events-postgres postgresql://h/main -c",
    "synapse_compress_state reclaim -p 'postgresql://o'\\''hara@h/d' -c",
  ]);
  match(steps[0]!.why, /this program never deletes a room/);
});

Deno.test("nextSteps() leaves out what is not worth it, and what is not known", () => {
  const { gains, ...rest } = sampleSurvey();
  const none = { rows: 0, rowsError: 0, bytes: 0, bytesError: 0 };
  const steps = nextSteps({ ...rest, abandoned: "no table", gains: { ...gains, compress: none, prune: undefined } });
  strictEqual(steps.length, 1);
  ok(steps[0]!.commands.includes("synapse_compress_state reclaim -c"));
});
