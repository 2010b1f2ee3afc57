/** The command line's tests, all of them, on the executables of the release. */
import { read } from "../../scripts/release/run.ts";
import { releaseFile, trial } from "../support/release.ts";

trial("the command line's tests pass on the executables", ["x86_64-unknown-linux-gnu"], async () => {
  const printed = await read(Deno.execPath(), ["run", "-A", "scripts/test.ts", "tests/cli"], {
    env: {
      SCS_BINARY: releaseFile(/-[0-9][^-]*-x86_64-unknown-linux-gnu$/),
      SCS_JITLESS_BINARY: releaseFile(/-jitless-x86_64-unknown-linux-gnu$/),
    },
  });
  console.log(/^ok \| .*$/m.exec(printed)?.[0]);
});
