import { strictEqual } from "node:assert/strict";
import { quoteCommand } from "../../src/cli/secrets.ts";

Deno.test("quoteCommand() quotes for a shell and leaves passwords out", () => {
  const commands: [string[], string][] = [
    [["-r", "!a:b", "-c"], "-r '!a:b' -c"],
    [["it's", ""], "'it'\\''s' ''"],
    [["postgresql://me:se@cr/et@host/db"], "'postgresql://me:***@host/db'"],
    [["postgresql:///db?user=me&password=secret&port=1"], "'postgresql:///db?user=me&password=***&port=1'"],
    [["host=h password='se cret' user=me"], "'host=h password=*** user=me'"],
    [["host=h password = secret"], "'host=h password = ***'"],
    [["--chunk-size=100", "/a/b.yaml"], "--chunk-size=100 /a/b.yaml"],
  ];
  for (const [words, text] of commands) strictEqual(quoteCommand(words), text);
});
