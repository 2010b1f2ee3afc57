/** How values go to the server and come back where the driver's own way will not do. Knows the types' numbers and text forms. */

import { CapacityError } from "../../errors.ts";

/**
 * The types that the driver would leave as text, or, without asking the server for its types at the start, cannot send.
 * Source: https://github.com/postgres/postgres/blob/REL_17_STABLE/src/include/catalog/pg_type.dat
 */
export const TYPES = {
  bigint: { to: 20, from: [20], serialize: String, parse: toSafeInteger },
  bigintArray: { to: 1016, from: [1016], serialize: toArrayText, parse: (text: string) => fromArrayText(text) },
  textArray: { to: 1009, from: [], serialize: toArrayText, parse: String },
};

function toSafeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new CapacityError(`Cannot work with the number ${text}: it is beyond 2^53`);
  return value;
}

function toArrayText(values: readonly unknown[] | string): string {
  if (typeof values === "string") return values;
  return `{${
    values.map((value) => value === null ? "NULL" : `"${String(value).replace(/["\\]/g, "\\$&")}"`).join(",")
  }}`;
}

function fromArrayText(text: string): number[] {
  return text === "{}" ? [] : text.slice(1, -1).split(",").map(toSafeInteger);
}
