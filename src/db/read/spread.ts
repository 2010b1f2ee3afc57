/**
 * How the rows of state_groups_state are spread over the rooms: which rooms have a row in a random sample of the table's
 * pages, and how many rows any set of rooms has, with its error. Reads some thousand pages; memory is an entry for each room
 * on each of them.
 */
import type { Session } from "../session/connect.ts";
import { countDrawn, estimate, type Figure } from "./estimate.ts";
import { DEFAULT_PAGES } from "./rooms.ts";
import { countPages } from "./sizes.ts";

/** Which pages to read. */
export interface SpreadOptions {
  /** Pages to read; a table with less than twice as many is read whole. @default 4096 */
  readonly samplePages?: number | undefined;
  /** Which sample: the same seed draws the same pages, so that figures agree with findBiggestRooms(). */
  readonly seed: number;
}

/** A row of the sample, summed up: a page, a room, and the room's rows there. */
interface Piece {
  readonly page: number;
  readonly roomId: string;
  readonly rows: number;
}

/** The rows of the sample, by room. */
export class RoomSpread {
  /** The rooms of the sample with their rows in it. */
  readonly rooms: ReadonlyMap<string, number>;
  /** Rows of the sample. */
  readonly rows: number;
  readonly #pieces: readonly Piece[];
  readonly #pages: number;
  readonly #drawn: number;
  readonly #isCounted: boolean;

  constructor(pieces: readonly Piece[], pages: number, chance: number) {
    const rooms = new Map<string, number>();
    const seen = new Set<number>();
    let total = 0;
    for (const { page, roomId, rows } of pieces) {
      rooms.set(roomId, (rooms.get(roomId) ?? 0) + rows);
      seen.add(page);
      total += rows;
    }
    this.rooms = rooms;
    this.rows = total;
    this.#pieces = pieces;
    this.#pages = pages;
    this.#isCounted = chance === 1;
    this.#drawn = this.#isCounted ? pages : countDrawn(pages, chance, seen.size);
  }

  /** The rows of some rooms together. */
  rowsOf(isWanted: (roomId: string) => boolean): Figure {
    const byPage = new Map<number, number>();
    for (const { page, roomId, rows } of this.#pieces) {
      if (isWanted(roomId)) byPage.set(page, (byPage.get(page) ?? 0) + rows);
    }
    let [sum, squares] = [0, 0];
    for (const rows of byPage.values()) [sum, squares] = [sum + rows, squares + rows * rows];
    return this.#isCounted ? { value: sum, error: 0 } : estimate(this.#pages, this.#drawn, sum, squares);
  }

  /** Rooms drawn by chance, each with the chance of its rows; none twice. */
  draw(count: number, isWanted: (roomId: string) => boolean, random: () => number = Math.random): string[] {
    const left = [...this.rooms].filter(([roomId]) => isWanted(roomId));
    const drawn: string[] = [];
    for (let sum = left.reduce((sum, [, rows]) => sum + rows, 0); drawn.length < count && left.length > 0;) {
      let at = random() * sum;
      const i = Math.max(0, left.findIndex(([, rows]) => (at -= rows) < 0));
      const [[roomId, rows]] = left.splice(i, 1) as [[string, number]];
      sum -= rows;
      drawn.push(roomId);
    }
    return drawn;
  }
}

/**
 * Draws the sample.
 *
 * @throws {CompressorError} the server or the connection failed
 */
export async function readSpread(
  session: Session,
  { samplePages = DEFAULT_PAGES, seed }: SpreadOptions,
): Promise<RoomSpread> {
  return await session.transaction("ISOLATION LEVEL REPEATABLE READ READ ONLY", async () => {
    const { sql } = session;
    await sql.unsafe("SET LOCAL jit = off").simple();
    const pages = await countPages(session);
    const chance = pages <= 2 * samplePages ? 1 : samplePages / pages;
    const rows = await sql.unsafe(`SELECT (t.ctid::text::point)[0]::int AS page, t.room_id, count(*)::int AS rows
      FROM state_groups_state AS t ${chance === 1 ? "" : `TABLESAMPLE SYSTEM (${chance * 100}) REPEATABLE (${seed})`}
      WHERE t.room_id IS NOT NULL GROUP BY 1, 2`);
    return new RoomSpread(
      rows.map(({ page, room_id, rows }) => ({ page, roomId: room_id, rows })),
      pages,
      chance,
    );
  });
}
