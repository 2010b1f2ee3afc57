/** A database as arguments that name it again, to be pasted: never with a password. */

import type { Target } from "../mod.ts";

/** The arguments that name a database; none where PG* variables did. */
export function databaseArguments(flag: string, given: string | undefined, target: Target): string[] {
  return given === undefined ? [] : [flag, connectionString(target)];
}

function connectionString({ host, port, user, database, sslMode }: Target): string {
  const [name, db] = [encodeURIComponent(user), encodeURIComponent(database)];
  const more = sslMode === "prefer" ? [] : [`sslmode=${sslMode}`];
  if (host.startsWith("/")) more.unshift(`host=${encodeURIComponent(host)}`);
  const place = host.startsWith("/") ? "" : host.includes(":") ? `[${host}]` : encodeURIComponent(host);
  const query = more.length === 0 ? "" : `?${more.join("&")}`;
  return `postgresql://${name}@${place}${port === 5432 ? "" : `:${port}`}/${db}${query}`;
}
