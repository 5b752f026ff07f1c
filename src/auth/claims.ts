import type { OidcConfig } from '../config.ts';
import type { Preset } from '../settings.ts';

/** Where the provider said something. */
export type Source = 'id_token' | 'userinfo' | 'access_token';

/** The values of one claim. */
export interface Values {
  readonly values: readonly string[];
  /** The first source that had the claim; absent when none had it. */
  readonly from?: Source;
  /** The provider holds more than it sent (Entra's overage), or sent what can't be read: not the same as none. */
  readonly unknown?: 'overage' | 'unreadable';
}

/** Who somebody is and what the provider says of them. Stored with the sign-in; permissions are worked out from it at each call. */
export interface Claims {
  /** Together with `subject` the user's key. For Entra `subject` is `oid`, since its `sub` differs for each application. */
  readonly issuer: string;
  readonly subject: string;
  /** As the ID token had it. */
  readonly sub: string;
  /** For people to read, never to decide on. */
  readonly name?: string;
  readonly email?: string;
  readonly emailVerified: boolean;
  /** Entra's tenant. */
  readonly tenant?: string;
  /** Google's Workspace domain. */
  readonly hostedDomain?: string;
  readonly roles: Values;
  readonly groups: Values;
}

/** What the provider said, source by source; the ID token's claims are validated already. */
export type Said = readonly { readonly source: Source; readonly claims: Readonly<Record<string, unknown>> }[];

/** Why somebody whom the provider vouches for is not let in; `message` is public. */
export class NotAdmitted extends Error {
  override readonly name = 'NotAdmitted';
}

const mostValues = 2000;

/** Reads a claim: the name as a literal key first, then as a dotted path. Own keys only. */
export const pick = (claims: Readonly<Record<string, unknown>>, name: string): unknown => {
  if (Object.hasOwn(claims, name)) return claims[name];
  let at: unknown = claims;
  for (const key of name.split('.')) {
    if (typeof at !== 'object' || at === null || Array.isArray(at) || !Object.hasOwn(at, key)) return undefined;
    at = (at as Record<string, unknown>)[key];
  }
  return at;
};

/** An array of strings or one string; anything else counts as unreadable and grants nothing. */
const valuesOf = (said: Said, name: string): Values => {
  for (const { source, claims } of said) {
    const found = pick(claims, name);
    if (found === undefined || found === null) {
      if (overage(claims, name)) return { values: [], from: source, unknown: 'overage' };
      continue;
    }
    const values: unknown[] = Array.isArray(found) ? found : [found];
    if (values.length > mostValues || !values.every((value) => typeof value === 'string')) {
      return { values: [], from: source, unknown: 'unreadable' };
    }
    return { values, from: source };
  }
  return { values: [] };
};

/** Entra leaves out groups when there are too many, and says so in one of two ways. */
const overage = (claims: Readonly<Record<string, unknown>>, name: string): boolean => {
  const elsewhere = pick(claims, '_claim_names');
  if (typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, name)) return true;
  return name === 'groups' && (claims.hasgroups === true || claims.hasgroups === 'true');
};

/** Does this source have both roles and groups? Then no further one needs to be asked. */
export const complete = (claims: Readonly<Record<string, unknown>>, config: OidcConfig): boolean =>
  [config.rolesClaim, config.groupsClaim].every((name) => pick(claims, name) !== undefined || overage(claims, name));

/**
 * What is kept of what the provider said.
 * @throws NotAdmitted if the tenant or domain is not on the list, or Entra did not say who it is
 */
export const readClaims = (said: Said, config: OidcConfig, preset: Preset): Claims => {
  const first = said[0]?.claims ?? {};
  const text = (name: string): string | undefined => {
    const value = said.map(({ claims }) => claims[name]).find((found) => typeof found === 'string' && found !== '');
    return typeof value === 'string' ? value.slice(0, 500) : undefined;
  };
  const identity = (name: string): string | undefined => {
    const value = first[name];
    return typeof value === 'string' && value !== '' && !value.includes('\0') ? value : undefined;
  };
  const [issuer, sub] = [identity('iss'), identity('sub')];
  if (!issuer || !sub) throw new NotAdmitted('The identity provider did not say who signed in.');
  const tenant = preset === 'entra' ? identity('tid') : undefined;
  const oid = preset === 'entra' ? identity('oid') : undefined;
  if (preset === 'entra' && (!tenant || !oid)) {
    throw new NotAdmitted('Entra did not say who signed in (no tid or oid): an administrator should add the scope profile to OIDC_SCOPES.');
  }
  if (config.tenants.length > 0 && !config.tenants.includes((tenant ?? '').toLowerCase())) {
    throw new NotAdmitted('People of your organisation (tenant) may not sign in here.');
  }
  const hostedDomain = identity('hd');
  if (config.hostedDomains.length > 0 && !config.hostedDomains.includes((hostedDomain ?? '').toLowerCase())) {
    throw new NotAdmitted('People of your domain may not sign in here.');
  }
  return {
    issuer,
    subject: oid ?? sub,
    sub,
    name: text('name') ?? text('preferred_username'),
    email: text('email'),
    emailVerified: said.some(({ claims }) => claims.email === text('email') && claims.email_verified === true),
    tenant,
    hostedDomain,
    roles: valuesOf(said, config.rolesClaim),
    groups: valuesOf(said, config.groupsClaim),
  };
};

/** Is it the same person? */
export const sameUser = (a: Claims, b: Claims): boolean => a.issuer === b.issuer && a.subject === b.subject && a.sub === b.sub;

/** Unique and stable for each user. An issuer is a URL and holds no `|`. */
export const userKey = (claims: Pick<Claims, 'issuer' | 'subject'>): string => `${claims.issuer}|${claims.subject}`;

/** The same as the store has it. */
export const userKeyOf = ({ issuer, subject }: Pick<Claims, 'issuer' | 'subject'>): { issuer: string; subject: string } => ({
  issuer,
  subject,
});

/** Claims as `readClaims` made them, back from the store. What an older program left out counts as nothing. */
export const storedClaims = (stored: Readonly<Record<string, unknown>>): Claims => {
  const { roles, groups, ...rest } = stored as Partial<Claims>;
  return {
    issuer: '',
    subject: '',
    sub: '',
    emailVerified: false,
    ...rest,
    roles: roles ?? { values: [] },
    groups: groups ?? { values: [] },
  };
};
