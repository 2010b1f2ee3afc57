/**
 * What the program may do, in one place: the executables are compiled with these, and tests that run the program from its
 * source give it the same. Whatever a user's database address and output folder are, they must be reachable, so net, read
 * and write are open; running other programs, loading native code and all other variables are not.
 *
 * Deno itself keeps device files and /proc for programs with every permission, so the program cannot open /dev/full, say.
 */

import { OWN_VARIABLES } from "../src/cli/environment.ts";

/** The environment variables that the program or npm:postgres reads. */
const ENV = [
  // libpq's: PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE, PGSSLMODE, …
  "PG*",
  ...OWN_VARIABLES,
];

/** Flags of `deno run` and `deno compile`. */
export const PROGRAM_PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  `--allow-env=${ENV.join(",")}`,
  // npm:yaml looks at the first two to print what it reads, passwords and all: for it they are never set. npm:log-update looks at
  // the others for escape sequences that it does not use here.
  "--ignore-env=LOG_TOKENS,LOG_STREAM,TERM_PROGRAM,TMUX",
  // The operating system's name for the user is the one to connect as where none is given, and its word for the home folder;
  // how much of a disk is free. The system's version is what npm:ansi-escapes asks for on Windows, when it is loaded.
  "--allow-sys=userInfo,uid,gid,homedir,statfs,osRelease",
  // A question on the terminal would be no answer for a cron job: what is not allowed fails.
  "--no-prompt",
];
