import type { Registration } from '../../access/session.ts';
import { PublicError } from '../../errors.ts';
import type { Kestra } from '../../kestra/client.ts';
import type { Invoke } from '../../kestra/operation.ts';
import type { Layer } from '../pipeline.ts';

/** The caller's own Kestra credential; without one nothing is sent to Kestra, and the answer says how to register one. */
export const credential =
  (kestra: Kestra): Layer =>
  (next) =>
  async (call) => {
    const own = await call.session.credential();
    if (!own && call.tool.effect !== 'session') throw missing(call.session.registration);
    const invoke: Invoke = own
      ? kestra.as({
          credential: own,
          signal: call.signal,
          onAnswer: (operation, status) => call.trace.upstream.push({ operation, status }),
        })
      : () => Promise.reject(missing(call.session.registration));
    return next({ ...call, invoke: call.admit ? await call.admit(invoke) : invoke });
  };

const missing = (registration: Registration): PublicError => new PublicError('no_credential', howToRegister(registration));

const howToRegister = (registration: Registration): string => {
  switch (registration.by) {
    case 'environment':
      return `No Kestra credential is set. In the settings of this MCP server, set ${registration.variables.join(', or ')}, then restart it.`;
    case 'page':
      return `You have not registered a Kestra credential yet. Open ${registration.url}, register one there (not in this chat), and call again.`;
    case 'nobody':
      return "This server has no Kestra credential. An administrator must set the service's own.";
  }
};
