/**
 * StateStore: full states as hash-consed radix trees. A state maps keys to events; as a tree of 16-wide nodes over the
 * key's bits, with each distinct node stored once, it is one number: its root. Hides the nodes, their table and the height.
 * Two states are equal exactly when their roots are, since contents are compared when nodes are shared, never hashes alone.
 * A one-row delta costs one new node a level (64 bytes each); the difference of two states costs the difference, as equal
 * subtrees are skipped. Recursion goes over the height (at most 7), never over groups.
 *
 * Hash-consing: Filliâtre and Conchon, "Type-Safe Modular Hash-Consing" (2006). Radix trees: Bagwell, "Ideal Hash Trees" (2001).
 */
import { CapacityError } from "../../errors.ts";
import { grown, hashWords, TOO_MUCH } from "./interner.ts";

/** A state without any key. */
export const EMPTY_STATE = 0;
/** What deltaSize() returns where the base has a key that the state lacks: a delta cannot remove a key. */
export const NO_FIT: number = -1;

const BITS = 4;
const WIDTH = 1 << BITS;
/** 7 levels of 4 bits: more keys than can be interned in 4 GiB. An eighth would shift by 32, which shifts by nothing. */
const MAX_KEYS = 2 ** 28;
const MAX_NODES = 2 ** 27 - 1;

/** All full states of a forest. States are numbers; those made before a growth of the key space must be lifted (see `onLift`). */
export class StateStore {
  /**
   * The nodes, WIDTH entries each. In an inner node an entry is a child's id; in a leaf it is ~event, below zero, so that a
   * leaf never equals an inner node. 0 is absent in both, and node 0 is the empty node of every height.
   */
  #nodes: Int32Array<ArrayBuffer> = new Int32Array(1 << 11);
  /** keyCount[node]: how many keys its subtree holds. */
  #keyCount: Int32Array<ArrayBuffer> = new Int32Array(1 << 7);
  #size = 1;
  /** slot -> node, or 0 where free. */
  #table: Int32Array<ArrayBuffer> = new Int32Array(1 << 8);
  #mask = (1 << 8) - 1;
  /** Levels of inner nodes above the leaves. */
  #height = 0;
  /** Called when a larger key needs higher trees: every state id kept outside becomes lift(id). */
  onLift: (lift: (state: number) => number) => void = () => {};

  // The rows being applied: sorted keys, and the event of each key, by key.
  #sorted: Int32Array<ArrayBuffer> = new Int32Array(64);
  #eventOf: Int32Array<ArrayBuffer> = new Int32Array(64);
  #limit = 0;

  /** How many distinct nodes are stored; a node takes 68 bytes and its slot. */
  get nodes(): number {
    return this.#size;
  }

  /** How many keys a state has, which is the rows of a snapshot of it. O(1). */
  keyCount(state: number): number {
    return this.#keyCount[state]!;
  }

