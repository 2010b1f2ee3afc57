import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { runProgram } from "../support/cli.ts";

/** Nothing listens there: what is wrong with a command line is found before anything is connected to. */
const GOOD = ["-p", "postgresql://user:kept-secret@127.0.0.1:1/db", "-r", "!a:b"];

const BAD: readonly [what: string, args: readonly string[], message: RegExp][] = [
  ["no options at all", [], /-r is missing/],
  ["no -p", ["-r", "!a:b"], /-p is missing/],
  ["an empty -p", ["-p", "", "-r", "!a:b"], /-p is missing or empty/],
  ["-p and a configuration", [...GOOD, "--homeserver-config", "x"], /-p and --homeserver-config together/],
  ["no -r", GOOD.slice(0, 2), /-r is missing/],
  ["an empty -r", [...GOOD.slice(0, 2), "-r", ""], /-r "": it is empty/],
  ["two rooms", [...GOOD, "-r", "!c:d"], /-r "!c:d": it is given more than once/],
  ["-r without a room", [...GOOD.slice(0, 2), "-r"], /'-r, --room <ROOM>' argument missing/],
  ["-t without -o or -c", [...GOOD, "-t"], /-t without -o or -c/],
  ["levels that are no numbers", [...GOOD, "-l", "100,x"], /-l "100,x": levels are whole numbers/],
  ["a level of 0", [...GOOD, "-l", "0"], /-l "0": levels/],
  ["empty levels", [...GOOD, "-l", ""], /-l "": levels/],
  ["a negative level", [...GOOD, "-l", "100,-5"], /levels/],
  ["a negative -n", [...GOOD, "-n", "-5"], /-n "-5": a whole number of at least 1/],
  ["a negative -n, attached", [...GOOD, "-n-5"], /-n "-5": a whole number of at least 1/],
  ["-n 0", [...GOOD, "-n", "0"], /at least 1/],
  ["a -b that is no number", [...GOOD, "-b", "many"], /-b "many": a whole number of at least 0/],
  ["a -s past 2^53", [...GOOD, "-s", "99999999999999999999"], /a whole number/],
  ["a fraction", [...GOOD, "-m", "1.5"], /a whole number/],
  ["an empty range", [...GOOD, "-b", "7", "-s", "7"], /above 7 and up to 7: there are none/],
  ["an unknown option", [...GOOD, "--bogus"], /unknown option '--bogus'/],
  ["a misspelt option", [...GOOD, "--stratagy", "levels"], /Did you mean --strategy\?/],
  ["an unknown strategy", [...GOOD, "--strategy", "best"], /--strategy "best": it must be one of branches, levels/],
  ["a stray word", [...GOOD, "postgresql://u:kept-secret@h/d"], /a word that belongs to no option/],
  ["two outputs on standard output", [...GOOD, "--json", "-o", "-"], /--json and -o - together/],
  ["levels and a bound", [...GOOD, "-l", "5,5", "--max-hops", "9"], /-l and --max-hops together/],
  ["a bound for the Rust tool's rule", [...GOOD, "--strategy", "levels", "--max-hops", "9"], /together/],
  ["--batch without -c", [...GOOD, "--batch", "9"], /--batch without -c/],
  ["--vacuum without -c", [...GOOD, "--vacuum"], /--vacuum without -c/],
  ["--no-guards without -o", [...GOOD, "-c", "--no-guards"], /--no-guards without -o/],
  ["--graph-dir without -g", [...GOOD, "--graph-dir", "x"], /--graph-dir without -g/],
  [
    "a URL that does not parse",
    ["-p", "postgresql://u:kept-secret@h:x/d", "-r", "!a:b"],
    /Cannot read the database URL/,
  ],
  ["a database that is none", ["-p", "mysql://u:kept-secret@h/d", "-r", "!a:b"], /does not begin with postgresql/],
];

for (const [what, args, message] of BAD) {
  Deno.test(`the program refuses ${what}: exit code 2, one sentence and a hint`, async () => {
    const { code, stdout, stderr } = await runProgram(args);
    strictEqual(code, 2, stderr);
    if (!args.includes("--json")) strictEqual(stdout, "");
    match(stderr, message);
    const lines = stderr.trimEnd().split("\n");
    strictEqual(lines.length, 2, stderr);
    match(lines[1]!, /^hint: \S/);
    strictEqual(stderr.includes("kept-secret"), false);
  });
}

Deno.test("the program takes values as clap does: attached, with =, and in any order", async () => {
  const { code, stderr } = await runProgram(["-r!a:b", "-n100", "--levels=5,4", "-ctN", `-p${GOOD[1]}`]);
  match(stderr, /nothing listens there/);
  strictEqual(code, 1);
});

Deno.test("-p may be left out or empty where PG* variables name the database, as with libpq", async () => {
  const env = { PGHOST: "127.0.0.1", PGPORT: "1", PGUSER: "u" };
  for (const given of [[], ["-p", ""], ["-p", " "], ["--postgres="]]) {
    const { code, stderr } = await runProgram(["-r", "!a:b", ...given], { env });
    match(stderr, /Cannot connect to .* on 127.0.0.1:1 as "u": nothing listens there/);
    strictEqual(code, 1);
  }
});

Deno.test("each command line of the Rust tool's README and each of its flags is taken", async () => {
  const url = GOOD[1]!;
  for (
    const args of [
      ["-p", url, "-r", "!some_room:example.com", "-o", "/dev/stdout", "-t"],
      ["-p", "user=u dbname=d host=127.0.0.1 port=1", "-r", "!a:b", "-b", "1", "-m", "5", "-n", "9", "-s", "99", "-N"],
      ["-p", url, "-r", "!a:b", "-l", "100,50,25", "-tcN"],
      [`-p=${url}`, "-r=!a:b", "-n=100"],
      ["auto", "-p", url, "-c", "500", "-n", "100"],
      ["auto", "-p", "user=u dbname=d host=127.0.0.1 port=1", "-c", "500", "-l", "100,50,25", "-n", "100"],
    ]
  ) {
    const { code, stderr } = await runProgram(args);
    match(stderr, /: nothing listens there/, args.join(" "));
    strictEqual(code, 1);
  }
});

Deno.test("-h beside other options explains them, as clap does", async () => {
  const { code, stdout, stderr } = await runProgram([...GOOD, "-h"]);
  deepStrictEqual({ code, stderr }, { code: 0, stderr: "" });
  match(stdout, /^Usage: synapse_compress_state -p [^]* {2}-c, --commit /);
});

Deno.test("-h and -V print to standard output, and need no database", async () => {
  for (const flag of ["-h", "--help", "-V", "--version"]) {
    const { code, stdout, stderr } = await runProgram([flag]);
    deepStrictEqual({ code, stderr }, { code: 0, stderr: "" });
    match(
      stdout,
      /h/i.test(flag)
        ? /^Usage: synapse_compress_state \[COMMAND\]/
        : /^synapse_compress_state \d+\.\d+\.\d+\n.+, Deno /,
    );
  }
});
