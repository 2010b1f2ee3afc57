/**
 * The lint plugin that holds the one rule of the house: RANKS lists the folders of src/, lowest first, and a file imports only
 * from folders of lower rank, and within its own folder without a circle (`findCircle`, held by a test, since a plugin sees
 * one file at a time). It also keeps the outside world at the edge: the PostgreSQL driver under db/session/; Deno, process
 * and console in cli/ and main.ts.
 */

/** The folders (and single files) of src/, lowest rank first. `.github/ARCHITECTURE.md` says what each is for. */
export const RANKS: readonly string[] = [
  "src/errors.ts",
  "src/core/forest/",
  "src/core/plan/",
  "src/core/verify.ts",
  "src/core/figures.ts",
  "src/format/numbers.ts",
  "src/format/sql/",
  "src/format/graph/",
  "src/format/",
  "src/format/page/",
  "src/db/target/",
  "src/db/wire/",
  "src/db/session/",
  "src/db/read/",
  "src/db/write/",
  "src/jobs/",
  "src/text/",
  "src/text/page/",
  "src/homeserver/",
  "src/mod.ts",
  "src/cli/progress/",
  "src/cli/",
  "src/cli/commands/",
  "src/cli/guide/",
  "src/cli/main.ts",
  "main.ts",
];

const AT_THE_EDGE = /^(src\/cli\/|main\.ts$)/;
const GLOBALS = new Set(["Deno", "process", "console"]);
const DRIVER = /^(npm:)?postgres([@/]|$)/;

/** `src/core/levels.ts` of an absolute path or file URL that lies in our tree, else undefined. */
export function layerPath(filename: string): string | undefined {
  const path = filename.replaceAll("\\", "/");
  return /(?:^|\/)(src\/(?:(?:core|format|db|jobs|text|homeserver|cli)\/.+|[^/]+)\.ts)$/.exec(path)?.[1] ??
    (/(?:^|\/)main\.ts$/.test(path) && !/\/(src|tests|scripts)\//.test(path) ? "main.ts" : undefined);
}

/** The index in RANKS of the most specific entry that holds `file`, or -1. */
export function rankOf(file: string): number {
  const own = RANKS.indexOf(file);
  return own === -1 ? RANKS.indexOf(file.slice(0, file.lastIndexOf("/") + 1)) : own;
}

/** The path that a relative import of `file` names. */
function resolveImport(file: string, specifier: string): string {
  return new URL(specifier, `file:///${file}`).pathname.slice(1);
}

/** What is wrong with `file` importing `specifier`, if anything. */
export function importFault(file: string, specifier: string): string | undefined {
  if (DRIVER.test(specifier)) {
    return file.startsWith("src/db/session/")
      ? undefined
      : "the PostgreSQL driver is imported only under src/db/session/";
  }
  if (/^(node:)?(process|console)$/.test(specifier) && !AT_THE_EDGE.test(file)) {
    return `"${specifier}" is imported only in src/cli/ and main.ts`;
  }
  if (!specifier.startsWith(".")) return undefined;
  const target = resolveImport(file, specifier);
  // Data, such as the version in deno.json, depends on nothing.
  if (target.endsWith(".json")) return undefined;
  const [from, to] = [rankOf(file), rankOf(target)];
  if (to === -1) return `${target} is in no folder of RANKS in scripts/layers.ts`;
  if (target === file) return `${file} imports itself`;
  if (to > from) return `${target} is of higher rank than ${file} (RANKS in scripts/layers.ts)`;
  return undefined;
}

/** A circle of imports among files that share a rank, as a path whose last file is its first; undefined where there is none. */
export function findCircle(sources: ReadonlyMap<string, string>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (
      const [, specifier] of sources.get(file)?.matchAll(/^(?!\s*\*).*(?:\bfrom|\bimport\(?)\s*"(\.[^"]+)"/gm) ?? []
    ) {
      const target = resolveImport(file, specifier!);
      const circle = rankOf(target) === rankOf(file) ? visit(target, [...path, file]) : undefined;
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of sources.keys()) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** Whether the identifier is a use of the global, not a name of a property, key or parameter. */
function isGlobal(node: Deno.lint.Identifier): boolean {
  const parent = node.parent as Deno.lint.Node;
  if (parent.type === "MemberExpression") return parent.object === node || parent.computed;
  if (parent.type === "Property") return parent.value === node;
  return !/^(TS|Import|Export|MethodDefinition|PropertyDefinition)/.test(parent.type) ||
    parent.type === "TSAsExpression";
}

const plugin: Deno.lint.Plugin = {
  name: "layers",
  rules: {
    order: {
      create(context) {
        const file = layerPath(context.filename);
        if (file === undefined) return {};
        const visit = (node: { source: Deno.lint.StringLiteral | Deno.lint.Expression | null }) => {
          const { source } = node;
          if (source?.type !== "Literal" || typeof source.value !== "string") return;
          const message = importFault(file, source.value);
          if (message !== undefined) context.report({ node: source, message });
        };
        return {
          Program() {
            if (rankOf(file) !== -1) return;
            context.report({ range: [0, 0], message: `${file} is in no folder of RANKS in scripts/layers.ts` });
          },
          ImportDeclaration: visit,
          ExportNamedDeclaration: visit,
          ExportAllDeclaration: visit,
          ImportExpression: visit,
        };
      },
    },
    edge: {
      create(context) {
        const file = layerPath(context.filename);
        if (file === undefined || AT_THE_EDGE.test(file)) return {};
        return {
          Identifier(node) {
            if (!GLOBALS.has(node.name) || !isGlobal(node)) return;
            context.report({ node, message: `${node.name} is used only in src/cli/ and main.ts` });
          },
        };
      },
    },
  },
};

export default plugin;
