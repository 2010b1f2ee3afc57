import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { startPostgres } from "../../../scripts/postgres.ts";
import { findCandidates, findMismatch, type ServerKind } from "../../../src/db/session/hosts.ts";
import type { SessionAttributes } from "../../../src/db/target/target.ts";
import { startLibpq, whyNoLibpq } from "../../support/libpq.ts";
import { testServer } from "../../support/postgres.ts";
import { parse } from "../../support/target.ts";
import { comparing, ours, type Parameters } from "../../support/ways.ts";

const why = whyNoLibpq();
if (why !== undefined) console.log(`Not compared with libpq: ${why}`);

async function candidates(text: string) {
  const found = [];
  for await (const { target, addresses, failure } of findCandidates(parse(text))) {
    found.push([target.host, target.port, addresses.map((one) => one.hostAddress ?? "none"), failure !== undefined]);
  }
  return found;
}

Deno.test("findCandidates() looks up names, leaves addresses and sockets, and goes on after a name that nobody knows", async () => {
  deepStrictEqual(await candidates("host=127.0.0.1,/tmp,nowhere.invalid,name port=1,2,3,4 hostaddr=,,,10.0.0.1"), [
    ["127.0.0.1", 1, ["none"], false],
    ["/tmp", 2, ["none"], false],
    ["nowhere.invalid", 3, [], true],
    ["name", 4, ["10.0.0.1"], false],
  ]);
  const [[host, , addresses]] = await candidates("host=localhost") as [[string, number, string[]]];
  strictEqual(host, "localhost");
  ok(addresses.length > 0 && addresses.every((address) => ["127.0.0.1", "::1"].includes(address)), `${addresses}`);
});

Deno.test("findCandidates() gives each place its own password, which no print of it shows", async () => {
  for await (const { addresses } of findCandidates(parse("host=localhost password=hunter2"))) {
    for (const address of addresses) {
      strictEqual(address.password, "hunter2");
      ok(!Deno.inspect(address, { depth: 9 }).includes("hunter2"));
    }
  }
});

Deno.test("findMismatch() tells which servers will do", () => {
  const primary: ServerKind = { standby: false, readonly: false };
  const standby: ServerKind = { standby: true, readonly: true };
  const restricted: ServerKind = { standby: false, readonly: true };
  const fits = (wanted: SessionAttributes) =>
    [primary, standby, restricted].map((kind) => findMismatch(wanted, kind) === undefined);
  deepStrictEqual(
    (["any", "read-write", "read-only", "primary", "standby"] as const).map((wanted) => [wanted, ...fits(wanted)]),
    [
      ["any", true, true, true],
      ["read-write", true, false, false],
      ["read-only", false, true, true],
      ["primary", true, false, true],
      ["standby", false, true, false],
    ],
  );
});

Deno.test({
  name: "connect() takes of several servers the one that libpq takes",
  ignore: why !== undefined,
  async fn(t) {
    await using standby = await startPostgres({ files: { "standby.signal": "" }, say: () => {} });
    await using libpq = startLibpq();
    const compare = comparing(t, libpq);
    const { port, password } = new URL(testServer());
    const standbyPort = new URL(standby.url).port;
    const hosts = (ports: string, more: Parameters = {}): Parameters => ({
      host: ports.split(",").map(() => "127.0.0.1").join(","),
      port: ports,
      user: "postgres",
      dbname: "postgres",
      password,
      ...more,
    });
    await compare("a place where nothing is, and another", hosts(`1,${port}`));
    await compare(
      "nothing anywhere",
      hosts("1,2"),
      /127\.0\.0\.1:1: nothing listens there; 127\.0\.0\.1:2: nothing listens/,
    );
    await compare(
      "a name that nobody knows, and another",
      hosts(`${port},${port}`, { host: "nowhere.invalid,127.0.0.1" }),
    );
    await compare(
      "no further after a wrong password",
      hosts(`${port},${standbyPort}`, { password: "wrong" }),
      /authentication failed/,
    );
    for (const target_session_attrs of ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"]) {
      for (const ports of [`${port},${standbyPort}`, `${standbyPort},${port}`]) {
        const first = ports.startsWith(port) ? "the primary" : "the standby";
        await compare(`${target_session_attrs}, ${first} first`, hosts(ports, { target_session_attrs }));
      }
      const alone = hosts(port, { target_session_attrs });
      const fits = !["read-only", "standby"].includes(target_session_attrs);
      await compare(
        `${target_session_attrs}, the primary alone`,
        alone,
        fits ? undefined : /and target_session_attrs=/,
      );
    }
    await t.step("load_balance_hosts=random takes one or the other", async () => {
      const seen = new Set<string>();
      const parameters = hosts(`${port},${standbyPort}`, { load_balance_hosts: "random" });
      // That 60 draws are all alike has a chance of 2^-59.
      for (let i = 0; i < 60 && seen.size < 2; i++) {
        const found = await ours(parameters);
        ok("way" in found, Deno.inspect(found));
        seen.add(found.way);
      }
      strictEqual(seen.size, 2);
    });
    await withListener((socket) => socket.write(errorMessage("57P03", "starting up")), async (starting) => {
      await compare("a server that starts up, and another", hosts(`${starting},${port}`, { sslmode: "disable" }));
      await compare("a server that starts up", hosts(`${starting}`, { sslmode: "disable" }), /starting up/);
    });
    await withListener(() => {}, async (silent) => {
      await compare("connect_timeout, each", hosts(`${silent},${port}`, { connect_timeout: "1", sslmode: "disable" }));
    });
  },
});

/** What a server says of an error. */
function errorMessage(code: string, message: string): Uint8Array {
  const fields = new TextEncoder().encode(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const bytes = new Uint8Array(5 + fields.length);
  bytes[0] = 0x45;
  new DataView(bytes.buffer).setInt32(1, 4 + fields.length);
  bytes.set(fields, 5);
  return bytes;
}

/** Runs `work` with the port of a listener that answers by `answer`. */
async function withListener(answer: (socket: Socket) => void, work: (port: number) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work((server.address() as { port: number }).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}
