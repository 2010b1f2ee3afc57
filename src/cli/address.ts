/** A database as arguments that name it again, to be pasted: never with a password. */

import type { Target } from "../mod.ts";

/** The arguments that name a database; none where PG* variables did. */
export function databaseArguments(flag: string, given: string | undefined, target: Target): string[] {
  return given === undefined ? [] : [flag, connectionString(target)];
}

function connectionString(target: Target): string {
  const { places, user, database, sslMode, sessionAttributes } = target;
  const [only] = places;
  const isSocket = places.length === 1 && only!.host.startsWith("/");
  const more = [
    ...isSocket ? [`host=${encodeURIComponent(only!.host)}`] : [],
    ...sslMode === "prefer" ? [] : [`sslmode=${sslMode}`],
    ...sessionAttributes === "any" ? [] : [`target_session_attrs=${sessionAttributes}`],
  ];
  const where = places.map(({ host, port }) => {
    const name = isSocket ? "" : host.includes(":") ? `[${host}]` : encodeURIComponent(host);
    return `${name}${port === 5432 ? "" : `:${port}`}`;
  });
  const query = more.length === 0 ? "" : `?${more.join("&")}`;
  return `postgresql://${encodeURIComponent(user)}@${where.join()}/${encodeURIComponent(database)}${query}`;
}
