/**
 * How far a job over the whole server is: rooms and rows done of all, what is saved so far, and the room and phase that was
 * heard of last. The rows of a room are those that were estimated before; within a room they count by its groups. Memory is an
 * entry for each room that is begun and not done.
 */
import { DEFAULT_CHUNK_SIZE, formatCompact, formatCount, type ServerEvent, type WorkEvent } from "../../mod.ts";
import { type Phase, toPhase } from "./phase.ts";

/** A room that is begun. */
interface Begun {
  readonly groups: number;
  readonly rows: number;
  groupsDone: number;
  /** What is done of the chunk under way, 0 to 1. */
  chunkShare: number;
}

/** About which part of a chunk's time each kind of work begins at, and how much it takes. */
const PARTS: Readonly<Record<WorkEvent["kind"], readonly [from: number, takes: number]>> = {
  loading: [0, 0.5],
  computing: [0.5, 0.1],
  writing: [0.6, 0.4],
  marking: [1, 0],
};

/** Counts what the events of a job tell. */
export class ServerProgress {
  readonly #chunkSize: number;
  readonly #begun = new Map<string, Begun>();
  #rooms = 0;
  #rows = 0;
  #roomsDone = 0;
  #rowsDone = 0;
  #rowsSaved = 0;

  constructor(chunkSize: number = DEFAULT_CHUNK_SIZE) {
    this.#chunkSize = chunkSize;
  }

  /** Counts an event; returns the phase that it is about, if any. */
  count(event: ServerEvent): Phase | undefined {
    switch (event.kind) {
      case "found":
        [this.#rooms, this.#rows] = [event.rooms, event.rows];
        return undefined;
      case "room": {
        const { groups, rows } = event;
        const groupsDone = this.#begun.get(event.roomId)?.groupsDone ?? 0;
        this.#begun.set(event.roomId, { groups, rows, groupsDone, chunkShare: 0 });
        return undefined;
      }
      case "working": {
        const room = this.#begun.get(event.roomId);
        const [from, takes] = PARTS[event.event.kind];
        const phase = toPhase(event.event)!;
        if (room !== undefined) room.chunkShare = Math.max(room.chunkShare, from + takes * (phase.share ?? 0));
        return { ...phase, name: `${event.roomId}: ${phase.name}` };
      }
      case "chunk": {
        const room = this.#begun.get(event.report.roomId);
        if (room !== undefined) {
          room.chunkShare = 0;
          if (event.report.outcome !== "unfinished") room.groupsDone += event.report.groups;
        }
        this.#rowsSaved += event.report.rowsSaved;
        return undefined;
      }
      case "left": {
        const room = this.#begun.get(event.roomId);
        if (room === undefined || event.isPutOff) return undefined;
        this.#begun.delete(event.roomId);
        this.#roomsDone++;
        this.#rowsDone += room.rows;
        return undefined;
      }
      case "reclaiming":
        return toPhase(event.event);
      default:
        return undefined;
    }
  }

  /** The whole, once it is known what there is to do. */
  whole(): Phase | undefined {
    if (this.#rooms === 0) return undefined;
    let rows = this.#rowsDone;
    for (const room of this.#begun.values()) {
      const chunk = Math.min(this.#chunkSize, Math.max(0, room.groups - room.groupsDone));
      rows += room.rows * Math.min(1, (room.groupsDone + chunk * room.chunkShare) / Math.max(1, room.groups));
    }
    return {
      name: "all rooms",
      share: this.#rows === 0 ? this.#roomsDone / this.#rooms : Math.min(1, rows / this.#rows),
      details: [
        `${formatCount(this.#roomsDone)} of ${formatCount(this.#rooms)} rooms`,
        `${formatCompact(this.#rowsSaved)} rows saved`,
        `${formatCompact(rows)} of ${formatCompact(this.#rows)} rows`,
      ],
    };
  }
}
