import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { choice, count, duration, levels, list, parseCount, required, text } from "../../src/cli/flags.ts";
import { UsageError } from "../../src/errors.ts";

/** What a flag makes of a text, or undefined where it refuses it with the SyntaxError that parse.ts puts into words. */
function read<T>(
  flag: { read?(text: string, previous: T | undefined): T },
  given: string,
  previous?: T,
): T | undefined {
  try {
    return flag.read!(given, previous);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

Deno.test("count() takes whole numbers from the least on, and nothing that merely begins like one", () => {
  const flag = count("-n <N>", "", 1);
  deepStrictEqual(["1", "007", "9007199254740991"].map((given) => read(flag, given)), [1, 7, Number.MAX_SAFE_INTEGER]);
  for (const wrong of ["0", "-1", "1.5", "1e3", "", " 1", "0x1", "9007199254740992"]) {
    strictEqual(read(flag, wrong), undefined, wrong);
  }
  throws(() => parseCount("x", 5), /a whole number of at least 5 is expected/);
});

Deno.test("duration() demands a unit: Synapse's milliseconds are not what one would mean", () => {
  const flag = duration("--max-time <TIME>", "");
  deepStrictEqual(["90s", "45m", "2h", "1d"].map((given) => read(flag, given)), [
    90_000,
    2_700_000,
    7_200_000,
    86_400_000,
  ]);
  for (const wrong of ["90", "0s", "1.5h", "h", "", "2 h"]) strictEqual(read(flag, wrong), undefined, wrong);
});

Deno.test("choice() and text() refuse what is not there, list() collects, levels() reads sizes", () => {
  const flag = choice("--only <WHICH>", "", ["before", "after"], "before");
  deepStrictEqual([read(flag, "after"), read(flag, "both"), flag.default], ["after", undefined, "before"]);
  strictEqual(read(text("-o <FILE>", ""), ""), undefined);
  const many = list("--config <FILE>", "");
  deepStrictEqual(read(many, "b", read(many, "a")), ["a", "b"]);
  deepStrictEqual(read(levels("-l <SIZES>", ""), "100,50"), [100, 50]);
});

Deno.test("required() refuses a command line without the flag, in words of its own", () => {
  const flag = required(text("-r <ROOM>", ""), "Cannot tell which room: -r is missing", "Give -r.");
  throws(
    () => flag.check!(undefined as unknown as string, {}),
    (error) =>
      error instanceof UsageError && error.message === "Cannot tell which room: -r is missing" &&
      error.hint === "Give -r.",
  );
  flag.check!("!a:b", {});
});
