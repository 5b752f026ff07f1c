import { claimGrants, type Granted, type Person, type Policy } from '../access/policy.ts';
import type { Principal } from '../access/session.ts';
import type { OidcConfig } from '../config.ts';
import { type Claims, type Source, userKey } from './claims.ts';

const sources: Readonly<Record<Source, string>> = { id_token: 'the ID token', userinfo: 'userinfo', access_token: 'the access token' };

/** What somebody may do: by the roles in the claims, and by the policy. Worked out anew at each call, so that either counts at once. */
export interface Rights {
  of(claims: Claims): readonly Granted[];
  /** Somebody who is signed in, as the tools see it. */
  principal(claims: Claims, signedInBy: string): Principal;
}

export const createRights = (policy: Policy, oidc: Pick<OidcConfig, 'tenants' | 'hostedDomains'>): Rights => {
  const pinned = oidc.tenants.length > 0 || oidc.hostedDomains.length > 0;
  const of = (claims: Claims) => {
    const person = personOf(claims, pinned);
    return [...claimGrants(person), ...policy.grantsOf(person)];
  };
  return {
    of,
    principal: (claims, signedInBy) => {
      const granted = of(claims);
      return {
        key: userKey(claims),
        name: claims.name ?? claims.email ?? claims.subject,
        signedInBy,
        roles: granted.map(({ name, from }) => ({
          name,
          from: from === 'the claims' ? sources[claims.roles.from ?? 'id_token'] : from,
        })),
        grants: granted.map(({ grant }) => grant),
        ...notes(claims),
      };
    },
  };
};

/** An e-mail counts only if the provider verified it, and like a domain only if people of known tenants or domains alone can sign in: anybody may own the same one elsewhere. */
const personOf = (claims: Claims, pinned: boolean): Person => {
  const email = claims.emailVerified ? claims.email : undefined;
  return {
    sub: claims.subject,
    roles: claims.roles.values,
    groups: claims.groups.values,
    ...(pinned && { email, domain: claims.hostedDomain ?? email?.slice(email.lastIndexOf('@') + 1) }),
  };
};

const notes = ({ roles, groups }: Claims): { notes?: readonly string[] } => {
  const found = [
    roles.unknown && 'The identity provider sent roles that this server can not read: they grant nothing.',
    groups.unknown === 'overage' &&
      'You are in more groups than the identity provider sends along: grants by group do not count. Ask for grants by role.',
    groups.unknown === 'unreadable' && 'The identity provider sent groups that this server can not read: they grant nothing.',
  ].filter((note): note is string => typeof note === 'string');
  return found.length > 0 ? { notes: found } : {};
};
