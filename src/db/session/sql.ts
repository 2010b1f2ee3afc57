/**
 * The driver as a session offers it: queries on its one connection, each of which rejects with a typed error. This is the one
 * place where the driver's errors are caught, so no statement can go around it.
 */

import type postgres from "postgres";

/** A row of a result, by column. */
// deno-lint-ignore no-explicit-any
export type Row = Readonly<Record<string, any>>;

/** The rows of a result. */
export type Rows<T> = T & {
  /** How many rows the statement returned or changed. */
  readonly count: number;
};

/** A query that was made: await it for its rows. */
export interface Query<T> extends Promise<Rows<T>> {
  /** Sends it by the simple protocol: several statements, or one that takes no parameters, such as VACUUM. */
  simple(): this;
  /** Sends it now, rather than when it is awaited. */
  execute(): this;
}

/** How a query is sent. */
export interface QueryOptions {
  /** Keep it prepared on the server, for the next time. @default false */
  readonly prepare?: boolean | undefined;
}

/** Runs queries, in the order in which they are made. It has no begin(): `Session.transaction()` is the one way. */
export interface Sql {
  /** A template's text, with a parameter for each of its values. */
  <T extends readonly object[] = Row[]>(template: TemplateStringsArray, ...parameters: readonly unknown[]): Query<T>;
  /** The text as it is, with `$1` for the first parameter. */
  unsafe<T extends readonly object[] = Row[]>(
    text: string,
    parameters?: readonly unknown[],
    options?: QueryOptions,
  ): Query<T>;
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
  return Object.assign(call, { unsafe }) as unknown as Sql;
}
