/**
 * A strict and small reader of XML, to judge what we write: elements and attributes as a tree. Throws where the text is not
 * well-formed, as far as what we write can fail to be: tags that do not match, names, quotes, references, characters.
 */

/** An element. */
export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  readonly text: string;
}

// deno-lint-ignore no-control-regex
const ILLEGAL = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;
const TAG = /<(\/?)([A-Za-z_][\w.:-]*)((?:\s+[A-Za-z_][\w.:-]*="[^"<]*")*)\s*(\/?)>/y;

/** Parses a document. */
export function parseXml(text: string): Element {
  if (ILLEGAL.test(text) || !text.isWellFormed()) throw new SyntaxError("a character that XML has no place for");
  let at = /^<\?xml version="1\.0" encoding="UTF-8"\?>\s*/.exec(text)?.[0].length ?? 0;
  interface Open {
    name: string;
    attributes: Record<string, string>;
    children: Element[];
    text: string;
  }
  const open: Open[] = [];
  for (;;) {
    TAG.lastIndex = at;
    const found = TAG.exec(text);
    if (found === null) throw new SyntaxError(`no tag at ${JSON.stringify(text.slice(at, at + 60))}`);
    const [whole, closes, name, rest, isEmpty] = found;
    at += whole.length;
    let ended: Open | undefined;
    if (closes) {
      ended = open.pop();
      if (ended?.name !== name) throw new SyntaxError(`</${name}> closes <${ended?.name}>`);
    } else {
      const attributes: Record<string, string> = {};
      for (const [, key, value] of rest!.matchAll(/([\w.:-]+)="([^"]*)"/g)) {
        if (key! in attributes) throw new SyntaxError(`${key} twice in <${name}>`);
        attributes[key!] = unescape(value!);
      }
      const element = { name: name!, attributes, children: [], text: "" };
      open.at(-1)?.children.push(element);
      if (isEmpty) ended = element;
      else open.push(element);
    }
    if (ended !== undefined && open.length === 0) {
      if (text.slice(at).trim() !== "") throw new SyntaxError("something follows the root");
      return ended;
    }
    const next = text.indexOf("<", at);
    if (next === -1) throw new SyntaxError(`<${open.at(-1)!.name}> is not closed`);
    open.at(-1)!.text += unescape(text.slice(at, next));
    at = next;
  }
}

function unescape(text: string): string {
  return text.replaceAll(/&([^;]*;?)/g, (_, name: string) => {
    const code = /^#(\d+);$/.exec(name)?.[1];
    if (code === undefined) throw new SyntaxError(`&${name} is no reference that we write`);
    return String.fromCodePoint(Number(code));
  });
}

/** All elements of a name, at every depth, in order. */
export function all(element: Element, name: string): Element[] {
  return element.children.flatMap((child) => [...(child.name === name ? [child] : []), ...all(child, name)]);
}
