/** Puts the words of rustls (and of Node, should this run there) as an administrator would say them, with the way out. */

import { isIP } from "node:net";
import type { ConnectionError } from "../../errors.ts";
import type { Target } from "../target/target.ts";
import { cannotConnect } from "./refusal.ts";

/** How to make a server's certificate that every client takes. */
function certificateHint({ host }: Target): string {
  const name = host.startsWith("/") ? "db.example.org" : host;
  return `Make one that works: openssl req -new -x509 -days 3650 -nodes -subj "/CN=${name}" ` +
    `-addext "subjectAltName=${isIP(name) ? "IP" : "DNS"}:${name}" -addext "basicConstraints=critical,CA:FALSE" ` +
    "-out server.crt -keyout server.key; clients then name server.crt as their sslrootcert.";
}

/** The error for TLS that failed. */
export function certificateError(target: Target, cause: unknown): ConnectionError {
  const text = cause instanceof Error ? `${cause.message} ${(cause as { code?: string }).code ?? ""}` : String(cause);
  if (/CaUsedAsEndEntity/i.test(text)) {
    return cannotConnect(target, "the server's certificate is marked as an authority's (CA:TRUE), not as a server's", {
      hint: certificateHint(target),
      cause,
    });
  }
  if (/UnsupportedCertVersion/i.test(text)) {
    return cannotConnect(target, "the server's certificate is of X.509 version 1, which is obsolete", {
      hint: certificateHint(target),
      cause,
    });
  }
  if (/UnknownIssuer|SELF_SIGNED|UNABLE_TO_|BadSignature/i.test(text)) {
    return cannotConnect(target, "the server's certificate is not trusted: its issuer is unknown", {
      hint: target.sslRootCert === "system"
        ? "sslrootcert=system trusts public authorities alone: name the file with its authority's certificate instead."
        : `${target.sslRootCert}, the sslrootcert, must hold the certificate of the authority that issued it.`,
      cause,
    });
  }
  if (/Expired|NotValidYet/i.test(text)) {
    return cannotConnect(target, "the server's certificate has expired or is not yet valid", {
      hint: "Renew it, or set this machine's clock.",
      cause,
    });
  }
  if (/UnsupportedSignatureAlgorithm/i.test(text)) {
    return cannotConnect(target, "the server's certificate is signed in a way that is no longer safe, such as SHA-1", {
      hint: certificateHint(target),
      cause,
    });
  }
  if (/invalid peer certificate/i.test(text)) {
    return cannotConnect(target, `the server's certificate is not accepted: ${text.trim()}`, {
      hint: certificateHint(target),
      cause,
    });
  }
  return cannotConnect(target, `TLS failed: ${text.trim()}`, { cause });
}
