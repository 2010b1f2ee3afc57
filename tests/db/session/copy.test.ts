import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { FrameReader, readInt32, readInt64 } from "../../../src/db/session/copy.ts";
import { CapacityError, ConnectionError } from "../../../src/errors.ts";

type Row = (string | null)[];

const text = new TextEncoder();

function frame(type: string, ...body: Uint8Array[]): Buffer {
  const content = Buffer.concat(body);
  const head = Buffer.alloc(5);
  head.write(type, "latin1");
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

function int16(value: number): Buffer {
  return Buffer.of((value >> 8) & 0xff, value & 0xff);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function header(extension = Buffer.of(), flags = 0): Buffer {
  return Buffer.concat([Buffer.from("PGCOPY\n\xff\r\n\0", "latin1"), int32(flags), int32(extension.length), extension]);
}

function rowBytes(row: Row): Buffer {
  return Buffer.concat([
    int16(row.length),
    ...row.flatMap((field) => field === null ? [int32(-1)] : [int32(text.encode(field).length), text.encode(field)]),
  ]);
}

const BEGIN = frame("R", int32(0));
const READY = frame("Z", Buffer.from("I"));
const END = Buffer.concat([frame("c"), frame("C", Buffer.from("COPY 3\0")), READY]);

/** What a server sends for a COPY: the header comes with the first row, the trailer by itself, as servers do. */
function copyStream(columns: number, rows: Row[], extension = Buffer.of()): Buffer {
  const start = frame("H", Buffer.of(1), int16(columns), ...Array(columns).fill(int16(1)));
  const messages = [...rows.map(rowBytes), int16(-1)];
  messages[0] = Buffer.concat([header(extension), messages[0]!]);
  return Buffer.concat([start, ...messages.map((message) => frame("d", message)), END]);
}

function readRow(bytes: Uint8Array, offset: number, columns: number): Row {
  const row: Row = [];
  for (let i = 0; i < columns; i++) {
    const length = readInt32(bytes, offset);
    offset += 4;
    row.push(length < 0 ? null : new TextDecoder().decode(bytes.subarray(offset, offset + length)));
    offset += Math.max(0, length);
  }
  return row;
}

interface Reading {
  rows: Row[];
  forwarded: Buffer;
  faults: unknown[];
  result: Promise<number>;
  reader: FrameReader;
}

function reading(columns: number, onRow?: () => void): Reading {
  const parts: Uint8Array[] = [];
  const seen: Reading = {
    rows: [],
    faults: [],
    get forwarded() {
      return Buffer.concat(parts);
    },
    reader: new FrameReader({
      forward: (frames) => parts.push(frames),
      fault: (error) => seen.faults.push(error),
      serverError: (fields) => new Error(`${fields["C"]}: ${fields["M"]}`),
    }),
    result: Promise.resolve(0),
  };
  seen.reader.push(BEGIN);
  parts.length = 0;
  seen.result = seen.reader.read((bytes, offset) => {
    onRow?.();
    seen.rows.push(readRow(bytes, offset, columns));
  });
  seen.result.catch(() => {});
  return seen;
}

const ROWS: Row[] = [["1", "m.room.member", "@ü:x", "$e"], ["", null, "'\\\n$$", "🎈"], ["2", "a", "", "b"]];

Deno.test("FrameReader reads the same rows and forwards the same frames wherever the chunks are cut", async () => {
  const notice = frame("N", Buffer.from("SNOTICE\0\0"));
  const stream = Buffer.concat([notice, copyStream(4, ROWS), notice]);
  const forwarded = Buffer.concat([notice, stream.subarray(notice.length, notice.length + 16), END, notice]);
  for (let cut = 0; cut <= stream.length; cut++) {
    const seen = reading(4);
    seen.reader.push(stream.subarray(0, cut));
    seen.reader.push(stream.subarray(cut));
    strictEqual(await seen.result, 3);
    deepStrictEqual(seen.rows, ROWS);
    deepStrictEqual(seen.forwarded, forwarded);
  }
});

Deno.test("FrameReader reads any rows in any chunks", async () => {
  const field = fc.option(fc.string({ unit: "grapheme", maxLength: 40 }));
  const rows = fc.integer({ min: 1, max: 5 }).chain((columns) =>
    fc.tuple(fc.constant(columns), fc.array(fc.array(field, { minLength: columns, maxLength: columns })))
  );
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
      async ([columns, rows], sizes) => {
        const stream = copyStream(columns, rows, Buffer.from("an extension"));
        const seen = reading(columns);
        for (let at = 0, i = 0; at < stream.length; at += sizes[i++ % sizes.length]!) {
          seen.reader.push(stream.subarray(at, at + sizes[i % sizes.length]!));
        }
        strictEqual(await seen.result, rows.length);
        deepStrictEqual(seen.rows, rows);
        deepStrictEqual(seen.faults, []);
      },
    ),
  );
});

Deno.test("FrameReader forwards everything, CopyData too, while no COPY is read", () => {
  const stream = Buffer.concat([BEGIN, READY, copyStream(4, ROWS), READY]);
  for (const size of [1, 3, 7, 1000]) {
    const parts: Uint8Array[] = [];
    const reader = new FrameReader({
      forward: (frames) => parts.push(frames),
      fault: (error) => {
        throw error;
      },
      serverError: () => new Error(),
    });
    for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size));
    deepStrictEqual(Buffer.concat(parts), stream);
  }
});

