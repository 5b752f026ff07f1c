import { type BuiltInRole, type Permission, permissions, rolePermissions } from './permission.ts';

/** Some permissions on some namespaces. A caller may hold several; each counts alone. */
export interface Grant {
  readonly permissions: ReadonlySet<Permission>;
  /** Each with everything below it; absent = all. */
  readonly namespaces?: readonly string[];
}

export const roleGrant = (role: BuiltInRole): Grant => ({ permissions: new Set(rolePermissions[role]) });

/** Is `namespace` one of these or below one of them? `acme.database` is not below `acme.data`. */
export const within = (namespaces: readonly string[] | undefined, namespace: string): boolean =>
  namespaces === undefined || namespaces.some((root) => namespace === root || namespace.startsWith(`${root}.`));

/** Where a permission holds: everywhere, in some namespaces (with what is below them), or nowhere. */
export type Reach = 'everywhere' | readonly string[];

/** The namespaces in which all of `needed` are held. Deny by default: no grant, an empty reach. */
export const reach = (grants: readonly Grant[], needed: readonly Permission[]): Reach =>
  needed.reduce<Reach>((held, permission) => intersect(held, reachOf(grants, permission)), 'everywhere');

const reachOf = (grants: readonly Grant[], permission: Permission): Reach => {
  const holding = grants.filter((grant) => grant.permissions.has(permission));
  if (holding.some((grant) => grant.namespaces === undefined)) return 'everywhere';
  return [...new Set(holding.flatMap((grant) => grant.namespaces ?? []))];
};

const intersect = (a: Reach, b: Reach): Reach => {
  if (a === 'everywhere') return b;
  if (b === 'everywhere') return a;
  return [...a.filter((namespace) => within(b, namespace)), ...b.filter((namespace) => within(a, namespace) && !a.includes(namespace))];
};

export const isNowhere = (where: Reach): boolean => where !== 'everywhere' && where.length === 0;

/** May a caller with these grants do something that needs all of `needed`, somewhere at least? */
export const allowed = (grants: readonly Grant[], needed: readonly Permission[]): boolean => !isNowhere(reach(grants, needed));

/** Every permission that is held somewhere, in the order of the catalogue. */
export const held = (grants: readonly Grant[]): Permission[] => permissions.filter((permission) => allowed(grants, [permission]));
