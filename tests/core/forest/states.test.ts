import fc from "fast-check";
import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { mulberry32 } from "../../../scripts/rooms.ts";
import { EMPTY_STATE, NO_FIT, StateStore } from "../../../src/core/forest/states.ts";
import { CapacityError } from "../../../src/errors.ts";

/** A StateStore, and beside it every state as a Map. */
class Pair {
  readonly store = new StateStore();
  states: number[] = [EMPTY_STATE];
  readonly maps: Map<number, number>[] = [new Map()];

  constructor() {
    this.store.onLift = (lift) => {
      this.states = this.states.map(lift);
    };
  }

  apply(base: number, rows: readonly (readonly [number, number])[]): void {
    const keys = Int32Array.from(rows, ([key]) => key);
    const events = Int32Array.from(rows, ([, event]) => event);
    // The states may be lifted meanwhile, into another array.
    const state = this.store.apply(this.states[base]!, keys, events, 0, rows.length);
    this.states.push(state);
    this.maps.push(new Map([...this.maps[base]!, ...rows]));
  }

  check(a: number, b: number, limit: number): void {
    const { store } = this;
    const [before, after] = [this.maps[a]!, this.maps[b]!];
    const [from, to] = [this.states[a]!, this.states[b]!];
    const fits = [...before.keys()].every((key) => after.has(key));
    const changes = [...after].filter(([key, event]) => before.get(key) !== event).sort(([a], [b]) => a - b);
    const isSame = changes.length === 0 && before.size === after.size;
    strictEqual(from === to, isSame);
    strictEqual(store.deltaSize(from, to), fits ? changes.length : NO_FIT);
    const limited = store.deltaSize(from, to, limit);
    if (fits && changes.length <= limit) strictEqual(limited, changes.length);
    else ok(limited > limit || !fits && limited === NO_FIT, `${limited} for limit ${limit}`);
    if (fits) deepStrictEqual(listed((visit) => store.forEachChange(from, to, visit)), changes);
    const differing = [...new Set([...before.keys(), ...after.keys()])].filter((key) =>
      before.get(key) !== after.get(key)
    );
    strictEqual(store.distance(from, to), differing.length);
    const near = store.distance(from, to, limit);
    ok(differing.length <= limit ? near === differing.length : near > limit, `${near} for limit ${limit}`);
    strictEqual(store.firstDifference(from, to), differing.length === 0 ? -1 : Math.min(...differing));
  }

  checkEach(): void {
    this.maps.forEach((map, i) => {
      const state = this.states[i]!;
      strictEqual(this.store.keyCount(state), map.size);
      deepStrictEqual(listed((visit) => this.store.forEach(state, visit)), [...map].sort(([a], [b]) => a - b));
      for (const [key, event] of map) strictEqual(this.store.get(state, key), event);
    });
  }
}

function listed(walk: (visit: (key: number, event: number) => void) => void): [number, number][] {
  const rows: [number, number][] = [];
  walk((key, event) => rows.push([key, event]));
  return rows;
}

/** Keys around the places where the trees grow. */
const EDGES = [0, 1, 15, 16, 17, 255, 256, 4_095, 4_096, 65_535, 65_536, 2 ** 20 - 1, 2 ** 20, 2 ** 20 + 1];

Deno.test("StateStore does what a Map does, over any rows and any bases", () => {
  const key = fc.oneof(fc.nat(40), fc.constantFrom(...EDGES), fc.nat(2 ** 18));
  // Two rows for one key may come: the later holds.
  const rows = fc.array(fc.tuple(key, fc.nat(3)), { maxLength: 12 });
  const steps = fc.array(fc.tuple(fc.nat(100), rows), { maxLength: 40, size: "max" });
  const pairs = fc.array(fc.tuple(fc.nat(100), fc.nat(100), fc.nat(6)), { minLength: 20, maxLength: 20 });
  fc.assert(fc.property(steps, pairs, (steps, pairs) => {
    const both = new Pair();
    for (const [base, rows] of steps) both.apply(base % both.maps.length, rows);
    both.checkEach();
    const at = (n: number) => n % both.maps.length;
    for (const [a, b, limit] of pairs) both.check(at(a), at(b), limit);
  }));
});