Deno.test("FrameReader takes one COPY after another, and refuses two at once", async () => {
  const seen = reading(4);
  throws(() => seen.reader.read(() => {}), TypeError);
  seen.reader.push(copyStream(4, ROWS));
  strictEqual(await seen.result, 3);
  let rows = 0;
  const second = seen.reader.read(() => rows++);
  seen.reader.push(copyStream(4, []));
  strictEqual(await second, 0);
  strictEqual(rows, 0);
});

Deno.test("FrameReader rejects with the server's error in the middle of a COPY, and goes on", async () => {
  const seen = reading(4);
  const error = frame("E", Buffer.from("SERROR\0VERROR\0C57014\0Mcanceling statement\0\0"));
  const stream = copyStream(4, ROWS);
  seen.reader.push(Buffer.concat([stream.subarray(0, stream.length - END.length - 7), error]));
  seen.reader.push(READY);
  await rejects(seen.result, { message: "57014: canceling statement" });
  strictEqual(seen.rows.length, 3);
  ok(seen.forwarded.includes(error));
  strictEqual(seen.reader.fatal, undefined);
  seen.reader.push(frame("E", Buffer.from("SFATAL\0C57P01\0Mterminating\0\0")));
  strictEqual(seen.reader.fatal?.["M"], "terminating");
});

Deno.test("FrameReader gives up, with what onRow threw, and calls it no more", async () => {
  const seen = reading(4, () => {
    throw new RangeError("no more");
  });
  seen.reader.push(copyStream(4, ROWS));
  seen.reader.push(READY);
  await rejects(seen.result, { name: "RangeError", message: "no more" });
  strictEqual(seen.faults.length, 1);
  deepStrictEqual(seen.rows, []);
});

Deno.test("FrameReader refuses what is not one row a message", async (t) => {
  const start = frame("H", Buffer.of(1), int16(2), int16(1), int16(1));
  const row = rowBytes(["a", "b"]);
  const cases: Record<string, Buffer[]> = {
    "another signature": [frame("d", Buffer.from("PGCOPY\r\n\0 and so on..."), row)],
    "a short header": [frame("d", header().subarray(0, 15))],
    "unknown critical flags": [frame("d", header(Buffer.of(), 1 << 16), row)],
    "an extension beyond the message": [frame("d", header().subarray(0, 15), int32(1000), row)],
    "a negative extension": [frame("d", header().subarray(0, 15), int32(-8), row)],
    "two rows a message": [frame("d", header(), row, row)],
    "another number of columns": [frame("d", header(), rowBytes(["a"]))],
    "half a row": [frame("d", header(), row.subarray(0, row.length - 1))],
    "a field of negative length": [frame("d", header(), int16(2), int32(-2), int32(-1))],
    "a field beyond the message": [frame("d", header(), int16(2), int32(0x7fffffff), int32(-1))],
    "one byte": [frame("d", header(), row), frame("d", Buffer.of(0))],
    "a row after the trailer": [frame("d", header(), int16(-1)), frame("d", row)],
    "two trailers": [frame("d", header(), int16(-1)), frame("d", int16(-1))],
    "no trailer": [frame("d", header(), row)],
    "an impossible length": [frame("d", header(), row), Buffer.of(0x64, 0, 0, 0, 1)],
    "a negative length": [Buffer.of(0x64, 0xff, 0xff, 0xff, 0xff)],
  };
  for (const [name, messages] of Object.entries(cases)) {
    await t.step(name, async () => {
      const seen = reading(2);
      seen.reader.push(Buffer.concat([start, ...messages, END]));
      await rejects(seen.result, ConnectionError);
      strictEqual(seen.faults.length, 1);
    });
  }
  await t.step("rows as text", async () => {
    const seen = reading(2);
    seen.reader.push(frame("H", Buffer.of(0), int16(2), int16(0), int16(0)));
    await rejects(seen.result, { name: "TypeError", message: /FORMAT binary/ });
  });
});

Deno.test("FrameReader takes a huge message in small chunks in linear time", async () => {
  const time = async (length: number) => {
    const stream = copyStream(1, [["x".repeat(length)]]);
    const seen = reading(1);
    const started = performance.now();
    for (let at = 0; at < stream.length; at += 4096) seen.reader.push(stream.subarray(at, at + 4096));
    strictEqual(await seen.result, 1);
    return performance.now() - started;
  };
  await time(1 << 22);
  // Quadratic copying of 64 MB would move half a terabyte: a minute at the least.
  ok(await time(1 << 26) < 30_000);
});

Deno.test("readInt64() is exact up to 2^53, and refuses what is beyond", () => {
  const bytes = new Uint8Array(17);
  const view = new DataView(bytes.buffer);
  for (const value of [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 + 5, -(2 ** 32) - 5, 2 ** 53 - 1, -(2 ** 53) + 1]) {
    view.setBigInt64(3, BigInt(value));
    strictEqual(readInt64(bytes, 3), value);
  }
  for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
    view.setBigInt64(3, value);
    throws(() => readInt64(bytes, 3), CapacityError);
  }
  view.setInt32(0, -(2 ** 31));
  strictEqual(readInt32(bytes, 0), -(2 ** 31));
});
