/**
 * The lint plugin that holds the one rule of the house: LAYERS is the dependency order, and a file of src/ imports only from
 * files above it. So there are no cycles. A file that is not listed is an error too: whoever adds one says where it belongs.
 * It also keeps the outside world at the edge: the PostgreSQL driver under db/; Deno, process and console in cli/ and main.ts.
 */

/** The dependency order of src/ and main.ts. `.github/ARCHITECTURE.md` says what each is. */
export const LAYERS: readonly string[] = [
  "src/errors.ts",
  "src/core/interner.ts",
  "src/core/states.ts",
  "src/core/defects.ts",
  "src/core/forest.ts",
  "src/core/levels.ts",
  "src/core/plan.ts",
  "src/core/standing.ts",
  "src/core/natural.ts",
  "src/core/branches.ts",
  "src/core/compress.ts",
  "src/core/verify.ts",
  "src/format/quote.ts",
  "src/format/digest.ts",
  "src/format/guard.ts",
  "src/format/sql.ts",
  "src/format/layout.ts",
  "src/format/graph.ts",
  "src/format/gexf.ts",
  "src/format/gephi.ts",
  "src/format/graphs.ts",
  "src/format/report.ts",
  "src/format/page/html.ts",
  "src/format/page/style.ts",
  "src/format/page/charts.ts",
  "src/format/page/facts.ts",
  "src/format/page/forest.ts",
  "src/format/page/verdict.ts",
  "src/format/page/tables.ts",
  "src/format/page.ts",
  "src/format/json.ts",
  "src/format/rooms.ts",
  "src/format/doctor.ts",
  "src/db/target/settings.ts",
  "src/db/target/files.ts",
  "src/db/target.ts",
  "src/db/socket.ts",
  "src/db/copy.ts",
  "src/db/failures.ts",
  "src/db/types.ts",
  "src/db/server.ts",
  "src/db/connect.ts",
  "src/db/stop.ts",
  "src/db/load.ts",
  "src/db/access.ts",
  "src/db/vacuum.ts",
  "src/db/statements.ts",
  "src/db/rivals.ts",
  "src/db/batch.ts",
  "src/db/write.ts",
  "src/db/progress.ts",
  "src/db/rooms.ts",
  "src/db/doctor.ts",
  "src/jobs/room.ts",
  "src/jobs/survey.ts",
  "src/jobs/chunk.ts",
  "src/jobs/auto.ts",
  "src/jobs/schedule.ts",
  "src/jobs/graph.ts",
  "src/settings.ts",
  "src/mod.ts",
  "src/cli/parse/options.ts",
  "src/cli/parse/drawing.ts",
  "src/cli/parse/graph.ts",
  "src/cli/parse/auto.ts",
  "src/cli/parse/run.ts",
  "src/cli/parse/report.ts",
  "src/cli/parse/rooms.ts",
  "src/cli/parse/doctor.ts",
  "src/cli/parse.ts",
  "src/cli/terminal.ts",
  "src/cli/files.ts",
  "src/cli/memory.ts",
  "src/cli/secrets.ts",
  "src/cli/commands.ts",
  "src/cli/commands/rooms.ts",
  "src/cli/commands/doctor.ts",
  "src/cli/commands/graph.ts",
  "src/cli/commands/report.ts",
  "src/cli/metrics.ts",
  "src/cli/commands/auto.ts",
  "src/cli/commands/run.ts",
  "src/cli/run.ts",
  "main.ts",
];

const AT_THE_EDGE = /^(src\/cli\/|main\.ts$)/;
const GLOBALS = new Set(["Deno", "process", "console"]);
const DRIVER = /^(npm:)?postgres([@/]|$)/;

/** `src/core/levels.ts` of an absolute path or file URL that lies in our tree, else undefined. */
export function layerPath(filename: string): string | undefined {
  const path = filename.replaceAll("\\", "/");
  return /(?:^|\/)(src\/(?:(?:core|format|db|jobs|cli)\/.+|[^/]+)\.ts)$/.exec(path)?.[1] ??
    (/(?:^|\/)main\.ts$/.test(path) && !/\/(src|tests|scripts)\//.test(path) ? "main.ts" : undefined);
}

/** What is wrong with `file` importing `specifier`, if anything. */
export function importFault(file: string, specifier: string): string | undefined {
  if (DRIVER.test(specifier)) {
    return file.startsWith("src/db/") ? undefined : "the PostgreSQL driver is imported only under src/db/";
  }
  if (/^(node:)?(process|console)$/.test(specifier) && !AT_THE_EDGE.test(file)) {
    return `"${specifier}" is imported only in src/cli/ and main.ts`;
  }
  if (!specifier.startsWith(".")) return undefined;
  const target = new URL(specifier, `file:///${file}`).pathname.slice(1);
  const to = LAYERS.indexOf(target);
  // Data, such as the version in deno.json, depends on nothing.
  if (to === -1) return target.endsWith(".json") ? undefined : `${target} is not listed in LAYERS of scripts/layers.ts`;
  if (to >= LAYERS.indexOf(file)) return `${target} is not above ${file} in LAYERS of scripts/layers.ts`;
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
            if (LAYERS.includes(file)) return;
            context.report({
              range: [0, 0],
              message: `${file} is not listed in LAYERS of scripts/layers.ts: say where it belongs`,
            });
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
