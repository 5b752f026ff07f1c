import { PublicError } from '../errors.ts';
import type { Context } from './tool.ts';

/** Is this the address of a file that Kestra keeps? Any other text would be taken for a path on Kestra's own machine, and that file be copied. */
export const isStored = (text: string): boolean => /^(kestra|nsfile):\/\//.test(text);

/**
 * A flow reads whatever file it is given, so the caller must be allowed to: a file of the flow's own namespace, or of one where they may
 * read files (nsfile) or executions (kestra).
 * @throws PublicError `forbidden`
 */
export const admitStored = (address: string, flowNamespace: string, { may }: Pick<Context, 'may'>): void => {
  const needed = address.startsWith('nsfile:') ? 'kestra.file.read' : 'kestra.execution.read';
  const owner = ownerOf(address, flowNamespace);
  // No limit holds the empty name: a file of nobody knows where is for those who may read everywhere.
  if (owner === flowNamespace || may(needed, owner ?? '')) return;
  throw new PublicError(
    'forbidden',
    `Nothing was started: your roles do not let you read ${JSON.stringify(address.slice(0, 200))}. Give a file of ${flowNamespace}, or of a namespace where you hold ${needed}.`,
  );
};

/** The namespace that a file belongs to, as Kestra lays them out: nsfile://NAMESPACE/…, kestra:///NAME/SPACE/FLOW/executions/ID/…. */
const ownerOf = (address: string, flowNamespace: string): string | undefined => {
  const [, scheme, authority = '', path = ''] = /^(kestra|nsfile):\/\/([^/]*)(.*)$/s.exec(address) ?? [];
  if (/\.\.|[%\\]/.test(address)) return undefined;
  if (scheme === 'nsfile') return authority || flowNamespace;
  const names = path.split('/').slice(1);
  // The first: a longer name could be the flow's, and belong to the namespace above.
  const mark = names.indexOf('executions', 2);
  return authority === '' && mark > 0 ? names.slice(0, mark - 1).join('.') : undefined;
};
