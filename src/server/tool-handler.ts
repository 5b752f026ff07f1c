import { reach, within } from '../access/grant.ts';
import { PublicError } from '../errors.ts';
import type { Kestra } from '../kestra/client.ts';
import type { Log } from '../log.ts';
import type { CallRecord } from '../telemetry/records.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { Tool } from '../tools/tool.ts';
import { audit } from './layers/audit.ts';
import { authorize, insist } from './layers/authorize.ts';
import { begin } from './layers/begin.ts';
import { consent } from './layers/consent.ts';
import { credential } from './layers/credential.ts';
import { explain } from './layers/explain.ts';
import { shorten } from './layers/limit.ts';
import { type Handler, type Layer, stack } from './pipeline.ts';

export interface ToolHandlerParts {
  readonly kestra: Kestra;
  readonly catalog: readonly Tool[];
  /** Characters of an answer's text. */
  readonly answer: number;
  /** Absent where the endpoint lets requests take turns. */
  readonly turns?: Layer;
  readonly record: (call: CallRecord) => void;
  readonly tracer: Tracer;
  readonly log: Log;
}

/** Runs a tool with all layers on. Never throws but for an unknown tool. */
export const createToolHandler = ({ kestra, catalog, answer, turns, record, tracer, log }: ToolHandlerParts): Handler =>
  stack(
    begin(tracer),
    explain(log),
    audit(record),
    ...(turns ? [turns] : []),
    shorten(answer),
    consent(),
    authorize(),
    credential(kestra),
  )(async ({ prepared, invoke, session, signal, progress, stopping }) => {
    if (!prepared || !invoke) throw new PublicError('internal', 'The layers are out of order.');
    const { grants } = session.principal;
    const said = await prepared.run({
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
    return { answer: said, failed: false };
  });
