/** A Dockerfile as far as ours goes; what it does not know, it refuses. */
export interface Stage {
  readonly name: string;
  readonly steps: readonly Step[];
}

interface Instructions {
  readonly WORKDIR: { readonly path: string };
  readonly COPY: { readonly from: string | undefined; readonly sources: readonly string[]; readonly to: string };
  readonly RUN: { readonly command: string };
  readonly ENV: { readonly values: Readonly<Record<string, string>> };
  readonly USER: { readonly uid: number; readonly gid: number };
  readonly VOLUME: { readonly path: string };
  readonly ENTRYPOINT: { readonly argv: readonly string[] };
  readonly HEALTHCHECK: { readonly argv: readonly string[] };
}
export type Instruction = keyof Instructions;

export type Step = { [I in Instruction]: { readonly does: I } & Instructions[I] }[Instruction];

/** @throws for an instruction or a form that it does not know */
export const parseDockerfile = (text: string): Stage[] => {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: { name: string; steps: Step[] }[] = [];
  for (const line of lines) {
    const [, word = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (word === 'FROM') stages.push({ name: / AS (\w+)$/.exec(rest)?.[1] ?? '', steps: [] });
    else if (word !== 'LABEL' && word !== 'EXPOSE') stages.at(-1)?.steps.push(parseStep(word, rest.trim()));
  }
  return stages;
};

const parseStep = (word: string, rest: string): Step => {
  switch (word) {
    case 'WORKDIR':
    case 'VOLUME':
      return { does: word, path: rest };
    case 'COPY': {
      const [, from, paths = ''] = /^(?:--from=(\w+) )?([^-].*)$/.exec(rest) ?? [];
      const sources = paths.split(/\s+/);
      const to = sources.pop() ?? '';
      return { does: 'COPY', from, sources, to };
    }
    case 'RUN':
      return { does: 'RUN', command: rest };
    case 'ENV':
      return { does: 'ENV', values: Object.fromEntries(rest.split(/\s+/).map((pair) => pair.split('='))) as Record<string, string> };
    case 'USER': {
      const [uid, gid] = rest.split(':').map(Number);
      if (!uid || !gid) throw new Error(`USER ${rest}: not numbers, so that Kubernetes cannot see that it is not root`);
      return { does: 'USER', uid, gid };
    }
    case 'ENTRYPOINT':
    case 'HEALTHCHECK':
      return { does: word, argv: JSON.parse(/\[.*\]$/.exec(rest)?.[0] ?? '') as string[] };
    default:
      throw new Error(`${word} is not known here`);
  }
};
