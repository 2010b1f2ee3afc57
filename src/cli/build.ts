/**
 * What this is a build of. The version is that of deno.json, and stands nowhere else; the commit is not known to the source. For
 * an executable or a package, `scripts/release/source.ts` puts a file of the same form in this one's place, with both in it.
 */

import project from "../../deno.json" with { type: "json" };

/** As semantic versioning has it. */
export const VERSION: string = project.version;
/** Twelve digits, or nothing. */
export const COMMIT: string = "";
