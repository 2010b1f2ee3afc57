/** What `help TOPIC` prints: what an administrator wants to know before and after, a screen each. */

/** A topic. */
export interface Topic {
  /** Half a line for lists of topics. */
  readonly summary: string;
  /** Lines of at most 79 columns. */
  readonly text: string;
}

/** The topics by their names, in the order in which they are listed. */
export const TOPICS: ReadonlyMap<string, Topic> = new Map(Object.entries({
  reads: {
    summary: "what compression makes of Synapse's reads",
    text: `Do Synapse's reads get slower?

To read a room's state, Synapse follows edges from its state group down to a
snapshot, and merges the rows on the way. The fewest rows need the longest
chains, so there is something to choose. Each run says how long the chains were
and are ("Edges to follow to a full state").

What sets how long they get:
  --prefer rows      the fewest rows, and the slowest reads
  --prefer balance   (default) rows as far as reads stay about as fast
  --prefer reads     faster reads, for some rows more
  --max-hops COUNT   no chain longer than this
  -l SIZES           levels as the Rust tool has them; their sum is the bound

See what a setting would do before you write: without -c nothing is written, and
  synapse_compress_state report -p DATABASE -r ROOM --max-hops 50
draws the chains before and after. Compressing again with another setting
changes the same room's chains again, in either direction.

If some reads do get slow, PostgreSQL (16 or later) may plan them badly: Synapse
tells it that a state group has 50 rows, and now it has two or three. Every
command then warns, and names the statement that tells it better.

Measured figures: .github/BENCHMARKS.md, "Reads".
`,
  },
  safety: {
    summary: "what keeps the data whole while Synapse runs",
    text: `Is it safe while Synapse runs?

Yes. Before anything is written, every state group's full state is compared
with what it was. Then each change is made in a short transaction that
  1. locks the state groups that it touches;
  2. reads them again, and skips any that is gone, changed or about to be
     deleted since;
  3. renews Synapse's deletion marks, so that a deletion under way notices;
  4. writes only the rows that differ, and rolls back unless what then stands
     is what was verified.

So each transaction keeps the full state of every room. Ctrl-C, kill -9, a lost
connection or a power cut leave a valid database; run it again to go on. What
-o writes has the same checks: run it later, twice, or only half of it.

Commands only read unless you add -c; auto and run write.
Do not run the Rust tool at the same time: it takes no locks.
Broken data is named and left alone, and the rest is compressed: see doctor.
Passwords are never printed. Keep yours in ~/.pgpass or PGPASSWORD.
`,
  },
  disk: {
    summary: "why the disk does not shrink, and how it does",
    text: `Why did the disk not shrink?

PostgreSQL keeps the space of deleted rows in the table's file, for new rows.
The file stays as big as it was until something gives the space back:

  synapse_compress_state reclaim -p DATABASE      what there is to gain, how
  synapse_compress_state reclaim -p DATABASE -c   do it, while Synapse runs

The whole way, on a server with a big table:
  1. rooms              which rooms are big? First delete those that nobody on
                        your server is in, by Synapse's admin API.
  2. auto --max-time 2h night after night, until it says that all is done
  3. prune -c           then wait until Synapse has deleted what was marked
  4. reclaim -c         the disk comes back
  5. run                as a service, with prune and reclaim, keeps it so

VACUUM FULL (reclaim --method full) blocks Synapse until it is done, and needs
room for a second table. pg_repack needs a unique index that Synapse's table
does not have, and Synapse stopped.
`,
  },
  levels: {
    summary: "what -l 100,50,25 means, and when to give it",
    text: `What are levels?

The Rust tool stores a room's state groups in levels: -l 100,50,25 says that up
to 100 groups follow one another on the lowest level, then the next one builds
on the level above, which has up to 50, and so on. A full state is then at most
100 + 50 + 25 = 175 edges away; these are the Rust tool's defaults.

  --strategy branches   (default) chooses each group's base along the branch of
                        the room that it belongs to; the levels are the bound
  --strategy levels     exactly the Rust tool's rule: the same rows
  --max-hops 50         finds the levels of this sum that save the most
  -l 20,10,5            shorter chains, more rows

Leave -l out unless you know what you want from it: --prefer (help reads) is
what to set. auto saves the levels of each room with its progress, so -l applies
to rooms that it has not begun.
`,
  },
  connecting: {
    summary: "how to name the database, and what is refused",
    text: `How to name the database

-p takes what psql takes, and libpq's variables and files stand in for it:
  -p postgresql://synapse@localhost:5432/synapse?sslmode=verify-full
  -p postgresql:///synapse               the local socket
  -p "host=/var/run/postgresql dbname=synapse user=synapse"
  -p service=synapse                     ~/.pg_service.conf
  PGHOST, PGPORT, PGDATABASE, PGUSER, PGSSLMODE ...
  --homeserver-config FILE               where Synapse's configuration has it

Where nothing names one, a homeserver.yaml in one of Synapse's usual places
does: /etc/matrix-synapse, /data, ~/synapse ... The output says which.

Passwords: ~/.pgpass or PGPASSWORD, where ps does not show them; on a terminal
they are asked for. As Synapse's own user on the same host, none may be needed:
  sudo -u postgres synapse_compress_state rooms -p postgresql:///synapse

Which user? Synapse's own can do everything but reclaim's last steps on some
servers; README, "Which privileges does it need?", has a role with less.
PgBouncer works in session mode only: connect to PostgreSQL itself.
What cannot be honoured is refused, never ignored: the message says why, and
REFERENCE.md has a table of all the parameters.
`,
  },
  "exit-codes": {
    summary: "what scripts can rely on",
    text: `Exit codes

    0   done, or nothing to do
    1   failed, or a room failed: the last lines say why, and what to do
    2   a wrong command line or configuration: nothing was touched
    3   verification failed, nothing was written: please report it
    4   doctor found broken data; auto compressed around some
    5   other transactions kept state groups from being rewritten: run it again
  130   stopped by Ctrl-C (SIGINT): what was written is complete
  143   stopped by SIGTERM; 0 for run, whose end that is

With --json a failure is an object on standard output, too:
  {"schema_version":1,"error":{"kind":"connection","message":"...",
   "hint":"...","exit_code":1}}
kind is one of usage, connection, schema, output, defect, capacity, conflict,
stopped, mismatch, failed and internal. A run that was stopped prints its
report with "error" in it. Every output has a JSON Schema in .github/schemas/;
schema_version grows when a name goes or changes what it means.
`,
  },
}));
