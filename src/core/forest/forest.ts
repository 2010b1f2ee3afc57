/**
 * DeltaForest: a room's state groups as columns, by ascending id: predecessor, row count, full state. Built by a
 * ForestBuilder as rows stream in, group by group. The rows of a snapshot are not kept (they are its full state); a delta's
 * are, at 8 bytes a row. So memory grows with the groups, the deltas and the distinct strings, not with the snapshots.
 */
import { type Defect, type DefectKind, indexOf, linkEdges, markUnsound, NONE } from "./defects.ts";
import { grown, Interner, KeyInterner } from "./interner.ts";
import { type Outside, OutsideBuilder } from "./outside.ts";
import { EMPTY_STATE, StateStore } from "./states.ts";

export { NONE } from "./defects.ts";

/** A room's state groups. `g` is a group's index; indices follow the database ids. Nothing changes after finish(). */
export interface DeltaForest {
  /** The room that all groups but foreign ones belong to. */
  readonly roomId: string;
  /** How many groups there are, context groups included. */
  readonly size: number;
  /** groupId[g]: the database id, ascending. */
  readonly groupId: Float64Array;
  /** predecessor[g]: index of g's predecessor, or NONE: g is a snapshot. */
  readonly predecessor: Int32Array;
  /** rowCount[g]: rows of g in state_groups_state. */
  readonly rowCount: Int32Array;
  /** isContext[g]: 1 where g was loaded only because others build on it; it is never rewritten. */
  readonly isContext: Uint8Array;
  /** isPending[g]: 1 where Synapse has marked g for deletion; it is neither rewritten nor a new base. */
  readonly isPending: Uint8Array;
  /** isLeftOut[g]: 1 where g or a group that it builds on has a defect; it is neither rewritten nor a new base. */
  readonly isLeftOut: Uint8Array;
  /** state[g]: g's full state in `states`; meaningless where g is left out. */
  readonly state: Int32Array;
  /** Full states, shared by all groups. */
  readonly states: StateStore;
  /** The (type, state_key) pairs, by key. */
  readonly keys: KeyInterner;
  /** The event ids, by event. */
  readonly events: Interner;
  /** Rows of all groups. */
  readonly totalRows: number;
  /** Groups that were not loaded, by their edges: those that build on the forest's groups, and others of the room. */
  readonly outside: Outside;
  /** What is wrong with the data, in no order. */
  readonly defects: readonly Defect[];
  /** Calls `visit` for each row of g as it stands in the database, in no order. A left-out group has none to show. */
  forEachRow(g: number, visit: (key: number, event: number) => void): void;
  /** The index of a database id, or NONE. */
  indexOf(groupId: number): number;
}

/** Whether g may be given other rows or another predecessor. */
export function isRewritable(forest: DeltaForest, g: number): boolean {
  return forest.isContext[g] === 0 && forest.isPending[g] === 0 && forest.isLeftOut[g] === 0;
}

/** Whether a group that is not on g now may be put on it. */
export function mayBeBase({ isPending, isLeftOut }: DeltaForest, g: number): boolean {
  return isPending[g] === 0 && isLeftOut[g] === 0;
}

/** hops[g]: edges from g down to its snapshot, for any predecessor column in which each predecessor is smaller. */
export function countHops(predecessor: Int32Array): Int32Array<ArrayBuffer> {
  const hops = new Int32Array(predecessor.length);
  for (let g = 0; g < predecessor.length; g++) {
    const base = predecessor[g]!;
    if (base !== NONE && base < g) hops[g] = hops[base]! + 1;
  }
  return hops;
}

/** What is known of a group before its rows. */
export interface GroupHeader {
  /** Loaded only because others build on it. @default false */
  readonly isContext?: boolean | undefined;
  /** Marked by Synapse for deletion. @default false */
  readonly isPending?: boolean | undefined;
  /** The group belongs to another room, or to none: a predecessor that should not be one. */
  readonly isForeign?: boolean | undefined;
}

/** Builds a DeltaForest: every group and edge first, in any order; then the rows, by ascending group id. */
export class ForestBuilder {
  /** The (type, state_key) pairs, by key. */
  readonly keys: KeyInterner = new KeyInterner();
  /** The event ids, by event. */
  readonly events: Interner = new Interner();
  readonly #roomId: string;
  readonly #states = new StateStore();
  #ids: Float64Array<ArrayBuffer> = new Float64Array(64);
  #flags: Uint8Array<ArrayBuffer> = new Uint8Array(64);
  #size = 0;
  #edgeGroup: Float64Array<ArrayBuffer> = new Float64Array(64);
  #edgePredecessor: Float64Array<ArrayBuffer> = new Float64Array(64);
  #edges = 0;
  readonly #outside = new OutsideBuilder();