  /** The event of `key`, or -1 where the state has no such key. O(height). */
  get(state: number, key: number): number {
    if (key >>> (BITS * (this.#height + 1)) !== 0) return -1;
    let node = state;
    for (let shift = BITS * this.#height; shift > 0; shift -= BITS) {
      node = this.#nodes[node * WIDTH + ((key >>> shift) & (WIDTH - 1))]!;
    }
    return ~this.#nodes[node * WIDTH + (key & (WIDTH - 1))]! | 0;
  }

  /**
   * `base` with rows [from, to) of the two columns on top; of two rows for one key the later holds. O(rows × height).
   *
   * @throws {CapacityError} the store would hold more nodes than its columns can number, or a key is 2^28 or more
   */
  apply(base: number, keys: Int32Array, events: Int32Array, from: number, to: number): number {
    const count = to - from;
    if (count === 0) return base;
    let maxKey = 0;
    for (let row = from; row < to; row++) if (keys[row]! > maxKey) maxKey = keys[row]!;
    const lifted = this.#makeRoom(maxKey, base);
    if (count === 1) return this.#put(lifted, this.#height * BITS, keys[from]!, ~events[from]!);
    if (count > this.#sorted.length) this.#sorted = grown(this.#sorted, count);
    const sorted = this.#sorted.subarray(0, count);
    for (let row = from; row < to; row++) {
      sorted[row - from] = keys[row]!;
      this.#eventOf[keys[row]!] = ~events[row]!;
    }
    sorted.sort();
    return this.#merge(lifted, this.#height * BITS, 0, count);
  }

  /**
   * How many rows a delta from `base` to `state` has, or NO_FIT where `base` has a key that `state` lacks. Counting stops
   * once it passes `limit` (the answer is then some number above it). O(difference).
   */
  deltaSize(base: number, state: number, limit: number = Infinity): number {
    this.#limit = limit;
    return this.#count(base, state, this.#height, 0);
  }

  /** Calls `visit` for every row of a delta from `base` to `state`, by ascending key. The base must fit. */
  forEachChange(base: number, state: number, visit: (key: number, event: number) => void): void {
    this.#visit(base, state, this.#height * BITS, 0, visit);
  }

  /** Calls `visit` for every key of a state, ascending. */
  forEach(state: number, visit: (key: number, event: number) => void): void {
    this.#visit(EMPTY_STATE, state, this.#height * BITS, 0, visit);
  }

  /** At how many keys two states differ, in value or by being there at all. Counting stops as in deltaSize(). O(difference). */
  distance(a: number, b: number, limit: number = Infinity): number {
    this.#limit = limit;
    return this.#countDifferences(a, b, this.#height, 0);
  }

  /** The first key at which two states differ, or -1 where they are equal. Unlike a delta it sees missing keys, too. */
  firstDifference(a: number, b: number): number {
    return this.#differ(a, b, this.#height * BITS, 0);
  }

  #count(a: number, b: number, height: number, counted: number): number {
    if (a === b) return counted;
    const keyCount = this.#keyCount;
    if (a === 0) return counted + keyCount[b]!;
    if (keyCount[a]! > keyCount[b]!) return NO_FIT;
    const nodes = this.#nodes;
    const atA = a * WIDTH;
    const atB = b * WIDTH;
    if (height === 0) {
      for (let i = 0; i < WIDTH; i++) {
        const before = nodes[atA + i];
        const after = nodes[atB + i];
        if (before === after) continue;
        if (after === 0) return NO_FIT;
        counted++;
      }
      return counted;
    }
    for (let i = 0; i < WIDTH; i++) {
      const childA = nodes[atA + i]!;
      const childB = nodes[atB + i]!;
      if (childA === childB) continue;
      counted = this.#count(childA, childB, height - 1, counted);
      if (counted === NO_FIT || counted > this.#limit) return counted;
    }
    return counted;
  }

  #countDifferences(a: number, b: number, height: number, counted: number): number {
    if (a === b) return counted;
    if (a === 0) return counted + this.#keyCount[b]!;
    if (b === 0) return counted + this.#keyCount[a]!;
    const nodes = this.#nodes;
    for (let i = 0; i < WIDTH; i++) {
      const inA = nodes[a * WIDTH + i]!;
      const inB = nodes[b * WIDTH + i]!;
      if (inA === inB) continue;
      counted = height === 0 ? counted + 1 : this.#countDifferences(inA, inB, height - 1, counted);
      if (counted > this.#limit) return counted;
    }
    return counted;
  }

  #visit(a: number, b: number, shift: number, prefix: number, visit: (key: number, event: number) => void): void {
    if (a === b) return;
    for (let i = 0; i < WIDTH; i++) {
      const before = this.#nodes[a * WIDTH + i]!;
      const after = this.#nodes[b * WIDTH + i]!;
      if (before === after || after === 0) continue;
      if (shift === 0) visit(prefix | i, ~after);
      else this.#visit(before, after, shift - BITS, prefix | (i << shift), visit);
    }
  }

  #differ(a: number, b: number, shift: number, prefix: number): number {
    if (a === b) return -1;
    for (let i = 0; i < WIDTH; i++) {
      const inA = this.#nodes[a * WIDTH + i]!;
      const inB = this.#nodes[b * WIDTH + i]!;
      if (inA !== inB) return shift === 0 ? prefix | i : this.#differ(inA, inB, shift - BITS, prefix | (i << shift));
    }
    return -1;
  }

  /** Grows the trees until they can hold `key`; returns what `state` is called then. */
  #makeRoom(key: number, state: number): number {
    if (key >= MAX_KEYS) {
      throw new CapacityError(`Cannot hold more than ${MAX_KEYS} distinct (type, state_key) pairs`, TOO_MUCH);
    }
    if (key >= this.#eventOf.length) this.#eventOf = grown(this.#eventOf, key + 1);
    while (key >>> (BITS * (this.#height + 1)) !== 0) {
      this.#height++;
      const lift = (id: number) => {
        if (id === EMPTY_STATE) return EMPTY_STATE;
        const at = this.#draft(EMPTY_STATE);
        this.#nodes[at] = id;
        return this.#share(this.#keyCount[id]!);
      };
      state = lift(state);
      this.onLift(lift);
    }
    return state;
  }

  #put(node: number, shift: number, key: number, value: number): number {
    const slot = (key >>> shift) & (WIDTH - 1);
    const old = this.#nodes[node * WIDTH + slot]!;
    if (shift === 0) {
      if (old === value) return node;
      const at = this.#draft(node);
      this.#nodes[at + slot] = value;
      return this.#share(this.#keyCount[node]! + (old === 0 ? 1 : 0));
    }
    const child = this.#put(old, shift - BITS, key, value);
    if (child === old) return node;
    const at = this.#draft(node);
    this.#nodes[at + slot] = child;
    return this.#share(this.#keyCount[node]! - this.#keyCount[old]! + this.#keyCount[child]!);
  }

  /** Puts sorted rows [from, to) into `node`: each node on their way is made once, however many rows pass it. */
  #merge(node: number, shift: number, from: number, to: number): number {
    const sorted = this.#sorted;
    if (to - from === 1) return this.#put(node, shift, sorted[from]!, this.#eventOf[sorted[from]!]!);
    let count = this.#keyCount[node]!;
    if (shift === 0) {
      const at = this.#draft(node);
      for (let row = from; row < to; row++) {
        const slot = at + (sorted[row]! & (WIDTH - 1));
        if (this.#nodes[slot] === 0) count++;
        this.#nodes[slot] = this.#eventOf[sorted[row]!]!;
      }
      return this.#share(count);
    }
    // The children come first: making them moves the place where this node is drafted.
    const children = new Int32Array(WIDTH);
    for (let i = 0; i < WIDTH; i++) children[i] = this.#nodes[node * WIDTH + i]!;
    for (let row = from; row < to;) {
      const slot = (sorted[row]! >>> shift) & (WIDTH - 1);
      let end = row + 1;
      while (end < to && ((sorted[end]! >>> shift) & (WIDTH - 1)) === slot) end++;
      const old = children[slot]!;
      const child = this.#merge(old, shift - BITS, row, end);
      count += this.#keyCount[child]! - this.#keyCount[old]!;
      children[slot] = child;
      row = end;
    }
    const at = this.#draft(EMPTY_STATE);
    this.#nodes.set(children, at);
    return this.#share(count);
  }

  /** Copies `node` to the end of the nodes, to be changed there and then given to #share(). Returns where it begins. */
  #draft(node: number): number {
    const at = this.#size * WIDTH;
    if (at + WIDTH > this.#nodes.length) {
      if (this.#size >= MAX_NODES) {
        throw new CapacityError("Cannot hold the full states of this many state groups at once", TOO_MUCH);
      }
      this.#nodes = grown(this.#nodes, at + WIDTH);
      this.#keyCount = grown(this.#keyCount, this.#nodes.length / WIDTH);
    }
    this.#nodes.copyWithin(at, node * WIDTH, node * WIDTH + WIDTH);
    return at;
  }

  /** The one node with the draft's contents: an older one where there is one, else the draft itself. */
  #share(keyCount: number): number {
    const nodes = this.#nodes;
    const at = this.#size * WIDTH;
    let slot = hashWords(nodes, at, at + WIDTH) & this.#mask;
    for (let node = this.#table[slot]!; node !== 0; node = this.#table[slot]!) {
      const other = node * WIDTH;
      let i = 0;
      while (i < WIDTH && nodes[at + i] === nodes[other + i]) i++;
      if (i === WIDTH) return node;
      slot = (slot + 1) & this.#mask;
    }
    const node = this.#size++;
    this.#keyCount[node] = keyCount;
    this.#table[slot] = node;
    if (this.#size * 2 > this.#table.length) this.#rehash();
    return node;
  }

  #rehash(): void {
    const table = new Int32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let node = 1; node < this.#size; node++) {
      let slot = hashWords(this.#nodes, node * WIDTH, (node + 1) * WIDTH) & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = node;
    }
    this.#table = table;
    this.#mask = mask;
  }
}
