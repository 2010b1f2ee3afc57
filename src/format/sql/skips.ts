/** Why a state group is not rewritten, and how that is said. Guarded SQL and our own writer skip for the same reasons. */

/**
 * - `gone`: deleted since it was read
 * - `changed`: its predecessor or its rows are not those that were read
 * - `marked`: Synapse is about to delete it
 * - `base-gone`, `base-changed`, `base-marked`: the same of its new predecessor
 * - `bound`: on its new predecessor, as that stands by now, a chain would have more hops than allowed
 * - `contention`: other transactions were in the way, at every attempt
 */
export type SkipKind =
  | "gone"
  | "changed"
  | "marked"
  | "base-gone"
  | "base-changed"
  | "base-marked"
  | "bound"
  | "contention";

/** What each kind says after "State groups left as they are". */
export const SKIP_WORDS: Readonly<Record<SkipKind, string>> = {
  gone: "deleted by Synapse meanwhile",
  changed: "changed by Synapse meanwhile",
  marked: "marked for deletion by Synapse",
  "base-gone": "whose new predecessor was deleted meanwhile",
  "base-changed": "whose new predecessor changed meanwhile",
  "base-marked": "whose new predecessor is marked for deletion",
  bound: "that would have had too many hops after all",
  contention: "that other transactions locked or changed at every attempt",
};

/** All kinds, in the order in which they are told. */
export const SKIP_KINDS = Object.keys(SKIP_WORDS) as readonly SkipKind[];
