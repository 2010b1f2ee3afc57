import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { loadDump, parseDump } from "../../scripts/dump.ts";
import { testDatabase } from "../support/database.ts";

const DUMP = `--
-- PostgreSQL database dump
--
\\restrict abc

SET client_encoding = 'UTF8';

CREATE TABLE public.letters (
    letter text NOT NULL,
    place bigint
);

COPY public.letters (letter, place) FROM stdin;
a\\tb\\\\c;	1
-- no comment	\\N
\\.


COPY public.none (x) FROM stdin;
\\.

ALTER TABLE ONLY public.letters
    ADD CONSTRAINT letters_pkey PRIMARY KEY (letter);
`;

Deno.test("parseDump() yields statements, and COPY with its lines as they stand", () => {
  deepStrictEqual([...parseDump(DUMP)], [
    { statement: "SET client_encoding = 'UTF8';\n" },
    { statement: "CREATE TABLE public.letters (\n    letter text NOT NULL,\n    place bigint\n);\n" },
    {
      statement: "COPY public.letters (letter, place) FROM stdin;\n",
      data: "a\\tb\\\\c;\t1\n-- no comment\t\\N\n",
    },
    { statement: "COPY public.none (x) FROM stdin;\n", data: "" },
    { statement: "ALTER TABLE ONLY public.letters\n    ADD CONSTRAINT letters_pkey PRIMARY KEY (letter);\n" },
  ]);
});

Deno.test("loadDump() loads rows with their escapes undone, and leaves out what is not wanted", async () => {
  await using db = await testDatabase();
  await loadDump(db.sql, DUMP, (statement) => !statement.includes("public.none"));
  const rows = await db.sql`SELECT * FROM letters ORDER BY place`;
  deepStrictEqual([...rows].map((row) => ({ ...row })), [
    { letter: "a\tb\\c;", place: 1 },
    { letter: "-- no comment", place: null },
  ]);
  strictEqual((await db.sql`SELECT FROM pg_indexes WHERE indexname = 'letters_pkey'`).length, 1);
});
