/** The one sentence of a connection that could not be made. */

import { ConnectionError, type ErrorDetails } from "../../errors.ts";
import { describeTarget, type Target } from "../target/target.ts";

/** Makes it: `Cannot connect to database "x" on host:5432 as "u": why`. */
export function cannotConnect(target: Target, why: string, details: ErrorDetails = {}): ConnectionError {
  return new ConnectionError(`Cannot connect to ${describeTarget(target)}: ${why}`, details);
}

/** What listens there takes connections, and says nothing. A PostgreSQL that is up says something at once. */
export function silenceError(target: Target, timeoutMs: number): ConnectionError {
  return cannotConnect(target, `what listens there says nothing: no answer within ${timeoutMs / 1000} seconds`, {
    hint: "Check host and port: it may not be PostgreSQL. If it is, and slow, allow more time with connect_timeout.",
  });
}
