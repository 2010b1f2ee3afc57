import { deepStrictEqual, match, strictEqual } from "node:assert/strict";
import { unlessNotFound } from "../../src/cli/absent.ts";
import { workFolder } from "../support/cli.ts";

const UNITS = new URL("../../scripts/systemd/", import.meta.url);
const SERVICES = ["synapse-state-compressor.service", "synapse-state-compressor-once.service"];
/** What systemd-analyze may say at most, times ten, as its --threshold wants it. */
const EXPOSURE = 11;

const read = (name: string) => Deno.readTextFile(new URL(name, UNITS));

/** The lines from the hardening's heading to the next section. */
function hardening(unit: string): string[] {
  const lines = unit.slice(unit.indexOf("# --- Hardening")).split("\n[Install]")[0]!;
  return lines.trim().split("\n");
}

async function analyze(...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", { args }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

async function systemdVersion(): Promise<number> {
  const printed = await unlessNotFound(analyze("--version"));
  return Number(/^systemd (\d+)/.exec(printed?.text ?? "")?.[1] ?? 0);
}

const version = await systemdVersion();

Deno.test("both services are hardened by the same lines", async () => {
  const [service, once] = await Promise.all(SERVICES.map(async (name) => hardening(await read(name))));
  strictEqual(service!.length > 20, true);
  deepStrictEqual(once, service);
});

Deno.test("the drop-in that denies executable memory starts the jitless executable as the service starts the other", async () => {
  const start = (unit: string) => [...unit.matchAll(/^ExecStart=(\/.*)$/gm)].map((found) => found[1]!);
  const [service] = start(await read(SERVICES[0]!));
  const dropIn = await read("memory-deny.conf");
  deepStrictEqual(start(dropIn), [service!.replace("/synapse_compress_state ", "/synapse_compress_state-jitless ")]);
  match(dropIn, /^MemoryDenyWriteExecute=yes$/m);
  match(dropIn, /^ExecStart=$/m);
});

// Offline checks came with systemd 250.
for (const name of [...SERVICES, "synapse-state-compressor-once.timer"]) {
  Deno.test({
    name: `systemd-analyze verifies ${name}`,
    ignore: version < 250,
    async fn() {
      await using folder = await workFolder();
      // The executable is not installed here, nor is the user.
      for (const unit of [...SERVICES, "synapse-state-compressor-once.timer"]) {
        const text = await read(unit);
        await Deno.writeTextFile(
          `${folder.path}/${unit}`,
          text.replaceAll(/^ExecStart=\S+/gm, "ExecStart=/bin/true").replaceAll(/^User=.*/gm, "User=root"),
        );
      }
      const { code, text } = await analyze("verify", "--man=no", "--recursive-errors=no", `${folder.path}/${name}`);
      strictEqual(code, 0, text);
      // A key or a value that systemd does not know is ignored with these words, and the code is 0.
      strictEqual(text.split("\n").filter((line) => line.includes(folder.path)).join("\n"), "");
    },
  });
}

for (const name of SERVICES) {
  Deno.test({
    name: `systemd-analyze rates the exposure of ${name} as OK`,
    ignore: version < 250,
    async fn() {
      await using folder = await workFolder();
      await Deno.writeTextFile(`${folder.path}/${name}`, await read(name));
      const path = `${folder.path}/${name}`;
      const { code, text } = await analyze("security", "--offline=true", `--threshold=${EXPOSURE}`, path);
      strictEqual(code, 0, text);
    },
  });
}
