/**
 * Runs a program as MemoryDenyWriteExecute=yes does: the kernel refuses it memory that is writable and executable. For
 * Linux 6.3 or later, on x86_64 and aarch64. Run it with `--v8-flags=--jitless`, since the refusal is for this process too.
 */
const PR_SET_MDWE = 65;
const PR_MDWE_REFUSE_EXEC_GAIN = 1n;
/** The exit code where the kernel does not know the refusal. */
export const TOO_OLD = 77;

if (import.meta.main) {
  const libc = Deno.dlopen("libc.so.6", {
    prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
  });
  if (libc.symbols.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0n, 0n, 0n) !== 0) Deno.exit(TOO_OLD);
  const [program, ...args] = Deno.args;
  const { code } = await new Deno.Command(program!, { args }).spawn().status;
  Deno.exit(code);
}
