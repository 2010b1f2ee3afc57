/**
 * Which rooms of a server are tried, in what order, as long as there is time: the biggest and others drawn by chance by turns,
 * then the rest of those that are listed.
 */
import type { RoomSpread } from "../db/read/spread.ts";
import type { Session } from "../db/session/connect.ts";
import { breathe } from "../db/session/stop.ts";
import type { RoomSize } from "../db/read/rooms.ts";
import { type TrialOptions, type TriedRoom, tryRoom } from "./trial.ts";

/** This many of the biggest rooms stand for themselves; the others are drawn at random. */
const BIGGEST = 5;
const DRAWN = 10;

/** What was tried. */
export interface TriedRooms {
  /** The biggest rooms, which stand for themselves. */
  readonly biggest: readonly TriedRoom[];
  /** Others, each drawn with the chance of its rows. */
  readonly drawn: readonly TriedRoom[];
  /** The rooms that are listed, in their order. */
  readonly rooms: readonly TriedRoom[];
}

/** Tries rooms. */
export class Trials {
  readonly #session: Session;
  readonly #spread: RoomSpread;
  readonly #rows: number;
  readonly #options: TrialOptions;
  readonly #onStep: (step: string) => void;
  readonly #tried = new Map<string, TriedRoom>();

  /** @param rows those of all rooms */
  constructor(
    session: Session,
    spread: RoomSpread,
    rows: number,
    options: TrialOptions,
    onStep: (step: string) => void,
  ) {
    this.#session = session;
    this.#spread = spread;
    this.#rows = rows;
    this.#options = options;
    this.#onStep = onStep;
  }

  /**
   * Tries what there is time for.
   *
   * @throws {CompressorError} the server or the connection failed
   */
  async run(listed: readonly RoomSize[]): Promise<TriedRooms> {
    const first = listed.slice(0, BIGGEST);
    const isFirst = new Set(first.map(({ roomId }) => roomId));
    const names = this.#spread.draw(DRAWN, (roomId) => !isFirst.has(roomId));
    for (let i = 0; i < Math.max(first.length, names.length); i++) {
      if (first[i] !== undefined) await this.#try(first[i]!);
      if (names[i] !== undefined) {
        await this.#try(listed.find(({ roomId }) => roomId === names[i]) ?? await this.#measure(names[i]!));
      }
    }
    for (const room of listed) await this.#try(room);
    const known = (room: RoomSize) => this.#tried.get(room.roomId)!;
    return {
      biggest: first.map(known),
      drawn: names.map((roomId) => this.#tried.get(roomId)!),
      rooms: listed.map(known),
    };
  }

  async #try(room: RoomSize): Promise<void> {
    const before = this.#tried.get(room.roomId);
    if (before?.saving !== undefined || before?.failure !== undefined) return;
    await breathe(this.#options.signal);
    const isLate = performance.now() >= this.#options.end;
    if (!isLate) this.#onStep(`compressing some of room ${room.roomId} in memory`);
    this.#tried.set(
      room.roomId,
      isLate ? { ...room, saving: undefined } : await tryRoom(this.#session, room, this.#options),
    );
  }

  /** The size of a room that is not among the biggest. */
  async #measure(roomId: string): Promise<RoomSize> {
    const [row] = performance.now() >= this.#options.end ? [{ groups: NaN }] : await this.#session.sql.unsafe(
      "SELECT count(*)::float8 AS groups FROM state_groups WHERE room_id = $1",
      [roomId],
    );
    return sizeInSample(this.#spread, roomId, this.#rows, row!["groups"]);
  }
}

/** A room's size by the sample, of which no auto compressor's progress is known; `groups` is NaN where that is not known either. */
export function sizeInSample(spread: RoomSpread, roomId: string, allRows: number, groups: number): RoomSize {
  const { value: rows, error: rowsError } = spread.rowsOf((room) => room === roomId);
  return {
    roomId,
    rows,
    rowsError,
    share: rows / Math.max(1, allRows),
    uncompressedRows: rows,
    uncompressedRowsError: rowsError,
    groups,
    groupsError: 0,
  };
}
