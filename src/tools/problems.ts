import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, type ParsedNode, parseDocument, visit, type YAMLMap } from 'yaml';
import type { Source } from './source.ts';

export interface Problem {
  readonly problem: string;
  /** Where in the source, from 1; several where the words of Kestra fit several places. */
  readonly lines?: readonly number[];
}

const mostLines = 5;

/** Kestra's objections, one each, with the lines of the source that they are about: Kestra itself names none. */
export const problemsOf = ({ text }: Pick<Source, 'text'>, constraints: string | undefined): Problem[] => {
  if (!constraints) return [];
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const lineOf = (node: Pick<Node, 'range'>): number[] => (node.range ? [counter.linePos(node.range[0]).line] : []);
  return constraints
    .replace(/^Validation error: /, '')
    .split('\n')
    .map((line) => line.replace(/^: /, '').trim())
    .filter((line) => line !== '')
    .map((problem) => {
      const lines = [...new Set(placesOf(document.contents, problem).flatMap(lineOf))].slice(0, mostLines);
      return { problem, ...(lines.length > 0 && { lines }) };
    });
};

const placesOf = (root: ParsedNode | null, problem: string): Node[] => {
  const field = /Unrecognized field "([^"]+)"/.exec(problem)?.[1];
  if (field !== undefined) return pairs(root, (key) => key === field);
  const type = /Invalid type: (\S+)/.exec(problem)?.[1];
  if (type !== undefined) return pairs(root, (key, value) => key === 'type' && value === type);
  const duplicate = /Duplicate \S+ id with name \[([^\]]+)\]/.exec(problem)?.[1];
  if (duplicate !== undefined) return duplicate.split(/,\s*/).flatMap((id) => pairs(root, (key, value) => key === 'id' && value === id));
  const path = /^([A-Za-z_][\w-]*(?:\[\d+\])*(?:\.[\w-]+(?:\[\d+\])*)*): /.exec(problem)?.[1];
  return path === undefined ? [] : at(root, path);
};

/** The keys of all pairs that fit. */
const pairs = (root: ParsedNode | null, fits: (key: unknown, value: unknown) => boolean): Node[] => {
  const found: Node[] = [];
  if (root) {
    visit(root, {
      Pair: (_, { key, value }) => {
        if (isScalar(key) && fits(key.value, isScalar(value) ? value.value : undefined)) found.push(key);
      },
    });
  }
  return found;
};

/** The innermost node that there is on a path such as `tasks[0].then[1].message`; Kestra also begins one with the id of a task. */
const at = (root: ParsedNode | null, path: string): Node[] => {
  const steps = path.match(/[\w-]+/g) ?? [];
  let node: unknown = root;
  let last: Node | undefined;
  for (const step of steps) {
    const next: unknown = isSeq(node) && /^\d+$/.test(step) ? node.items[Number(step)] : pairIn(node, step);
    const inner = isPair(next) ? next.value : next;
    if (inner === undefined) break;
    last = isPair(next) && isScalar(next.key) ? next.key : isMap(inner) || isScalar(inner) ? inner : last;
    node = inner;
  }
  return last ? [last] : tasksNamed(root, steps[0], steps.at(-1));
};

/** The tasks of that id; of several, those that lack the property if any does. */
const tasksNamed = (root: ParsedNode | null, id: string | undefined, property: string | undefined): Node[] => {
  const found: YAMLMap[] = [];
  if (root) {
    visit(root, {
      Map: (_, map) => {
        if (map.get('id') === id) found.push(map);
      },
    });
  }
  const lacking = found.filter((map) => property !== undefined && !map.has(property));
  return lacking.length > 0 ? lacking : found;
};

const pairIn = (node: unknown, name: string): unknown =>
  isMap(node) ? node.items.find(({ key }) => isScalar(key) && key.value === name) : undefined;
