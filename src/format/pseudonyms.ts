/**
 * Names for what may not be named: rooms, users, event types. The same text gets the same name wherever a page of the same
 * server is made, and nobody can find the text by trying ids that they know, since the names hang on a secret of the server's.
 */
import { createHmac } from "node:crypto";

/** Digits of a name: of 100,000 rooms hardly two get the same. */
const DIGITS = 10;

/** The pseudonyms of one server. */
export class Pseudonyms {
  readonly #secret: string;

  /**
   * Makes the pseudonyms of a server.
   *
   * @param secret a text that is the same for each run on the server, and that outsiders do not know
   */
  constructor(secret: string) {
    this.#secret = secret;
  }

  /** A room's id. */
  room(roomId: string): string {
    return `!room-${this.#digest("room", roomId)}`;
  }

  /** An event's type: Matrix's own stay as they are. */
  type(type: string): string {
    return /^m\.[a-z._]+$/.test(type) ? type : `type-${this.#digest("type", type)}`;
  }

  /** A state key: an empty one stays. */
  stateKey(stateKey: string): string {
    if (stateKey === "") return "";
    return `${stateKey.startsWith("@") ? "@user" : "key"}-${this.#digest("key", stateKey)}`;
  }

  #digest(kind: string, text: string): string {
    return createHmac("sha256", this.#secret).update(`${kind}\0${text}`).digest("hex").slice(0, DIGITS);
  }
}
