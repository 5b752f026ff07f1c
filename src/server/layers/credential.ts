import type { Registration } from '../../access/session.ts';
import type { KestraCredential } from '../../config.ts';
import { PublicError } from '../../errors.ts';
import type { Kestra } from '../../kestra/client.ts';
import type { Invoke } from '../../kestra/operation.ts';
import type { Layer, ToolCall } from '../pipeline.ts';

/** The caller's own Kestra credential; without one nothing is sent to Kestra, and the answer says how to register one. */
export const credential =
  (kestra: Kestra): Layer =>
  (next) =>
  async (call) => {
    const own = await held(call);
    if (!own && call.tool.effect !== 'session') throw missing(call.session.registration);
    call.trace.admitted = true;
    const invoke: Invoke = own
      ? kestra.as({
          credential: own,
          signal: call.signal,
          span: call.span,
          onAnswer: (operation, status) => call.trace.upstream.push({ operation, status }),
        })
      : () => Promise.reject(missing(call.session.registration));
    return next({ ...call, invoke: call.admit ? await call.admit(invoke) : invoke });
  };

/** The tools that concern only the caller work without one, and with one that can't be opened any more: they are how to replace it. */
const held = async ({ session, tool }: ToolCall): Promise<KestraCredential | undefined> => {
  try {
    return await session.credential();
  } catch (thrown) {
    if (!(thrown instanceof PublicError) || thrown.code !== 'no_credential') throw thrown;
    if (tool.effect === 'session') return undefined;
    throw new PublicError('no_credential', `${thrown.message} ${howToRegister(session.registration)}`, thrown);
  }
};

const missing = (registration: Registration): PublicError => {
  const own = registration.by === 'page' || registration.by === 'administrator';
  const what = own ? 'You have not registered a Kestra credential yet.' : 'No Kestra credential is set.';
  return new PublicError('no_credential', `${what} ${howToRegister(registration)}`);
};

const howToRegister = (registration: Registration): string => {
  switch (registration.by) {
    case 'environment':
      return `In the settings of this MCP server, set ${registration.variables.join(', or ')}, then restart it.`;
    case 'page':
      return `Open ${registration.url}, register one there (not in this chat), and call again.`;
    case 'administrator':
      return 'An administrator of this server must add yours (kestra-mcp add-token).';
    case 'nobody':
      return "An administrator must set the service's own.";
  }
};
