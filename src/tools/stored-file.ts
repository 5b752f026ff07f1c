import type { Permission } from '../access/permission.ts';
import { PublicError } from '../errors.ts';
import type { Context } from './tool.ts';

/** Is this the address of a file that Kestra keeps? Any other text would be taken for a path on Kestra's own machine, and that file be copied. */
export const isStored = (text: string): boolean => /^(kestra|nsfile):\/\//.test(text);

const neededFor = (address: string): Permission => (address.startsWith('nsfile:') ? 'kestra.file.read' : 'kestra.execution.read');

/** Is this a file of the namespace itself, or of one where the caller may read files (nsfile) or executions (kestra)? */
export const mayRead = (address: string, namespace: string, { may }: Pick<Context, 'may'>): boolean => {
  const owner = ownerOf(address, namespace);
  // No limit holds the empty name: a file of nobody knows where is for those who may read everywhere.
  return owner === namespace || may(neededFor(address), owner ?? '');
};

/**
 * A flow reads whatever file it is given, so the caller must be allowed to.
 * @throws PublicError `forbidden`
 */
export const admitStored = (address: string, flowNamespace: string, context: Pick<Context, 'may'>): void => {
  if (mayRead(address, flowNamespace, context)) return;
  throw new PublicError(
    'forbidden',
    `Nothing was started: your roles do not let you read ${JSON.stringify(address.slice(0, 200))}. Give a file of ${flowNamespace}, or of a namespace where you hold ${neededFor(address)}.`,
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
