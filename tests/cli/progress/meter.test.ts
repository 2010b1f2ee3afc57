import { ok, strictEqual } from "node:assert/strict";
import { Meter } from "../../../src/cli/progress/meter.ts";

Deno.test("Meter tells no rate and no time before a second is over", () => {
  const meter = new Meter();
  meter.note(0, 0, 0);
  meter.note(900, 0.5, 500);
  strictEqual(meter.perSecond(), undefined);
  strictEqual(meter.leftMs(900), undefined);
});

Deno.test("Meter tells the rate and the time left of steady work", () => {
  const meter = new Meter();
  for (let s = 0; s <= 20; s++) meter.note(s * 1000, s / 40, s * 300);
  strictEqual(meter.perSecond(), 300);
  strictEqual(Math.round(meter.leftMs(20_000)!), 20_000);
  // Where nothing is heard the time left goes down all the same.
  strictEqual(Math.round(meter.leftMs(23_000)!), 17_000);
});

Deno.test("Meter goes by the last ten seconds: a change of pace shows", () => {
  const meter = new Meter();
  for (let s = 0; s <= 60; s++) meter.note(s * 1000, s / 1000, s * 10);
  for (let s = 61; s <= 80; s++) meter.note(s * 1000, 0.06 + (s - 60) / 100, 600 + (s - 60) * 1000);
  const rate = meter.perSecond()!;
  ok(Math.abs(rate - 1000) < 100, String(rate));
});

Deno.test("Meter tells no time left of work that stands still, or whose share is not known", () => {
  const [still, unknown] = [new Meter(), new Meter()];
  for (let s = 0; s <= 5; s++) {
    still.note(s * 1000, 0.5, 10);
    unknown.note(s * 1000, undefined, s * 10);
  }
  strictEqual(still.leftMs(5000), undefined);
  strictEqual(unknown.leftMs(5000), undefined);
  strictEqual(unknown.perSecond(), 10);
});
