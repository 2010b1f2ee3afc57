import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import xterm from "@xterm/headless";
import { Display, type Screen } from "../../../src/cli/progress/display.ts";

/** A screen whose clock is turned by hand, in front of a real terminal's state machine. */
class FakeScreen implements Screen, AsyncDisposable {
  readonly terminal: InstanceType<typeof xterm.Terminal>;
  readonly writes: string[] = [];
  ms = 0;
  /** Ticks that are asked for. */
  readonly ticks = new Map<() => void, { readonly ms: number; nextMs: number }>();

  constructor(readonly isLive: boolean, columns = 80) {
    this.terminal = new xterm.Terminal({ cols: columns, rows: 40, allowProposedApi: true, convertEol: true });
  }

  write(text: string): void {
    this.writes.push(text);
    this.terminal.write(text);
  }

  columns(): number {
    return this.terminal.cols;
  }

  now(): number {
    return this.ms;
  }

  every(ms: number, call: () => void): () => void {
    this.ticks.set(call, { ms, nextMs: this.ms + ms });
    return () => this.ticks.delete(call);
  }

  /** Lets time go by. */
  wait(ms: number): void {
    const end = this.ms + ms;
    for (; this.ms < end; this.ms += 50) {
      for (const [call, tick] of this.ticks) {
        if (this.ms < tick.nextMs) continue;
        tick.nextMs += tick.ms;
        call();
      }
    }
  }

  /** The terminal has timers of its own, until it has taken what was written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.terminal.write("", resolve));
    this.terminal.dispose();
  }

  /** The rows that are not empty. */
  async rows(): Promise<string[]> {
    await new Promise<void>((resolve) => this.terminal.write("", resolve));
    const { active } = this.terminal.buffer;
    return Array.from({ length: active.length }, (_, y) => active.getLine(y)!.translateToString(true)).filter((row) =>
      row !== ""
    );
  }
}

const reading = (share: number) => ({ name: "reading rows", share, unit: "row", done: share * 1000 });

Deno.test("Display redraws its line in place, and no more than ten times a second", async () => {
  await using screen = new FakeScreen(true);
  using display = new Display(screen);
  for (let i = 0; i <= 100; i++) {
    display.show("phase", reading(i / 100));
    screen.ms += 10;
  }
  ok(screen.writes.length <= 11, String(screen.writes.length));
  const rows = await screen.rows();
  strictEqual(rows.length, 1);
  match(rows[0]!, /^reading rows {2}\[=+ *\] +\d+% {2}[\d,]+ rows {2}/);
});

Deno.test("Display goes on while nothing is heard: its line changes every second", async () => {
  await using screen = new FakeScreen(true);
  using display = new Display(screen);
  display.show("phase", { name: "vacuuming the table" });
  const seen = [];
  for (let s = 0; s < 4; s++) {
    seen.push(...await screen.rows());
    screen.wait(1050);
  }
  deepStrictEqual(seen, [0, 1, 2, 3].map((s) => `vacuuming the table  ${s} s`));
});

Deno.test("Display shows the whole above the phase, and makes room for other lines", async () => {
  await using screen = new FakeScreen(true);
  using display = new Display(screen);
  display.show("whole", { name: "all rooms", share: 0.25 });
  screen.wait(200);
  display.show("phase", { name: "!a:b: writing changes" });
  strictEqual((await screen.rows()).length, 2);
  display.clear();
  screen.write("a line\n");
  deepStrictEqual(await screen.rows(), ["a line"]);
  screen.wait(1000);
  deepStrictEqual((await screen.rows()).map((row) => row.slice(0, 9)), ["a line", "all rooms", "!a:b: wri"]);
  display.end();
  deepStrictEqual(await screen.rows(), ["a line"]);
  strictEqual(screen.ticks.size, 0);
});

Deno.test("Display leaves nothing behind on a terminal that is made narrower or wider, at each of its lines", async () => {
  for (const to of [7, 13, 20, 40, 60, 79, 81, 120]) {
    await using screen = new FakeScreen(true);
    using display = new Display(screen);
    screen.write("before\n");
    display.show("whole", { name: "all rooms", share: 0.5, details: ["1 of 2 rooms", "3.5M rows saved"] });
    screen.wait(200);
    display.show("phase", reading(0.5));
    await screen.rows();
    screen.terminal.resize(to, 40);
    screen.wait(1100);
    const rows = await screen.rows();
    deepStrictEqual([rows[0], rows.length], ["before", 3], `${to}: ${rows.join("\n")}`);
    ok(rows.every((row) => row.length <= to), rows.join("\n"));
    display.end();
    strictEqual((await screen.rows()).join(""), "before");
  }
});

Deno.test("Display draws nothing over a question", async () => {
  await using screen = new FakeScreen(true);
  using display = new Display(screen);
  display.show("phase", reading(0.5));
  await display.hiddenDuring(() => {
    screen.write("Go on? ");
    screen.wait(5000);
    display.show("phase", reading(0.6));
    return Promise.resolve();
  });
  deepStrictEqual((await screen.rows()).map((row) => row.trim()), ["Go on?"]);
  screen.write("y\n");
  screen.wait(1000);
  strictEqual((await screen.rows()).length, 2);
});

Deno.test("Display writes a plain line every 30 seconds where nothing can be redrawn, and no escape sequence", async () => {
  await using screen = new FakeScreen(false);
  using display = new Display(screen);
  for (let s = 0; s < 100; s++) {
    display.show("whole", { name: "all rooms", share: s / 100, details: [`${s} of 100 rooms`] });
    display.show("phase", { name: "!a:b: reading rows", share: 0.5 });
    screen.wait(1000);
  }
  display.clear();
  display.end();
  deepStrictEqual(
    screen.writes,
    [30, 60, 90].map((s) => {
      return `all rooms: ${s}%, ${s} of 100 rooms, ${100 - s === 70 ? "1 min 10" : 100 - s} s left; ` +
        `!a:b: reading rows: 50%, ${s === 60 ? "1 min" : s === 90 ? "1 min 30 s" : `${s} s`}\n`;
    }),
  );
});

Deno.test("Display writes the plain line, too, while work does not let timers run", async () => {
  await using screen = new FakeScreen(false);
  using display = new Display(screen);
  for (let s = 0; s <= 60; s++) {
    display.show("phase", { name: "comparing state groups", share: s / 100 });
    screen.ms += 1000;
  }
  strictEqual(screen.writes.length, 2);
});