  // From here on: set by #link(), when the first row comes.
  #predecessor: Int32Array<ArrayBuffer> = new Int32Array(0);
  #unsound: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #defective: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #rowCount: Int32Array<ArrayBuffer> = new Int32Array(0);
  #state: Int32Array<ArrayBuffer> = new Int32Array(0);
  #defects: Defect[] = [];
  #linked = false;
  /** Groups below this index have their state. */
  #built = 0;
  /** The group whose rows are coming in, and its id. */
  #open = NONE;
  #openId = NaN;
  #totalRows = 0;

  /** rowStart[g]: where g's kept rows begin; a snapshot's and a left-out group's run is empty. */
  #rowStart: Int32Array<ArrayBuffer> = new Int32Array(1);
  #key: Int32Array<ArrayBuffer> = new Int32Array(1 << 7);
  #event: Int32Array<ArrayBuffer> = new Int32Array(1 << 7);
  #kept = 0;
  #end = 0;
  /** lastSeen[key]: the last group that had it, to find two rows for one key. */
  #lastSeen: Int32Array<ArrayBuffer> = new Int32Array(1 << 7).fill(NONE);

  /** Begins a forest of one room. */
  constructor(roomId: string) {
    this.#roomId = roomId;
  }

  /** Adds a state group; a second call for one id is the caller's bug. */
  addGroup(groupId: number, header: GroupHeader = {}): void {
    if (this.#size === this.#ids.length) {
      this.#ids = grown(this.#ids, this.#size + 1);
      this.#flags = grown(this.#flags, this.#size + 1);
    }
    this.#ids[this.#size] = groupId;
    this.#flags[this.#size++] = (header.isContext ? 1 : 0) | (header.isPending ? 2 : 0) | (header.isForeign ? 4 : 0);
  }

  /** Adds a predecessor edge; `predecessorId` is NaN where the table has a NULL. */
  addEdge(groupId: number, predecessorId: number): void {
    if (this.#edges === this.#edgeGroup.length) {
      this.#edgeGroup = grown(this.#edgeGroup, this.#edges + 1);
      this.#edgePredecessor = grown(this.#edgePredecessor, this.#edges + 1);
    }
    this.#edgeGroup[this.#edges] = groupId;
    this.#edgePredecessor[this.#edges++] = predecessorId;
  }

  /** Adds the edge of a group that is not in the forest; with no predecessor, a snapshot. */
  addOutside(groupId: number, predecessorId?: number): void {
    this.#outside.add(groupId, predecessorId ?? NaN);
  }

