import { isNowhere, type Reach, within } from '../../access/grant.ts';
import { PublicError } from '../../errors.ts';
import { reachOf } from '../../tools/tool.ts';
import { confine } from '../confine.ts';
import type { Layer } from '../pipeline.ts';

/**
 * Deny by default, again, though tools/list showed only what is allowed. A tool that the caller may use nowhere is answered like one that
 * does not exist; a place outside the grants is named.
 */
export const authorize = (): Layer => (next) => (call) => {
  const { grants } = call.session.principal;
  const where = reachOf(call.tool, grants);
  if (isNowhere(where)) throw unknownTool(call.tool.name);
  const prepared = call.tool.prepare(call.args);
  call.trace.target = prepared.target;
  const { namespace } = prepared.target;
  if (namespace !== undefined) insist(where, namespace);
  return next({ ...call, prepared, admit: (invoke) => confine(invoke, grants, call.tool, prepared.target) });
};

/** The error of a tool that is not there, or not for this caller: the two look alike. */
export const unknownTool = (name: string): PublicError =>
  new PublicError('unknown_tool', `Tool ${JSON.stringify(name.slice(0, 100))} not found`);

/** @throws PublicError `forbidden` if the namespace is outside the reach */
export const insist = (where: Reach, namespace: string): void => {
  if (where === 'everywhere' || within(where, namespace)) return;
  throw new PublicError('forbidden', `Your roles allow this in ${where.join(', ')} and below, not in ${namespace}. auth_status shows why.`);
};
