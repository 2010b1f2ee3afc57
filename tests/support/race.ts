/**
 * Two sides in every order: each step of either is let go by a scheduler, which goes on with the other side where one waits
 * for a lock that is really held.
 */
import type { Session } from "../../src/db/session/connect.ts";

/** Every order of `ours` Cs and `theirs` Ss. */
export function orders(ours: number, theirs: number): string[] {
  if (ours === 0) return ["S".repeat(theirs)];
  if (theirs === 0) return ["C".repeat(ours)];
  return [...orders(ours - 1, theirs).map((rest) => "C" + rest), ...orders(ours, theirs - 1).map((rest) => "S" + rest)];
}

/** One side: it runs up to its next gate, each time that it is let go. */
export class Actor {
  #isOpen = false;
  #isDone = false;
  #release: (() => void) | undefined;
  #arrived = Promise.withResolvers<void>();

  async start<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      this.#isDone = true;
      this.#arrived.resolve();
    }
  }

  async gate(): Promise<void> {
    if (this.#isOpen) return;
    const released = Promise.withResolvers<void>();
    this.#release = () => released.resolve();
    this.#arrived.resolve();
    await released.promise;
  }

  /** Lets it go, until it comes to its next gate or, it seems, waits for a lock. */
  async step(): Promise<void> {
    await this.#rest();
    if (this.#isDone || this.#release === undefined) return;
    this.#arrived = Promise.withResolvers();
    const release = this.#release;
    this.#release = undefined;
    release();
    await this.#rest();
  }

  open(): void {
    this.#isOpen = true;
    this.#release?.();
  }

  async #rest(): Promise<void> {
    let timer: number | undefined;
    await Promise.race([this.#arrived.promise, new Promise((resolve) => timer = setTimeout(resolve, 25))]);
    clearTimeout(timer);
  }
}

/** The session, with a gate before each of the statements `steps`. */
export function gated(session: Session, actor: Actor, steps: readonly string[]): Session {
  let turn = Promise.resolve();
  const unsafe = (text: string, ...rest: []) => {
    if (steps.includes(text)) turn = turn.then(() => actor.gate());
    const isSimple = /^(BEGIN|COMMIT|ROLLBACK)/.test(text);
    const result = turn.then(() => isSimple ? session.sql.unsafe(text).simple() : session.sql.unsafe(text, ...rest));
    return Object.assign(result, { simple: () => result });
  };
  return new Proxy(session, {
    get(target, name) {
      if (name === "sql") return { unsafe };
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Lets two sides go in an order (C is `us`, S is `they`), then both to their end; a hang is an error that names the order. */
export async function inOrder<T>(order: string, us: Actor, they: Actor, both: Promise<T>, name: string): Promise<T> {
  for (const letter of order) await (letter === "C" ? us : they).step();
  us.open();
  they.open();
  let timer: number | undefined;
  const stuck = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`stuck: ${order} ${name}`)), 20_000);
  });
  try {
    return await Promise.race([both, stuck]);
  } finally {
    clearTimeout(timer);
  }
}