  /**
   * Adds a row of a group; the rows of a group come together, and groups in ascending order.
   *
   * @throws {RangeError} the group was not added, or comes after a bigger one
   * @throws {CapacityError} more rows than the columns can number
   */
  addRow(groupId: number, key: number, event: number): void {
    if (groupId !== this.#openId) this.#openGroup(groupId);
    const g = this.#open;
    this.#rowCount[g]!++;
    this.#totalRows++;
    if (key >= this.#lastSeen.length) {
      const from = this.#lastSeen.length;
      this.#lastSeen = grown(this.#lastSeen, key + 1);
      this.#lastSeen.fill(NONE, from);
    }
    if (this.#lastSeen[key] === g) {
      if (this.#defective[g] === 0) {
        const detail = `state group ${groupId} has more than one row for one key (${this.keys.label(key)})`;
        this.#reportRow(g, "duplicate-row", detail);
      }
      return;
    }
    this.#lastSeen[key] = g;
    if (this.#end === this.#key.length) {
      this.#key = grown(this.#key, this.#end + 1);
      this.#event = grown(this.#event, this.#end + 1);
    }
    this.#key[this.#end] = key;
    this.#event[this.#end++] = event;
  }

  /**
   * Adds a row of a group that has a NULL in a column which Synapse never leaves empty: the group is left out.
   *
   * @throws as {@linkcode addRow}
   */
  addNullRow(groupId: number, column: "type" | "state_key" | "event_id"): void {
    if (groupId !== this.#openId) this.#openGroup(groupId);
    const g = this.#open;
    this.#rowCount[g]!++;
    this.#totalRows++;
    const detail = `state group ${groupId} has a row whose ${column} is NULL`;
    if (this.#defective[g] === 0) this.#reportRow(g, "null-value", detail);
  }

  /** The forest. The builder is spent. */
  finish(): DeltaForest {
    this.#link();
    this.#closeGroup();
    this.#buildBefore(this.#size);
    const isLeftOut = markUnsound(this.#predecessor, this.#defective);
    const flag = (bit: number) => this.#flags.map((flags) => (flags & bit) === 0 ? 0 : 1);
    const [ids, predecessor, rowStart] = [this.#ids, this.#predecessor, this.#rowStart];
    const [states, state, key, event] = [this.#states, this.#state, this.#key, this.#event];
    return {
      roomId: this.#roomId,
      size: this.#size,
      groupId: ids,
      predecessor,
      rowCount: this.#rowCount,
      isContext: flag(1),
      isPending: flag(2),
      isLeftOut,
      state,
      states,
      keys: this.keys,
      events: this.events,
      totalRows: this.#totalRows,
      outside: this.#outside.finish(ids),
      defects: this.#defects,
      forEachRow(g, visit) {
        if (isLeftOut[g] === 1) return;
        if (predecessor[g] === NONE) return states.forEach(state[g]!, visit);
        for (let row = rowStart[g]!; row < rowStart[g + 1]!; row++) visit(key[row]!, event[row]!);
      },
      indexOf: (groupId) => indexOf(ids, groupId),
    };
  }

  /** Sorts the groups, turns the edges into indices, and readies the columns for the rows. */
  #link(): void {
    if (this.#linked) return;
    this.#linked = true;
    const size = this.#size;
    const [ids, flags] = [this.#ids, this.#flags];
    const order = Uint32Array.from({ length: size }, (_, i) => i).sort((a, b) => ids[a]! - ids[b]!);
    this.#ids = Float64Array.from(order, (i) => ids[i]!);
    this.#flags = Uint8Array.from(order, (i) => flags[i]!);
    for (let g = 1; g < size; g++) {
      if (this.#ids[g] === this.#ids[g - 1]) throw new RangeError(`state group ${this.#ids[g]} was added twice`);
    }
    const edges = { count: this.#edges, groupId: this.#edgeGroup, predecessorId: this.#edgePredecessor };
    const isForeign = this.#flags.map((flags) => (flags & 4) === 0 ? 0 : 1);
    const { predecessor, defects } = linkEdges(this.#ids, edges, isForeign);
    this.#predecessor = predecessor;
    this.#defects = defects;
    this.#defective = new Uint8Array(size);
    for (const defect of defects) this.#defective[indexOf(this.#ids, defect.groupId)] = 1;
    for (let g = 0; g < size; g++) if (isForeign[g] === 1) this.#defective[g] = 1;
    this.#unsound = markUnsound(predecessor, this.#defective);
    this.#rowCount = new Int32Array(size);
    this.#state = new Int32Array(size).fill(EMPTY_STATE);
    this.#rowStart = new Int32Array(size + 1);
    this.#states.onLift = (lift) => {
      for (let g = 0; g < this.#built; g++) this.#state[g] = lift(this.#state[g]!);
    };
  }

  #openGroup(groupId: number): void {
    this.#link();
    this.#closeGroup();
    const next = this.#built;
    // Nearly every group has rows, so the next one is nearly always the one.
    const g = this.#ids[next] === groupId ? next : indexOf(this.#ids, groupId);
    if (g === NONE) throw new RangeError(`state group ${groupId} has rows but was not added`);
    if (g < next) throw new RangeError(`state group ${groupId} has rows that come after a bigger group's`);
    this.#buildBefore(g);
    this.#open = g;
    this.#openId = groupId;
  }

  #closeGroup(): void {
    if (this.#open === NONE) return;
    this.#buildBefore(this.#open + 1);
    this.#open = NONE;
    this.#openId = NaN;
  }

  /** Gives every group below `end` its state; only the last of them can have rows that are not built yet. */
  #buildBefore(end: number): void {
    for (let g = this.#built; g < end; g++) {
      const predecessor = this.#predecessor[g]!;
      if (this.#unsound[g] === 1) {
        this.#end = this.#kept;
      } else {
        const base = predecessor === NONE ? EMPTY_STATE : this.#state[predecessor]!;
        this.#state[g] = this.#states.apply(base, this.#key, this.#event, this.#kept, this.#end);
        if (predecessor === NONE) this.#end = this.#kept;
        else this.#kept = this.#end;
      }
      this.#rowStart[g + 1] = this.#kept;
      this.#built = g + 1;
    }
  }

  /** Notes what is wrong with a group's rows, which only shows as they stream in. */
  #reportRow(g: number, kind: DefectKind, detail: string): void {
    this.#defective[g] = 1;
    this.#defects.push({ kind, groupId: this.#ids[g]!, detail });
  }
}
