/** A survey without names: rooms, users, hosts, folders. Figures, and tables' names, stay. */
import type { Pseudonyms } from "../format/pseudonyms.ts";
import type { ServerSurvey, SurveyedRoom } from "../jobs/server.ts";

/** The same survey, to be shown to anybody. */
export function anonymizeSurvey(survey: ServerSurvey, pseudonyms: Pseudonyms): ServerSurvey {
  const { facts, volume, abandoned, blockers } = survey;
  const rooms = (some: readonly SurveyedRoom[]) =>
    some.map((room) => ({ ...room, roomId: pseudonyms.room(room.roomId), name: undefined, alias: undefined }));
  return {
    ...survey,
    facts: { ...facts, database: "(a database)", folder: undefined },
    volume: typeof volume === "string" ? volume : { ...volume, path: "(its folder)" },
    rooms: rooms(survey.rooms),
    abandoned: typeof abandoned === "string" ? abandoned : { ...abandoned, rooms: rooms(abandoned.rooms) },
    blockers: {
      ...blockers,
      holders: blockers.holders.map((holder) => ({ ...holder, name: "(a name)", detail: "not shown" })),
      standbys: blockers.standbys.map(() => "(a standby)"),
    },
  };
}
