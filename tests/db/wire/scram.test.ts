import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import fc from "fast-check";
import { type Binding, Scram } from "../../../src/db/wire/scram.ts";

const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text).digest();

/** A server that knows the password: its first message, and what it makes of the proof. Written after RFC 5802, section 3. */
function server(password: string, clientFirst: string) {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const [header, bare] = [
    clientFirst.slice(0, clientFirst.indexOf("n=")),
    clientFirst.slice(clientFirst.indexOf("n=")),
  ];
  const nonce = `${bare.slice(bare.indexOf("r=") + 2)}more`;
  const first = `r=${nonce},s=${salt.toString("base64")},i=4096`;
  return {
    header,
    first,
    final(clientFinal: string) {
      const salted = pbkdf2Sync(password, salt, 4096, 32, "sha256");
      const withoutProof = clientFinal.slice(0, clientFinal.lastIndexOf(",p="));
      const exchange = `${bare},${first},${withoutProof}`;
      const proof = Buffer.from(clientFinal.slice(clientFinal.lastIndexOf(",p=") + 3), "base64");
      const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest();
      const signature = hmac(storedKey, exchange);
      const clientKey = Buffer.from(proof.map((byte, i) => byte ^ signature[i]!));
      const knows = createHash("sha256").update(clientKey).digest().equals(storedKey);
      const channel = Buffer.from(/^c=([^,]*)/.exec(clientFinal)![1]!, "base64");
      return { knows, channel, final: `v=${hmac(hmac(salted, "Server Key"), exchange).toString("base64")}` };
    },
  };
}

Deno.test("Scram proves that it knows the password, and learns that the server does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1 }), fc.boolean(), async (password, isBound) => {
      const binding: Binding = isBound ? Buffer.from("the hash") : "unsupported";
      const scram = new Scram(password, binding);
      const other = server(password, scram.first);
      const { knows, channel, final } = other.final(await scram.prove(other.first));
      ok(knows);
      strictEqual(channel.toString(), isBound ? "p=tls-server-end-point,,the hash" : "n,,");
      strictEqual(scram.isFinished, false);
      scram.finish(final);
      strictEqual(scram.isFinished, true);
    }),
    { numRuns: 30 },
  );
});

Deno.test("Scram does not trust a server that does not know the password, or does not keep to the rules", async () => {
  const scram = new Scram("secret", "none");
  deepStrictEqual([scram.mechanism, scram.first.slice(0, 3)], ["SCRAM-SHA-256", "y,,"]);
  const impostor = server("guess", scram.first);
  const { knows, final } = impostor.final(await scram.prove(impostor.first));
  strictEqual(knows, false);
  for (const words of [final, "v=", "e=other-error", ""]) throws(() => scram.finish(words), /may be an impostor/);
  strictEqual(scram.isFinished, false);
  const nonce = scram.first.slice(scram.first.indexOf("r=") + 2);
  for (
    const first of [
      "r=another,s=AAAA,i=4096",
      `r=${nonce},s=AAAA,i=4096`,
      `r=${nonce}x,s=,i=4096`,
      `r=${nonce}x,s=AAAA,i=0`,
      `r=${nonce}x,s=AAAA,i=9999999999`,
      "",
    ]
  ) await rejects(scram.prove(first), /malformed/);
});

Deno.test("Scram takes a password as SASLprep makes it, and as it is where SASLprep forbids it", async () => {
  // A soft hyphen is nothing, a no-break space a space, a numero sign two letters; the last one is forbidden.
  for (const [typed, stored] of [["I\u00adX", "IX"], ["a\u00a0b", "a b"], ["№", "No"], ["a\u0007ä", "a\u0007ä"]]) {
    const scram = new Scram(typed!, "unsupported");
    const other = server(stored!, scram.first);
    strictEqual(other.final(await scram.prove(other.first)).knows, true, typed);
  }
});
