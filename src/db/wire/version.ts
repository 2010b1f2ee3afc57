/**
 * Whether a session's TLS is of a version that was asked for. Deno's TLS (1.2 and 1.3) can neither be told which to speak nor tells
 * which it is, so the server is asked, once we are logged in and before anything else is.
 */

import type { Target } from "../target/target.ts";
import { cannotConnect } from "./refusal.ts";

/** Asks a server for the version, as one row. */
export const TLS_STATEMENT = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl";

/** Whether a target asks for any. */
export function limitsVersion({ sslMinVersion, sslMaxVersion }: Target): boolean {
  return sslMinVersion !== undefined || sslMaxVersion !== undefined;
}

/**
 * Refuses a session with another version than asked for.
 *
 * @param version what the server says, or undefined where it does not know: a pooler stands in between
 * @throws {ConnectionError} it is another
 */
export function checkVersion(target: Target, version: string | undefined): void {
  const { sslMinVersion, sslMaxVersion } = target;
  const spoken = version ?? "an unknown version of TLS";
  if (sslMinVersion !== undefined && version !== "TLSv1.3") {
    throw cannotConnect(target, `the server speaks ${spoken}, and ssl_min_protocol_version demands TLSv1.3`, {
      hint: "Update the server, or take ssl_min_protocol_version away: TLSv1.2 is safe as well.",
    });
  }
  if (sslMaxVersion !== undefined && version !== "TLSv1.2") {
    throw cannotConnect(target, `the server speaks ${spoken}, which ssl_max_protocol_version forbids`, {
      hint:
        "This program cannot ask it for less: take ssl_max_protocol_version away, or set it in its postgresql.conf.",
    });
  }
}
