import { allowed, type Reach, reach } from '../../access/grant.ts';
import type { Permission } from '../../access/permission.ts';
import type { Grant as SignedInClient } from '../../store/records.ts';
import { type Claims, storedClaims, type Values } from '../claims.ts';
import { displayName } from '../display.ts';
import type { EndpointDeps } from '../endpoints/deps.ts';
import type { Shown } from '../vault.ts';
import type { AboutKestra, AccountPorts } from './ports.ts';
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
  readonly claims: { readonly roles: Values; readonly groups: Values };
  readonly tools: { readonly may: readonly ToolSeen[]; readonly mayNot: readonly ToolSeen[] };
  readonly applications: readonly SignedInClient[];
  /** Whether the provider has a sign-out of its own. */
  readonly providerSignOut: boolean;
}

export interface ToolSeen {
  readonly name: string;
  readonly title: string;
  readonly where: Reach;
  /** Held nowhere. */
  readonly missing: readonly Permission[];
}

export const viewOf =
  ({ rights, store, oidc, issuer }: Pick<EndpointDeps, 'rights' | 'store' | 'oidc' | 'issuer'>, { registrar, tools }: AccountPorts) =>
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
    const grants = granted.map(({ grant }) => grant);
    const { notes = [], roles } = rights.principal(claims, '');
    const seen = tools(kestra.edition).map(({ name, title, permissions }) => ({
      name,
      title,
      where: reach(grants, permissions),
      may: allowed(grants, permissions),
      missing: permissions.filter((permission) => !allowed(grants, [permission])),
    }));
    return {
      csrf,
      now,
      person: personOf(claims, visit),
      ...(registrar && { credential: { shown, kestra } }),
      roles: roles.map((role, i) => ({ ...role, namespaces: grants[i]?.namespaces })),
      notes,
      claims: { roles: claims.roles, groups: claims.groups },
      tools: { may: seen.filter(({ may }) => may), mayNot: seen.filter(({ may }) => !may) },
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
