/**
 * The driver as a session offers it: queries on its one connection, each of which rejects with a typed error. This is the one
 * place where the driver's errors are caught, so no statement can go around it.
 */

import type postgres from "postgres";

/** A row, by column name. */
// deno-lint-ignore no-explicit-any -- a column's type is its query's business
export type Row = Record<string, any>;

/** A query's rows, and how many it returned or changed. */
export type Rows<T extends readonly (object | undefined)[]> = T & {
  /** Rows that were returned or changed. */
  readonly count: number;
};

/** A query that is on its way; awaited, it is its rows. */
export interface Query<T extends readonly (object | undefined)[]> extends Promise<Rows<T>> {
  /** Sends it as it is, without parameters: it may be several statements. */
  simple(): Query<T>;
  /** Sends it now; else it is sent once it is awaited. */
  execute(): Query<T>;
}

/** Runs queries, in the order in which they are made. It has no begin(): `Session.transaction()` is the one way. */
export interface Sql {
  /** Runs a query; what is put into the template goes as parameters. */
  <T extends readonly (object | undefined)[] = Row[]>(
    template: TemplateStringsArray,
    ...parameters: readonly unknown[]
  ): Query<T>;
  /** Runs a text as it is, with `$1` for the first parameter. */
  unsafe<T extends readonly (object | undefined)[] = Row[]>(
    query: string,
    parameters?: readonly unknown[],
    options?: { readonly prepare?: boolean | undefined },
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
  const unsafe = (query: string, parameters?: never[], options?: postgres.UnsafeQueryOptions) =>
    wrap(driver.unsafe(query, parameters, options));
  return Object.assign(call, { unsafe }) as unknown as Sql;
}
