/**
 * The driver as a session offers it: queries on its one connection, each of which rejects with a typed error. This is the one
 * place where the driver's errors are caught, so no statement can go around it.
 */

import type postgres from "postgres";

/** Runs queries, in the order in which they are made. It has no begin(): `Session.transaction()` is the one way. */
export interface Sql {
  <T extends readonly (object | undefined)[] = postgres.Row[]>(
    template: TemplateStringsArray,
    ...parameters: readonly postgres.ParameterOrFragment<never>[]
  ): postgres.PendingQuery<T>;
  /** As the driver's: the text as it is, with `$1` for the first parameter. */
  readonly unsafe: postgres.Sql["unsafe"];
}

/** Makes the queries of `driver` reject with what `typed` makes of their errors. */
export function typeErrors(driver: postgres.Sql, typed: (error: unknown) => Error): Sql {
  const wrap = <Q>(query: Q): Q => {
    // Not in the driver's types: whatever becomes of a query, the driver rejects it by this function of its own.
    const { reject } = query as { reject(error: unknown): void };
    return Object.assign(query as object, { reject: (error: unknown) => reject(typed(error)) }) as Q;
  };
  const call = (template: TemplateStringsArray, ...parameters: never[]) => wrap(driver(template, ...parameters));
  const unsafe: postgres.Sql["unsafe"] = (query, parameters, options) =>
    wrap(driver.unsafe(query, parameters, options));
  return Object.assign(call, { unsafe }) as Sql;
}
