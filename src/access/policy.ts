import { isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { PublicError } from '../errors.ts';
import { type Grant, roleGrant } from './grant.ts';
import { builtInRoles, isBuiltInRole, isPermission, type Permission } from './permission.ts';

/** What a policy looks at: as the identity provider said it, and no more than can be believed. */
export interface Person {
  readonly sub: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  /** Verified by the provider, and of a tenant or domain that this server is pinned to. */
  readonly email?: string;
  /** Of that e-mail, or the hosted domain that the provider names. */
  readonly domain?: string;
}

/** A grant and why it is held, for `auth_status`. */
export interface Granted {
  readonly name: string;
  readonly from: string;
  readonly grant: Grant;
}

/** Who may do what, beyond the role and permission names that stand in the claims themselves. */
export interface Policy {
  grantsOf(person: Person): readonly Granted[];
}

const matchKeys = ['roles', 'groups', 'sub', 'email', 'domain'] as const;
type MatchKey = (typeof matchKeys)[number];

interface Rule {
  readonly line: number;
  /** All keys must match; of a key's values one. */
  readonly match: ReadonlyMap<MatchKey, readonly string[]>;
  readonly names: readonly string[];
  readonly grant: Grant;
}

/** A policy that grants nothing beyond the claims. */
export const noPolicy: Policy = { grantsOf: () => [] };

/** What the roles in the claims grant by themselves: a built-in role by its name, a permission by its very name, nothing else anything. */
export const claimGrants = ({ roles }: Pick<Person, 'roles'>): Granted[] =>
  [...new Set(roles)].flatMap((name): Granted[] => {
    if (isBuiltInRole(name)) return [{ name, from: 'the claims', grant: roleGrant(name) }];
    return isPermission(name) ? [{ name, from: 'the claims', grant: { permissions: new Set([name]) } }] : [];
  });

/**
 * Reads a policy.
 * @throws PublicError `misconfigured`, with the line, for whatever is unknown, empty or of the wrong form: a policy is never half understood
 */
export const parsePolicy = (text: string): Policy => {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: true });
  const lineOf = (node: unknown): number => {
    const range = (node as { range?: readonly number[] | null } | null)?.range;
    return range ? lines.linePos(range[0] ?? 0).line : 1;
  };
  const fail = (node: unknown, why: string): never => {
    throw new PublicError('misconfigured', `policy, line ${lineOf(node)}: ${why}`);
  };
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new PublicError('misconfigured', `policy, line ${problem.linePos?.[0].line ?? 1}: it is not valid YAML`, problem);

  const mapping = (node: unknown, at: unknown, what: string, known: readonly string[]): YAMLMap => {
    if (!isMap(node)) return fail(node ?? at, `${what} must be a mapping with ${known.join(', ')}`);
    for (const { key } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (!known.includes(name)) fail(key, `${what} has no key ${JSON.stringify(name)}; it has ${known.join(', ')}`);
    }
    if (node.items.length === 0) fail(node, `${what} is empty`);
    return node;
  };
  const strings = (pair: Pair | undefined, what: string): readonly string[] | undefined => {
    if (!pair) return undefined;
    const { value, key } = pair;
    if (!isSeq(value)) return fail(key, `${what} must be a list`);
    if (value.items.length === 0) fail(key, `${what} is an empty list: it would match nothing; remove it or fill it`);
    return value.items.map((item) =>
      isScalar(item) && typeof item.value === 'string' && item.value !== ''
        ? item.value
        : fail(item, `${what} must hold texts (in quotes if they look like numbers)`),
    );
  };
  const pairOf = (map: YAMLMap, name: string): Pair | undefined => map.items.find(({ key }) => isScalar(key) && key.value === name);

  const rule = (node: unknown, at: unknown): Rule => {
    const map = mapping(node, at, 'a grant', ['match', 'roles', 'permissions', 'namespaces']);
    const match = mapping(pairOf(map, 'match')?.value, map, 'match', matchKeys);
    const roles = strings(pairOf(map, 'roles'), 'roles') ?? [];
    const named = strings(pairOf(map, 'permissions'), 'permissions') ?? [];
    const namespaces = strings(pairOf(map, 'namespaces'), 'namespaces');
    if (roles.length + named.length === 0) fail(map, 'a grant needs roles or permissions');
    for (const role of roles)
      if (!isBuiltInRole(role))
        fail(pairOf(map, 'roles')?.key, `there is no role ${JSON.stringify(role)}; there are ${builtInRoles.join(', ')}`);
    for (const permission of named)
      if (!isPermission(permission)) fail(pairOf(map, 'permissions')?.key, `there is no permission ${JSON.stringify(permission)}`);
    for (const namespace of namespaces ?? []) {
      if (!/^[a-z0-9][a-z0-9._-]*$/.test(namespace))
        fail(pairOf(map, 'namespaces')?.key, `${JSON.stringify(namespace)} is not a namespace (its children are included as it is)`);
    }
    const permissions = new Set<Permission>([
      ...roles.filter(isBuiltInRole).flatMap((role) => [...roleGrant(role).permissions]),
      ...named.filter(isPermission),
    ]);
    return {
      line: lineOf(map),
      match: new Map(
        matchKeys.flatMap((key) =>
          strings(pairOf(match, key), `match.${key}`)?.length ? [[key, strings(pairOf(match, key), key) ?? []] as const] : [],
        ),
      ),
      names: [...roles, ...named],
      grant: { permissions, ...(namespaces && { namespaces }) },
    };
  };

  const root = mapping(document.contents, undefined, 'the policy', ['grants']);
  const list = pairOf(root, 'grants')?.value;
  if (!isSeq(list) || list.items.length === 0) return fail(list ?? root, 'grants must be a list with at least one grant');
  const rules = list.items.map((item) => rule(item, list));

  return {
    grantsOf: (person) =>
      rules
        .filter(({ match }) => [...match].every(([key, values]) => matches(person, key, values)))
        .flatMap(({ names, grant, line, match }) => [
          { name: names.join(', '), from: `the policy, line ${line} (${[...match.keys()].join(' and ')})`, grant },
        ]),
  };
};

const matches = (person: Person, key: MatchKey, values: readonly string[]): boolean => {
  const held = person[key];
  if (held === undefined) return false;
  if (typeof held !== 'string') return held.some((value) => values.includes(value));
  return key === 'sub' ? values.includes(held) : values.some((value) => value.toLowerCase() === held.toLowerCase());
};
