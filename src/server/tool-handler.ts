import { reach, within } from '../access/grant.ts';
import { PublicError } from '../errors.ts';
import type { Kestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import type { Tool } from '../tools/tool.ts';
import { audit } from './layers/audit.ts';
import { authorize, insist } from './layers/authorize.ts';
import { consent } from './layers/consent.ts';
import { credential } from './layers/credential.ts';
import { explain } from './layers/explain.ts';
import { type Limits, limit } from './layers/limit.ts';
import { type Handler, stack } from './pipeline.ts';

/** Runs a tool with all layers on. Never throws but for an unknown tool. */
export const createToolHandler = (kestra: Kestra, catalog: readonly Tool[], limits: Limits, log: Log): Handler =>
  stack(
    explain(log),
    audit(log),
    limit(limits),
    authorize(),
    consent(),
    credential(kestra),
  )(async ({ prepared, invoke, session, signal, progress, stopping }) => {
    if (!prepared || !invoke) throw new PublicError('internal', 'The layers are out of order.');
    const { grants } = session.principal;
    const answer = await prepared.run({
      invoke,
      instance: async () => kestra.instance(await session.credential()),
      tenant: kestra.tenant,
      session,
      signal,
      progress,
      stopping,
      may: (permission, namespace) => {
        const where = reach(grants, [permission]);
        return where === 'everywhere' || within(where, namespace);
      },
      authorize: (permission, namespace) => insist(reach(grants, [permission]), namespace),
      catalog,
    });
    return { answer, failed: false };
  });
