/**
 * What libpq 18 has for connection parameters, and what becomes of each here: one list, from which connection strings are
 * read and the table in the reference is made. Source: https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-PARAMKEYWORDS
 */

/** A connection parameter. */
export interface Parameter {
  /** libpq's name for it. */
  readonly name: string;
  /** The variable that stands in for it, if there is one. */
  readonly variable?: string;
  /** What becomes of it. */
  readonly as: "libpq" | "in part" | "without effect" | "refused";
  /** What else there is to say: which values, and why not the others. Every one but those as libpq has it. */
  readonly note?: string;
  /** The values that can be used, where others are refused. The empty value can always be used. */
  readonly only?: RegExp;
}

/** The socket's options that Node's modules cannot set. */
const TUNING = "tuning that Node's sockets do not offer; the server's own keepalives find a lost client";
const NO_OAUTH = "authentication by OAuth is not supported";
const NO_GSS = "only for GSSAPI, which is never used";

/** libpq's parameters, in the order of its documentation. */
export const PARAMETERS: readonly Parameter[] = [
  {
    name: "host",
    variable: "PGHOST",
    as: "in part",
    note: "names, addresses or socket folders, several with commas between; abstract sockets (`@…`) are refused",
    only: /^(?!@)(?!.*,@)/,
  },
  { name: "hostaddr", variable: "PGHOSTADDR", as: "libpq" },
  { name: "port", variable: "PGPORT", as: "libpq" },
  { name: "dbname", variable: "PGDATABASE", as: "libpq" },
  { name: "user", variable: "PGUSER", as: "libpq" },
  { name: "password", variable: "PGPASSWORD", as: "libpq", note: "asked for on a terminal, if the server wants one" },
  { name: "passfile", variable: "PGPASSFILE", as: "libpq" },
  {
    name: "require_auth",
    variable: "PGREQUIREAUTH",
    as: "libpq",
    note: "`gss`, `sspi` and `oauth` cannot be met, since none is supported",
  },
  {
    name: "channel_binding",
    variable: "PGCHANNELBINDING",
    as: "in part",
    note:
      "`require` needs a verified certificate (`sslrootcert`): without that, Deno's TLS does not check that the server has its key",
  },
  {
    name: "connect_timeout",
    variable: "PGCONNECT_TIMEOUT",
    as: "libpq",
    note: "per address; where it is not given, 30 s (libpq: no limit)",
  },
  {
    name: "client_encoding",
    variable: "PGCLIENTENCODING",
    as: "in part",
    note: "always UTF-8: any other value is refused, and the variable is ignored",
    only: /^(utf-?8|auto|unicode)$/i,
  },
  { name: "options", variable: "PGOPTIONS", as: "libpq" },
  { name: "application_name", variable: "PGAPPNAME", as: "libpq" },
  { name: "fallback_application_name", as: "libpq" },
  { name: "keepalives", as: "libpq" },
  { name: "keepalives_idle", as: "libpq", note: "60 s where it is not given (libpq: the system's default)" },
  { name: "keepalives_interval", as: "without effect", note: TUNING },
  { name: "keepalives_count", as: "without effect", note: TUNING },
  { name: "tcp_user_timeout", as: "without effect", note: TUNING },
  { name: "replication", as: "refused", note: "replication connections run no SQL", only: /^(false|off|no|0)$/ },
  {
    name: "gssencmode",
    variable: "PGGSSENCMODE",
    as: "in part",
    note: "`disable` and `prefer`; `require` is refused: there is no GSSAPI encryption",
    only: /^(disable|prefer)$/,
  },
  { name: "sslmode", variable: "PGSSLMODE", as: "libpq" },
  {
    name: "sslnegotiation",
    variable: "PGSSLNEGOTIATION",
    as: "libpq",
    note: "`direct` needs PostgreSQL 17 and sslmode `require` or stronger",
  },
  { name: "sslcompression", variable: "PGSSLCOMPRESSION", as: "without effect", note: "never compressed" },
  { name: "sslcert", variable: "PGSSLCERT", as: "libpq" },
  {
    name: "sslkey",
    variable: "PGSSLKEY",
    as: "in part",
    note: "a file that only its owner can read (or root's, with mode 0640); keys of OpenSSL engines are refused",
  },
  {
    name: "sslpassword",
    as: "in part",
    note: "for keys in PKCS #8 (`BEGIN ENCRYPTED PRIVATE KEY`); the hint says how to convert older ones",
  },
  {
    name: "sslcertmode",
    variable: "PGSSLCERTMODE",
    as: "in part",
    note:
      "`disable` and `allow`; `require` is refused: TLS here does not say whether the server asked for a certificate",
    only: /^(disable|allow)$/,
  },
  {
    name: "sslrootcert",
    variable: "PGSSLROOTCERT",
    as: "in part",
    note:
      "server certificates of X.509 version 1, and authorities' own ones (`CA:TRUE`), are refused when they are verified; " +
      "the hint says how to make one that works",
  },
  {
    name: "sslcrl",
    variable: "PGSSLCRL",
    as: "in part",
    note: "all authorities of the chain must be in `sslrootcert`; not with `sslrootcert=system`",
  },
  { name: "sslcrldir", variable: "PGSSLCRLDIR", as: "in part", note: "as `sslcrl`" },
  { name: "sslsni", variable: "PGSSLSNI", as: "libpq" },
  {
    name: "requirepeer",
    variable: "PGREQUIREPEER",
    as: "refused",
    note: "Node's sockets do not tell who owns the server's process",
    only: /^$/,
  },
  {
    name: "ssl_min_protocol_version",
    variable: "PGSSLMINPROTOCOLVERSION",
    as: "libpq",
    note: "never below TLSv1.2; for TLSv1.3 the server is asked after the login, so not through a pooler",
  },
  {
    name: "ssl_max_protocol_version",
    variable: "PGSSLMAXPROTOCOLVERSION",
    as: "in part",
    note: "with `TLSv1.2`, a session in TLSv1.3 is refused after the login; TLSv1 and TLSv1.1 are refused always",
    only: /^TLSv1\.[23]$/i,
  },
  {
    name: "min_protocol_version",
    variable: "PGMINPROTOCOLVERSION",
    as: "in part",
    note: "`3.0`, which every server speaks and this program too; more is refused",
    only: /^3\.0$/,
  },
  { name: "max_protocol_version", variable: "PGMAXPROTOCOLVERSION", as: "libpq", note: "always 3.0" },
  {
    name: "sslkeylogfile",
    as: "refused",
    note: "Deno's TLS writes no keys",
    only: /^$/,
  },
  { name: "scram_client_key", as: "refused", note: "give the password", only: /^$/ },
  { name: "scram_server_key", as: "refused", note: "give the password", only: /^$/ },
  { name: "oauth_issuer", as: "refused", note: NO_OAUTH, only: /^$/ },
  { name: "oauth_client_id", as: "refused", note: NO_OAUTH, only: /^$/ },
  { name: "oauth_client_secret", as: "refused", note: NO_OAUTH, only: /^$/ },
  { name: "oauth_scope", as: "refused", note: NO_OAUTH, only: /^$/ },
  { name: "krbsrvname", variable: "PGKRBSRVNAME", as: "without effect", note: NO_GSS },
  { name: "gsslib", variable: "PGGSSLIB", as: "without effect", note: NO_GSS },
  { name: "gssdelegation", variable: "PGGSSDELEGATION", as: "without effect", note: NO_GSS },
  { name: "service", variable: "PGSERVICE", as: "libpq", note: "services from LDAP (`ldap://`) are refused" },
  { name: "target_session_attrs", variable: "PGTARGETSESSIONATTRS", as: "libpq" },
  { name: "load_balance_hosts", variable: "PGLOADBALANCEHOSTS", as: "libpq" },
];

const BY_NAME: ReadonlyMap<string, Parameter> = new Map(PARAMETERS.map((parameter) => [parameter.name, parameter]));

/** The parameter of that name, if libpq has one. */
export function findParameter(name: string): Parameter | undefined {
  return BY_NAME.get(name);
}

/** Every PG* variable that is read: those of the parameters, and where files are. */
export const PG_VARIABLES: readonly string[] = [
  ...PARAMETERS.flatMap(({ variable }) => variable === undefined || variable === "PGCLIENTENCODING" ? [] : [variable]),
  "PGSERVICEFILE",
  "PGSYSCONFDIR",
];
