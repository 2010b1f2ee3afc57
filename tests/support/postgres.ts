/**
 * Which PostgreSQL the tests run on: the one named by SCS_TEST_POSTGRES, which `deno task test` starts and sets. Tests need
 * one: without it they fail, and say how to get it.
 */

/** The superuser's URL of the server that tests use. */
export function testServer(environment: { get(name: string): string | undefined } = Deno.env): string {
  const url = environment.get("SCS_TEST_POSTGRES");
  if (!url) {
    throw new Error(
      "Cannot test without PostgreSQL: run `deno task test`, which brings its own; or keep one up with " +
        "`deno task postgres`, and put the URL that it prints into SCS_TEST_POSTGRES",
    );
  }
  return url;
}

/** `server` with another database, and further changes by `edit`. */
export function withDatabase(server: string, database: string, edit: (url: URL) => void = () => {}): string {
  const url = new URL(server);
  url.pathname = `/${encodeURIComponent(database)}`;
  edit(url);
  return url.href;
}