Deno.test("StateStore lifts its states whenever a larger key comes", () => {
  const both = new Pair();
  both.apply(0, [[3, 1]]);
  for (const key of [15, 16, 255, 256, 4_095, 4_096, 65_535, 65_536, 2 ** 20 - 1, 2 ** 20, 2 ** 24 - 1, 2 ** 24]) {
    const last = both.maps.length - 1;
    strictEqual(both.store.get(both.states[last]!, key), -1);
    both.apply(last, [[key, key % 7]]);
    both.apply(1, [[key, 9], [3, 2]]);
    both.apply(0, []);
  }
  both.checkEach();
  const all = both.maps.keys().toArray();
  for (const a of all) for (const b of all) both.check(a, b, 2);
  // Made anew at the full height, an old state is the same node.
  both.apply(0, [[3, 1]]);
  strictEqual(both.states.at(-1), both.states[1]);
});

Deno.test("StateStore gives equal states one number, whichever way they were made", () => {
  const random = mulberry32(5);
  const rows = Array.from({ length: 3_000 }, (_, i) => [i * 7, Math.floor(random() * 1_000)] as const);
  const shuffled = rows.toSorted(() => random() - 0.5);
  const both = new Pair();
  both.apply(0, rows);
  both.apply(0, shuffled);
  both.apply(0, shuffled.slice(0, 1_500));
  both.apply(3, shuffled.slice(1_500));
  for (const row of shuffled) both.apply(both.maps.length - 1 === 4 ? 0 : both.maps.length - 1, [row]);
  strictEqual(both.states[2], both.states[1]);
  strictEqual(both.states[4], both.states[1]);
  strictEqual(both.states.at(-1), both.states[1]);
  strictEqual(both.store.apply(both.states[1]!, new Int32Array(0), new Int32Array(0), 0, 0), both.states[1]);
});

Deno.test("StateStore.apply() reads only the rows that it is told to", () => {
  const store = new StateStore();
  const keys = Int32Array.of(1, 2, 2, 3);
  const events = Int32Array.of(10, 20, 21, 30);
  const state = store.apply(EMPTY_STATE, keys, events, 1, 3);
  deepStrictEqual(listed((visit) => store.forEach(state, visit)), [[2, 21]]);
  strictEqual(store.apply(EMPTY_STATE, keys, events, 2, 2), EMPTY_STATE);
  strictEqual(store.get(state, -1), -1);
  strictEqual(store.get(EMPTY_STATE, 0), -1);
});

Deno.test("StateStore keeps many nodes apart, and a one-row delta small", () => {
  const both = new Pair();
  both.apply(0, Array.from({ length: 5_000 }, (_, key) => [key, 0] as const));
  const before = both.store.nodes;
  const random = mulberry32(9);
  const seen = new Set<number>();
  let state = both.states[1]!;
  for (let n = 1; n <= 100_000; n++) {
    state = both.store.apply(state, Int32Array.of(Math.floor(random() * 5_000)), Int32Array.of(n), 0, 1);
    seen.add(state);
  }
  strictEqual(seen.size, 100_000);
  ok(both.store.nodes - before <= 4 * 100_000, `${both.store.nodes} nodes`);
});

Deno.test("StateStore refuses a key past its space before it takes memory", () => {
  const store = new StateStore();
  throws(() => store.apply(EMPTY_STATE, Int32Array.of(2 ** 28), Int32Array.of(0), 0, 1), CapacityError);
  throws(() => store.apply(EMPTY_STATE, Int32Array.of(1, 2 ** 31 - 1), Int32Array.of(0, 0), 0, 2), CapacityError);
  strictEqual(store.keyCount(store.apply(EMPTY_STATE, Int32Array.of(5), Int32Array.of(0), 0, 1)), 1);
});
