/** Which JSON Schemas there are, and where; the tests read them strictly. */
import { SCHEMA_VERSION } from "../src/cli/outputs.ts";

/** Part of a JSON Schema. */
export type Schema = { [name: string]: unknown };

/** The types that each command prints, by its name. */
export const OUTPUTS: Readonly<Record<string, readonly string[]>> = {
  room: ["RoomOutput"],
  auto: ["AutoOutput"],
  rooms: ["RoomsOutput"],
  doctor: ["DoctorOutput"],
  prune: ["PrunePlanOutput", "PruneOutput"],
  reclaim: ["ReclaimPlanOutput", "ReclaimOutput"],
  graph: ["GraphOutput"],
  report: ["ServerPageOutput", "RoomPageOutput"],
  failure: ["FailureOutput"],
  progress: ["ProgressLineOutput", "LogLineOutput"],
};

/** Where they are, by the version. */
export const FOLDER = new URL(`../.github/schemas/${SCHEMA_VERSION}/`, import.meta.url);

/** The same schema, which takes no name that it does not say. */
export function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== "object" || schema === null) return schema;
  const closed = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, close(value)]));
  // A property that is called `properties` is none of these: it would have no type.
  return "properties" in closed && closed["type"] === "object" ? { ...closed, additionalProperties: false } : closed;
}
