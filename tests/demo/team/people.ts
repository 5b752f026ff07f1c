/** Who can sign in at the demo's identity provider, and the API token that each has in the pretend Kestra. */
export interface DemoPerson {
  readonly id: string;
  readonly name: string;
  readonly about: string;
  readonly roles: readonly string[];
  readonly groups: readonly string[];
  readonly kestraToken: string;
}

export const people: readonly DemoPerson[] = [
  {
    id: 'administrator',
    name: 'An administrator',
    about: 'role kestra-admin',
    roles: ['kestra-admin'],
    groups: [],
    kestraToken: 'demo-token-administrator',
  },
  {
    id: 'editor',
    name: 'An editor of acme.data',
    about: 'group data-team, which the policy makes editors there',
    roles: [],
    groups: ['data-team'],
    kestraToken: 'demo-token-editor',
  },
  { id: 'viewer', name: 'A viewer', about: 'role kestra-viewer', roles: ['kestra-viewer'], groups: [], kestraToken: 'demo-token-viewer' },
  { id: 'guest', name: 'Somebody without any role', about: 'no role, no group', roles: [], groups: [], kestraToken: 'demo-token-guest' },
];

export const policy = `grants:
  - match: { groups: [data-team] }
    roles: [kestra-editor]
    namespaces: [acme.data]
`;
