/**
 * Synapse's configuration files as top-level sections. Reads YAML as Synapse does: version 1.1, later files over earlier ones,
 * top-level key by key. Knows in which file and line each value is, for messages; shows no value in its own.
 */
import { isNode, LineCounter, parseDocument } from "yaml";
import { UsageError } from "../errors.ts";

/** A configuration file's name and text. */
export interface ConfigText {
  /** The file's name, for messages. */
  readonly name: string;
  /** What it holds: YAML. */
  readonly text: string;
}

/** A top-level key's value, and where the things in it stand. */
export interface Section {
  readonly value: unknown;
  /** The place of a key, as "homeserver.yaml line 12". */
  place(...path: string[]): string;
}

/**
 * Reads the sections of configuration files.
 *
 * @returns each top-level key's value, as the last file has it
 * @throws {UsageError} a file is not YAML, or not a mapping
 */
export function readSections(files: readonly ConfigText[]): Map<string, Section> {
  const sections = new Map<string, Section>();
  for (const file of files) readFile(file, sections);
  return sections;
}

function readFile({ name, text }: ConfigText, sections: Map<string, Section>): void {
  const lineCounter = new LineCounter();
  // As PyYAML, which Synapse uses: of two equal keys the last one counts.
  const document = parseDocument(text, { version: "1.1", prettyErrors: false, uniqueKeys: false, lineCounter });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    // Of an alias or a tag the message shows the name only; of a scalar nothing.
    const reason = error.code === "BAD_ALIAS" ? "an alias refers to no anchor" : `it is not valid YAML (${error.code})`;
    throw new UsageError(`Cannot read ${name}: line ${line}, column ${col}: ${reason}`, {
      hint:
        "Look at that line and the one above it: indentation by spaces, a colon and a space after each key, quotes closed.",
    });
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch {
    throw new UsageError(`Cannot read ${name}: its YAML aliases expand to too much text, or refer to no anchor`);
  }
  if (value === null || value === undefined) return;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new UsageError(`Cannot read ${name}: it is not a list of settings, each a key, a colon and a value`, {
      hint: "Give Synapse's own homeserver.yaml, or a file with the same keys.",
    });
  }
  for (const [key, part] of Object.entries(value)) {
    sections.set(key, {
      value: part,
      place(...path) {
        for (let length = path.length; length >= 0; length--) {
          const node = document.getIn([key, ...path.slice(0, length)], true);
          if (isNode(node) && node.range) return `${name} line ${lineCounter.linePos(node.range[0]).line}`;
        }
        return name;
      },
    });
  }
}
