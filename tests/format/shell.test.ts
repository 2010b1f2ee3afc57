import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { commandLine, deleteRoomCall, quoteShell } from "../../src/format/shell.ts";

async function echo(word: string): Promise<string> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", `printf %s ${word}`] }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("quoteShell() makes one word of any text, as a shell reads it", async () => {
  for (const word of ["a", "!it's:b", '$HOME `id` \\ "x"', "a b\nc", "", "-r", "*"]) {
    strictEqual(await echo(quoteShell(word)), word);
  }
  deepStrictEqual(commandLine("auto", "-p", "a b"), "synapse_compress_state auto -p 'a b'");
});

Deno.test("deleteRoomCall() names the room in the path alone, whatever it is called", () => {
  const call = deleteRoomCall("!a/../b?x='y':server");
  strictEqual(
    call.split(" ").at(-1),
    "'http://localhost:8008/_synapse/admin/v2/rooms/!a%2F..%2Fb%3Fx%3D'\\''y'\\''%3Aserver'",
  );
});
