import { isNowhere } from '../../access/grant.ts';
import type { Grant as SignedInClient } from '../../store/records.ts';
import { type Claims, type Source, storedClaims, type Values } from '../claims.ts';
import { displayName } from '../display.ts';
import type { EndpointDeps } from '../endpoints/deps.ts';
import type { Shown } from '../vault.ts';
import type { AboutKestra, AccountPorts, ToolSeen } from './ports.ts';
import type { Visit } from './session.ts';

/** Everything that the account page shows, worked out. */
export interface AccountView {
  readonly csrf: string;
  readonly now: number;
  readonly person: { readonly name: string; readonly email?: string; readonly issuer: string; readonly subject: string };
  /** Absent: one Kestra credential serves everybody. */
  readonly credential?: { readonly shown?: Shown; readonly kestra: AboutKestra };
  readonly roles: readonly { readonly name: string; readonly from: string; readonly namespaces?: readonly string[] }[];
  readonly notes: readonly string[];
  readonly claims: { readonly roles: NamedValues; readonly groups: NamedValues };
  readonly tools: { readonly may: readonly ToolSeen[]; readonly mayNot: readonly ToolSeen[] };
  readonly applications: readonly SignedInClient[];
  /** Whether the provider has a sign-out of its own. */
  readonly providerSignOut: boolean;
}

/** A claim by its name, and what it held. */
export type NamedValues = Values & { readonly name: string };

export const sources: Readonly<Record<Source, string>> = {
  id_token: 'the ID token',
  userinfo: 'userinfo',
  access_token: 'the access token',
};

export const viewOf =
  (
    { rights, store, oidc, issuer }: Pick<EndpointDeps, 'rights' | 'store' | 'oidc' | 'issuer'>,
    { registrar, tools, claimNames }: AccountPorts,
  ) =>
  async (visit: Visit): Promise<AccountView> => {
    const { user, csrf, now } = visit;
    const claims = storedClaims(visit.claims);
    const [shown, kestra, applications, signOut] = await Promise.all([
      registrar?.shown(user),
      registrar ? registrar.about(user) : nothing,
      store.listGrants(user),
      oidc.signOutUrl({ returnTo: issuer }),
    ]);
    const granted = rights.of(claims);
    const { notes = [] } = rights.principal(claims, '');
    const named = `the claim ${claimNames.roles} of ${sources[claims.roles.from ?? 'id_token']}`;
    const seen = tools(
      kestra.edition,
      granted.map(({ grant }) => grant),
    );
    return {
      csrf,
      now,
      person: personOf(claims, visit),
      ...(registrar && { credential: { shown, kestra } }),
      roles: granted.map(({ name, from, grant }) => ({
        name,
        from: from === 'the claims' ? named : from,
        namespaces: grant.namespaces,
      })),
      notes,
      claims: { roles: { name: claimNames.roles, ...claims.roles }, groups: { name: claimNames.groups, ...claims.groups } },
      tools: { may: seen.filter(({ where }) => !isNowhere(where)), mayNot: seen.filter(({ where }) => isNowhere(where)) },
      applications,
      providerSignOut: signOut !== undefined,
    };
  };

const nothing: AboutKestra = {};

const personOf = (claims: Claims, { user, display }: Visit): AccountView['person'] => ({
  name: displayName(display.name) ?? displayName(display.email) ?? displayName(claims.sub) ?? 'somebody without a name',
  email: displayName(display.email),
  issuer: user.issuer,
  subject: user.subject,
});
