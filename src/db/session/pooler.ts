/**
 * Whether a session is ours alone. A pooler in transaction or statement mode gives each transaction any server session that
 * is free: locks and settings of a session are then others' too, and ours would end up in Synapse's. Nothing is set before this
 * is known.
 *
 * Without a pooler the process that the server named when we logged in is the one that replies, and it sees our own port.
 * Where a pooler (PgBouncer, Odyssey, pgcat) or a network in between hides that, two clients settle it, whatever it is and
 * whatever its version: in session mode each keeps a server process to itself as long as it is there. Else a process is free again
 * as soon as it has replied, so the next query of either client goes to that one (the last to become free is the
 * first to be used, as PgBouncer does by default) or by another (in turn): either way one shows. A stranger may take the
 * process in between, and bring it back in between, but hardly ROUNDS times in a row.
 */

/** What the server says of a session. */
export interface Backend {
  /** The process that answered. */
  readonly pid: number;
  /** The port that it sees the client at, or null for a Unix socket. */
  readonly port: number | null;
}

/** Asks for a {@linkcode Backend}, as one row; harmless in any pooler. */
export const BACKEND_STATEMENT = "SELECT pg_backend_pid() AS pid, inet_client_port() AS port";

/** A second client of the same pooler. */
interface SecondClient {
  backend(): Promise<Backend>;
  destroy(): void;
}

/** What was found: alone, shared with others, or why it cannot be told. */
type Sharing = "alone" | "shared" | { readonly unknown: unknown };

const ROUNDS = 10;
/** A pool with no place for a second client lets it wait. */
const SECOND_CLIENT_MS = 3000;

/**
 * Finds out whether the session of `first` is ours alone.
 *
 * @param ask asks in the session itself
 * @param open makes a second client
 */
export async function findSharing(
  first: Backend,
  ask: () => Promise<Backend>,
  open: () => Promise<SecondClient>,
): Promise<Sharing> {
  let second: SecondClient | undefined;
  let isOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), SECOND_CLIENT_MS));
  const opening = open().then((client) => {
    second = client;
    if (isOver) client.destroy();
    return client.backend();
  });
  try {
    const other = await Promise.race([opening, late]);
    // It still waits for a process, while we are served by ours: nobody else gets that one.
    if (other === undefined) return (await ask()).pid === first.pid ? "alone" : "shared";
    for (let round = 0, theirs = other; round < ROUNDS; round++) {
      if (theirs.pid === first.pid || (await ask()).pid !== first.pid || (await ask()).pid !== first.pid) {
        return "shared";
      }
      const before = theirs.pid;
      theirs = await second!.backend();
      if (theirs.pid !== before) return "shared";
    }
    return "alone";
  } catch (error) {
    return { unknown: error };
  } finally {
    isOver = true;
    clearTimeout(timer);
    opening.catch(() => {});
    second?.destroy();
  }
}
