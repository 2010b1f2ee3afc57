/** Real sessions, with a hand in what they send: shorter limits, and something that happens just before a statement. */
import type { Session } from "../../src/db/session/connect.ts";
import { BEGIN_BATCH } from "../../src/db/write/statements.ts";

/** For how long impatient() waits for a lock: tests of contention hold many of them, and really. */
export const LOCK_TIMEOUT_MS = 30;

/** `session`, with that limit in the transactions that write a batch. */
export function impatient(session: Session): Session {
  return withStatements(session, (text) => text.replace("lock_timeout = '500ms'", `lock_timeout = ${LOCK_TIMEOUT_MS}`));
}

/** `session`, with each statement as `change` returns it. */
export function withStatements(session: Session, change: (text: string) => string): Session {
  return withUnsafe(session, (send) => (text, ...rest) => send(change(text), ...rest));
}

/** `session`, doing `work` before the first batch's transaction begins: what was read is old by then. */
export function beforeBatch(session: Session, work: () => Promise<unknown>): Session {
  let turn: Promise<unknown> | undefined;
  return withUnsafe(session, (send) => (text, ...rest) => {
    if (text === BEGIN_BATCH) turn ??= work();
    if (turn === undefined) return send(text, ...rest);
    const isSimple = /^(BEGIN|COMMIT|ROLLBACK)/.test(text);
    const result = turn.then(() => isSimple ? send(text).simple() : send(text, ...rest));
    return Object.assign(result, { simple: () => result });
  });
}

/** As the driver's unsafe(), as far as it matters here. */
type Send = (text: string, ...rest: readonly unknown[]) => Promise<unknown> & { simple(): Promise<unknown> };

function withUnsafe(session: Session, wrap: (send: Send) => Send): Session {
  const unsafe = wrap(session.sql.unsafe as unknown as Send);
  const sql = new Proxy(session.sql, {
    get: (target, name) => name === "unsafe" ? unsafe : Reflect.get(target, name, target),
  });
  return new Proxy(session, {
    get(target, name) {
      if (name === "sql") return sql;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
