import { z } from 'zod';
import { allowed, type Grant, reach } from '../access/grant.ts';
import type { Registration } from '../access/session.ts';
import { asPublicError, PublicError } from '../errors.ts';
import type { Instance } from '../kestra/instance.ts';
import type { Invoke } from '../kestra/operation.ts';
import { answer } from './answer.ts';
import { type Context, isEnterprise, isFor, reachOf, recipe, type Tool } from './tool.ts';

type CheckUses = 'getCurrentUser' | 'searchFlows';

/** Asks Kestra for as little as can be, to see whether it accepts the credential. @throws KestraError if not */
export const checkCredential = async (invoke: Invoke<CheckUses>, { edition }: Instance): Promise<void> => {
  if (edition === 'EE') await invoke('getCurrentUser', {});
  else await invoke('searchFlows', { query: { page: 1, size: 1 } });
};

export const authStatus = recipe({
  name: 'auth_status',
  title: 'Authorization status',
  description:
    'Who you are here, your roles and namespaces, whether Kestra accepts your credential, which tools you may call and what the others need.',
  permissions: [],
  effect: 'session',
  input: () => z.strictObject({}),
  uses: ['getCurrentUser', 'searchFlows'],
  run: async (_, context) => {
    const { principal, registration, scopes } = context.session;
    const instance = await context.instance().catch((thrown: unknown) => asPublicError(thrown));
    return answer({
      you: principal.name,
      user_key: principal.key,
      signed_in: principal.signedInBy,
      ...(scopes && { scopes }),
      roles: principal.roles,
      ...(principal.notes && { notes: principal.notes }),
      namespaces: namespaces(context),
      kestra: instance instanceof PublicError ? { problem: problemOf(instance) } : { version: instance.version, edition: instance.edition },
      kestra_credential: await credentialState(context, instance, registration),
      tools: tools(context, instance instanceof PublicError ? undefined : instance.edition),
    });
  },
});

const namespaces = ({ session: { principal } }: Context): unknown => {
  const limited = principal.grants.some((grant) => grant.namespaces);
  return limited
    ? principal.grants.map((grant) => ({ namespaces: grant.namespaces ?? 'all', permissions: [...grant.permissions] }))
    : 'all';
};

/** Kestra Enterprise 2 tells its version only to those it knows. */
const isRefusal = ({ code }: PublicError): boolean => code === 'kestra_unauthorized' || code === 'kestra_forbidden';

const problemOf = (error: PublicError): string =>
  isRefusal(error) ? 'It answers, but says what it is only to a credential that it accepts.' : error.message;

const credentialState = async (
  context: Context<CheckUses>,
  instance: Instance | PublicError,
  registration: Registration,
): Promise<string> => {
  const own = await context.session.credential().catch((thrown: unknown) => asPublicError(thrown));
  if (own instanceof PublicError)
    return own.code === 'no_credential' ? `can not be opened any more: ${registrationText(registration)}` : own.message;
  if (!own) return `none: ${registrationText(registration)}`;
  const outcome = instance instanceof PublicError ? instance : await verdict(context, instance);
  if (outcome === 'accepted') return 'accepted by Kestra';
  return outcome.code === 'kestra_unauthorized'
    ? `refused by Kestra: ${registrationText(registration)}`
    : 'set; Kestra can not be asked at the moment whether it accepts it';
};

const verdict = (context: Context<CheckUses>, instance: Instance): Promise<'accepted' | PublicError> =>
  checkCredential(context.invoke, instance).then(() => 'accepted', asPublicError);

const tools = ({ catalog, session: { principal } }: Context, edition: Instance['edition'] | undefined) => {
  const absent = catalog.filter((tool) => edition === 'OSS' && isEnterprise(tool));
  const present = catalog.filter((tool) => !absent.includes(tool));
  const names = (list: readonly Tool[]) => list.map(({ name }) => name);
  const usable = present.filter((tool) => isFor(tool, principal.grants));
  const others = present.filter((tool) => !usable.includes(tool));
  return {
    allowed: names(usable),
    ...onlyIn(usable, principal.grants),
    ...(others.length > 0 && { not_allowed: Object.fromEntries(others.map((tool) => [tool.name, missing(tool, principal.grants)])) }),
    ...(absent.length > 0 && { only_in_kestra_enterprise: names(absent) }),
  };
};

/** The tools that are allowed in some namespaces (and below them), by those. */
const onlyIn = (usable: readonly Tool[], grants: readonly Grant[]): { only_in?: Record<string, string[]> } => {
  const found = new Map<string, string[]>();
  for (const tool of usable) {
    const where = reachOf(tool, grants);
    if (where !== 'everywhere') found.set(where.join(', '), [...(found.get(where.join(', ')) ?? []), tool.name]);
  }
  return found.size > 0 ? { only_in: Object.fromEntries(found) } : {};
};

/** Why a tool is not for a caller, in words. */
export const missing = ({ permissions, wide, everywhere = [] }: Tool, grants: readonly Grant[]): string => {
  const lacking = permissions.filter((permission) => !allowed(grants, [permission]));
  if (lacking.length > 0) return `needs ${lacking.join(', ')}`;
  const limited = everywhere.filter((permission) => reach(grants, [permission]) !== 'everywhere');
  if (limited.length > 0) return `needs ${limited.join(', ')} for all namespaces`;
  return wide ? 'shows things of every namespace, and your roles are for some' : 'needs its permissions in one namespace';
};

/** Where a Kestra credential is given, in words. */
const registrationText = (registration: Registration): string => {
  switch (registration.by) {
    case 'environment':
      return `set ${registration.variables.join(', or ')} in the settings of this MCP server and restart it`;
    case 'page':
      return `register one at ${registration.url}`;
    case 'administrator':
      return 'an administrator of this server must add yours';
    case 'nobody':
      return "an administrator must set the service's own";
  }
};

export const registerKestraToken = recipe({
  name: 'register_kestra_token',
  title: 'Register Kestra token',
  description: 'Says where to register your Kestra API token; opens the page where the client can. Never ask for the token in the chat.',
  permissions: [],
  effect: 'session',
  keeps: true,
  input: () =>
    z.strictObject({ token: z.string().min(1).max(10_000).optional().describe('leave out: what is typed here reaches the model') }),
  uses: [],
  run: async ({ token }, { session }) => {
    const { registration } = session;
    if (token !== undefined && session.register) {
      await session.register({ kind: 'token', token });
      return answer({
        done: 'Kestra has accepted the token, and it is stored for you',
        warning: `It went through this conversation, where others may read it. Make a new one in Kestra, revoke this one, and ${registrationText(registration)}.`,
      });
    }
    const has = await session.credential().then(Boolean, () => false);
    return {
      ...answer({
        done: 'nothing was stored',
        registered: has ? 'a Kestra credential of yours is stored' : 'none yet',
        how: `To use a Kestra credential, ${registrationText(registration)}.`,
        ...(token !== undefined && {
          warning: 'The token that you gave has been in this conversation: revoke it in Kestra and make a new one.',
        }),
      }),
      ...(registration.by === 'page' && {
        page: {
          url: registration.url,
          message: 'Register your Kestra credential on this page of the Kestra MCP server. Never type it into a chat.',
        },
      }),
    };
  },
});
