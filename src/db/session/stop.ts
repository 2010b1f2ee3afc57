/** Ends what a session reads once it is to stop. A read takes seconds and leaves nothing behind, so it need not be waited for. */
import type { Session } from "./connect.ts";

/**
 * Does `work`; an abort meanwhile ends the session at once.
 *
 * @throws the signal's reason, where it was aborted before or meanwhile
 */
export async function endOnAbort<T>(
  session: Session,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const end = () => session.destroy();
  signal?.throwIfAborted();
  signal?.addEventListener("abort", end);
  try {
    return await work();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", end);
  }
}
