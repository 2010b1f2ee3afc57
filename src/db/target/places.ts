/**
 * The hosts that a connection string names, each with its port: several, separated by commas, as libpq combines the lists of
 * host, hostaddr and port. Knows libpq's rules for their lengths, and nothing of networks.
 * Source: https://www.postgresql.org/docs/17/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 */

import { UsageError } from "../../errors.ts";
import { defaultHost } from "./files.ts";

/** One of the places to connect to. */
export interface Place {
  /** A host name, an address, or (when it begins with `/`) the directory of a Unix socket. */
  readonly host: string;
  /** The address to open instead of looking `host` up; `host` stays the name that a certificate must carry. */
  readonly hostAddress: string | undefined;
  /** The server's port. */
  readonly port: number;
  /** Not enumerable, so that no print of a target shows it. */
  readonly password: string | undefined;
}

/** A place as it was named: no host where that was left open. */
export interface NamedPlace {
  readonly host: string | undefined;
  readonly hostAddress: string | undefined;
  readonly port: number;
}

/**
 * Combines the three lists.
 *
 * @throws {UsageError} their lengths do not agree, or a port is none
 */
export function combinePlaces(
  hosts: string | undefined,
  addresses: string | undefined,
  ports: string | undefined,
): NamedPlace[] {
  const list = (text: string | undefined) => text?.split(",").map((part) => part || undefined) ?? [];
  const [names, numbers, portList] = [list(hosts), list(addresses), list(ports)];
  if (numbers.length > 0 && names.length > 0 && numbers.length !== names.length) {
    throw new UsageError(
      `Cannot read the connection string: host names ${names.length} places and hostaddr ${numbers.length}`,
      { hint: "Give as many addresses as hosts; one can be empty, to be looked up." },
    );
  }
  const count = Math.max(names.length, numbers.length, 1);
  if (portList.length > 1 && portList.length !== count) {
    throw new UsageError(
      `Cannot read the connection string: it has ${portList.length} ports and ${count} host${count === 1 ? "" : "s"}`,
      { hint: "Give one port for all hosts, or a port for each." },
    );
  }
  return Array.from({ length: count }, (_, i) => ({
    host: names[i],
    hostAddress: numbers[i],
    port: wholeNumber((portList.length > 1 ? portList[i] : portList[0]) ?? "5432", "port", 1, 65535),
  }));
}

/** A place with its host; the password, if any, in no print of it. */
export function toPlace({ host, hostAddress, port }: NamedPlace, password: string | undefined): Place {
  return withPassword({ host: host ?? hostAddress ?? defaultHost(), hostAddress, port }, password);
}

/** The same, with a password that no print of it shows. */
export function withPassword<T extends object>(
  place: T,
  password: string | undefined,
): T & { readonly password: string | undefined } {
  return Object.defineProperty({ ...place, password: undefined }, "password", { value: password, enumerable: false }) as
    & T
    & { readonly password: string | undefined };
}

/** Reads a number as libpq does, with white space around it. */
export function wholeNumber(text: string, name: string, lowest: number, highest: number): number {
  const value = Number(text);
  if (/^\s*[+-]?\d+\s*$/.test(text) && value >= lowest && value <= highest) return value;
  throw new UsageError(`Cannot read the connection string: ${name} is not a whole number from ${lowest} to ${highest}`);
}
