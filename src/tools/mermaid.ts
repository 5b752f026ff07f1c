/** A drawing as Mermaid text. Names come from others, so each is quoted and loses what Mermaid would read as its own. */
export interface Node {
  readonly id: string;
  readonly text: string;
  readonly shape?: 'box' | 'round' | 'choice';
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly text?: string;
}

/** Nodes that are drawn in a frame; frames may hold frames. */
export interface Frame {
  readonly text: string;
  readonly nodes: readonly string[];
  readonly frames: readonly Frame[];
}

/** A flowchart. Ids may be anything: they are replaced by short ones, and an edge to an unknown node is left out. */
export const flowchart = (
  direction: 'TD' | 'LR',
  nodes: readonly Node[],
  edges: readonly Edge[],
  frames: readonly Frame[] = [],
): string => {
  const short = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const framed = new Set(frames.flatMap(everyNode));
  const drawn = new Map(nodes.map((node) => [node.id, `${short.get(node.id)}${shapes[node.shape ?? 'box'](label(node.text))}`]));
  const lines = [
    `flowchart ${direction}`,
    ...nodes.filter(({ id }) => !framed.has(id)).map(({ id }) => `  ${drawn.get(id)}`),
    ...frames.flatMap((frame, index) => framedLines(frame, `f${index}`, drawn, '  ')),
    ...edges.flatMap(({ from, to, text }) => {
      const [a, b] = [short.get(from), short.get(to)];
      return a && b ? [`  ${a} -->${text ? `|${label(text)}|` : ''} ${b}`] : [];
    }),
  ];
  return lines.join('\n');
};

const shapes = {
  box: (text: string) => `[${text}]`,
  round: (text: string) => `(${text})`,
  choice: (text: string) => `{${text}}`,
} as const;

const everyNode = ({ nodes, frames }: Frame): string[] => [...nodes, ...frames.flatMap(everyNode)];

const framedLines = (frame: Frame, id: string, drawn: ReadonlyMap<string, string>, indent: string): string[] => {
  const inner = new Set(frame.frames.flatMap(everyNode));
  return [
    `${indent}subgraph ${id}[${label(frame.text)}]`,
    ...frame.nodes.filter((node) => !inner.has(node)).flatMap((node) => drawn.get(node)?.replace(/^/, `${indent}  `) ?? []),
    ...frame.frames.flatMap((child, index) => framedLines(child, `${id}_${index}`, drawn, `${indent}  `)),
    `${indent}end`,
  ];
};

/** A quoted label: Mermaid ends it at a quote, and reads # and ; as the ends of its own codes. */
const label = (text: string): string =>
  `"${[...text.replace(/\s+/g, ' ')].slice(0, 80).join('').replaceAll('#', '#35;').replaceAll('"', '#quot;').replaceAll('`', '#96;')}"`;

/** A bar of a timeline; one without an end is under way. */
export interface Bar {
  readonly text: string;
  readonly section: string;
  readonly from: number;
  readonly to?: number;
  readonly failed?: boolean;
}

/** A Gantt chart in the order given. `now` ends what is still under way. */
export const gantt = (title: string, bars: readonly Bar[], now: number): string => {
  const lines = ['gantt', `  title ${plain(title)}`, '  dateFormat x', '  axisFormat %H:%M:%S'];
  let section: string | undefined;
  for (const [index, bar] of bars.entries()) {
    if (bar.section !== section) lines.push(`  section ${plain(bar.section)}`);
    section = bar.section;
    const kind = bar.failed ? 'crit' : bar.to === undefined ? 'active' : 'done';
    // A bar needs a length to be seen.
    lines.push(`  ${plain(bar.text)} :${kind}, b${index}, ${bar.from}, ${Math.max(bar.to ?? now, bar.from + 1)}`);
  }
  return lines.join('\n');
};

/** Gantt has no quotes: a colon ends a name, and # and ; begin and end codes. */
const plain = (text: string): string => [...text.replace(/[:#;,`"%{}\s]+/g, ' ').trim()].slice(0, 80).join('') || 'unnamed';
