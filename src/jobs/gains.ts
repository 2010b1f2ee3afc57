/**
 * From rooms that were tried to the whole server: what a step would give in rows and bytes, and how sure that is. The biggest
 * rooms count as they are; what was not tried counts as the rooms that were drawn by chance, each with the chance of its rows.
 */
import type { RoomSizes } from "../db/read/rooms.ts";
import type { Saving, TriedRoom } from "./trial.ts";

/** What a step gives. Errors are half the width of a 95 % confidence interval. */
export interface Gain {
  /** Rows that are fewer then. */
  readonly rows: number;
  /** Half the width of its interval. */
  readonly rowsError: number;
  /** Bytes of the table and its indexes. */
  readonly bytes: number;
  /** Half the width of its interval. */
  readonly bytesError: number;
}

/** What each step would give. */
export interface Gains {
  /** Compressing all rooms. */
  readonly compress: Gain;
  /** Pruning on top of that; undefined where it is not known. */
  readonly prune: Gain | undefined;
  /** Giving back what is free in the files now. */
  readonly reclaim: Gain;
  /** All three. */
  readonly all: Gain;
  /** What reading a full state costs on average, in microseconds by the model; undefined where no room was tried. */
  readonly reads: { readonly beforeUs: number; readonly afterUs: number } | undefined;
  /** Rows that were compressed in memory to know it. */
  readonly rowsTried: number;
}

/** A part of a room's rows. */
type Part = Pick<Saving, "rows" | "rowsError" | "share">;

/** From fewer rooms than this nothing is said of the others. */
const LEAST_DRAWN = 3;
/** Student's t for 95 %, by degrees of freedom; above, that of a normal distribution is near. */
const T = [Infinity, 12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2];

/** The sum of some gains; their errors are taken for independent. */
export function addGains(gains: readonly (Gain | undefined)[]): Gain {
  const known = gains.filter((gain) => gain !== undefined);
  const sum = (of: (gain: Gain) => number) => known.reduce((total, gain) => total + of(gain), 0);
  const error = (of: (gain: Gain) => number) => Math.hypot(...known.map(of));
  return {
    rows: sum(({ rows }) => rows),
    rowsError: Math.ceil(error(({ rowsError }) => rowsError)),
    bytes: sum(({ bytes }) => bytes),
    bytesError: Math.ceil(error(({ bytesError }) => bytesError)),
  };
}

/** What was tried, and what it is tried for. */
export class Extrapolation {
  /** Rows that were compressed in memory. */
  readonly rowsTried: number;
  readonly #total: Pick<RoomSizes, "rows" | "rowsError">;
  readonly #biggest: readonly TriedRoom[];
  readonly #drawn: readonly TriedRoom[];
  readonly #rowBytes: number;

  /**
   * @param biggest the biggest rooms, tried or not
   * @param drawn others, by chance
   */
  constructor(
    total: Pick<RoomSizes, "rows" | "rowsError">,
    biggest: readonly TriedRoom[],
    drawn: readonly TriedRoom[],
    rowBytes: number,
  ) {
    const isTried = ({ saving }: TriedRoom) => saving !== undefined;
    this.#total = total;
    this.#biggest = biggest.filter(isTried);
    this.#drawn = drawn.filter(isTried);
    this.#rowBytes = rowBytes;
    this.rowsTried = [...this.#biggest, ...this.#drawn].reduce((sum, { saving }) => sum + saving!.rowsTried, 0);
  }

  /** What `of` gives in the whole server. */
  gainOf(of: (saving: Saving) => Part | undefined): Gain {
    const parts = (rooms: readonly TriedRoom[]) => rooms.flatMap(({ saving }) => of(saving!) ?? []);
    const tried = [...this.#biggest, ...this.#drawn];
    const known = parts(tried);
    const rest = Math.max(0, this.#total.rows - tried.reduce((sum, { rows }) => sum + rows, 0));
    const { share, error } = this.#restShare(parts(this.#drawn).map((part) => part.share), known);
    const rows = known.reduce((sum, part) => sum + part.rows, 0) + share * rest;
    const all = Math.hypot(...known.map((part) => part.rowsError), error * rest);
    const rowsError = Math.ceil(Math.min(all, Math.max(rows, this.#total.rows - rows)));
    const bytes = (value: number) => Math.round(value * this.#rowBytes);
    return { rows: Math.round(rows), rowsError, bytes: bytes(rows), bytesError: bytes(rowsError) };
  }

  /** What reading costs on average over the rooms that were tried, weighted by their groups. */
  reads(): Gains["reads"] {
    const tried = [...this.#biggest, ...this.#drawn];
    const groups = tried.reduce((sum, room) => sum + room.groups, 0);
    if (groups === 0) return undefined;
    const mean = (of: (saving: Saving) => number) =>
      tried.reduce((sum, room) => sum + of(room.saving!) * room.groups, 0) / groups;
    return { beforeUs: mean(({ readUsBefore }) => readUsBefore), afterUs: mean(({ readUsAfter }) => readUsAfter) };
  }

  /** The share of the rows that were not tried, and half the width of its interval: 1 where next to nothing is known. */
  #restShare(drawn: readonly number[], known: readonly Part[]): { share: number; error: number } {
    const shares = drawn.length > 0 ? drawn : known.map((part) => part.share);
    if (shares.length === 0) return { share: 0, error: 1 };
    const share = shares.reduce((sum, one) => sum + one, 0) / shares.length;
    if (drawn.length < LEAST_DRAWN) return { share, error: 1 };
    const variance = shares.reduce((sum, one) => sum + (one - share) ** 2, 0) / (shares.length - 1);
    return { share, error: Math.min(1, (T[shares.length - 1] ?? 2) * Math.sqrt(variance / shares.length)) };
  }
}
