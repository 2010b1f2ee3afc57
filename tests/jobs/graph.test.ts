import { ok, rejects, strictEqual } from "node:assert/strict";
import { connect, type Session } from "../../src/db/session/connect.ts";
import { StoppedError } from "../../src/errors.ts";
import { describeRoom, drawRoom } from "../../src/jobs/graph.ts";
import { compressRoom } from "../../src/jobs/room.ts";
import { biggestRoom, testDatabase } from "../support/database.ts";

Deno.test("outputs that are being written when the signal comes are taken back, and the job is stopped", async () => {
  await using db = await testDatabase({ fixture: true });
  const roomId = await biggestRoom(db);
  const jobs: ((session: Session, sink: Sink, signal: AbortSignal) => Promise<unknown>)[] = [
    (session, sink, signal) => drawRoom(session, { roomId, graph: { format: "gexf" } }, () => sink, { signal }),
    (session, sink, signal) => drawRoom(session, { roomId, graph: { format: "csv" } }, () => sink, { signal }),
    (session, sink, signal) => describeRoom(session, { roomId }, sink, { signal }),
    (session, sink, signal) => compressRoom(session, { roomId }, { sql: sink, signal }),
  ];
  for (const job of jobs) {
    await using session = await connect(db.url, { readOnly: true });
    const controller = new AbortController();
    const sink = new Sink(() => controller.abort(new StoppedError("Stopped by SIGTERM", { exitCode: 143 })));
    await rejects(job(session, sink, controller.signal), /Stopped by SIGTERM/);
    strictEqual(sink.end, "taken back");
    ok(sink.writes < 3);
  }
});

/** An output that the signal meets at its first piece of text. */
class Sink {
  end: "committed" | "taken back" | undefined;
  writes = 0;
  readonly #onWrite: () => void;

  constructor(onWrite: () => void) {
    this.#onWrite = onWrite;
  }

  async write(_text: string): Promise<void> {
    this.writes++;
    this.#onWrite();
    await Promise.resolve();
  }

  commit(): Promise<void> {
    this.end = "committed";
    return Promise.resolve();
  }

  abort(): Promise<void> {
    this.end ??= "taken back";
    return Promise.resolve();
  }
}
