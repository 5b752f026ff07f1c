import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { held, reach } from '../../src/access/grant.ts';
import { claimGrants, type Person, parsePolicy } from '../../src/access/policy.ts';
import { openPolicyFile } from '../../src/access/policy-file.ts';
import { createLog } from '../../src/log.ts';

const person: Person = { sub: 'u1', roles: [], groups: [] };
const grantsOf = (text: string, who: Partial<Person>) =>
  parsePolicy(text)
    .grantsOf({ ...person, ...who })
    .map(({ grant }) => grant);

const dataTeam = `
grants:
  - match: { groups: [data-team, data-guests] }
    roles: [kestra-editor]
    namespaces: [acme.data]
  - match: { roles: [on-call], groups: [ops] }
    permissions: [kestra.execution.read, kestra.execution.write]
`;

describe('what a policy grants', () => {
  it('one of the values of a key is enough, all keys must match', () => {
    expect(grantsOf(dataTeam, { groups: ['data-guests'] })).toHaveLength(1);
    expect(grantsOf(dataTeam, { roles: ['on-call'] })).toEqual([]);
    expect(held(grantsOf(dataTeam, { roles: ['on-call'], groups: ['ops'] }))).toEqual(['kestra.execution.read', 'kestra.execution.write']);
  });

  it('each grant counts alone: its permissions on its namespaces', () => {
    const grants = grantsOf(dataTeam, { roles: ['on-call'], groups: ['ops', 'data-team'] });
    expect(reach(grants, ['kestra.flow.write'])).toEqual(['acme.data']);
    expect(reach(grants, ['kestra.execution.write'])).toBe('everywhere');
    expect(reach(grants, ['kestra.flow.write', 'kestra.execution.write'])).toEqual(['acme.data']);
    expect(reach(grants, ['kestra.flow.delete'])).toEqual([]);
  });

  it('names of groups and subjects are compared as they are, e-mails and domains without case', () => {
    const text =
      'grants:\n  - match: { email: [Ada@Acme.example] }\n    roles: [kestra-viewer]\n  - match: { sub: [U1] }\n    roles: [kestra-admin]\n';
    expect(grantsOf(text, { email: 'ada@acme.example' })).toHaveLength(1);
    expect(grantsOf(text, {})).toEqual([]);
  });

  it('says where a grant comes from', () => {
    const [granted] = parsePolicy(dataTeam).grantsOf({ ...person, groups: ['data-team'] });
    expect(granted).toMatchObject({ name: 'kestra-editor', from: 'the policy, line 3 (groups)' });
  });

  it('A16 the claims alone grant built-in roles and permissions by their very names, and nothing else', () => {
    expect(
      claimGrants({ roles: ['kestra-viewer', 'kestra.flow.execute', 'admin', 'kestra-Admin', 'kestra.flow', '*'] }).map(({ name }) => name),
    ).toEqual(['kestra-viewer', 'kestra.flow.execute']);
  });
});

describe('what a policy refuses, with the line', () => {
  it.each([
    ['grants:\n  - match: {}\n    roles: [kestra-admin]', 'line 2: match is empty'],
    ['grants:\n  - roles: [kestra-admin]', 'match must be a mapping'],
    ['grants:\n  - match: { groups: [] }\n    roles: [kestra-admin]', 'line 2: match.groups is an empty list'],
    ['grants:\n  - match: { groups: [x] }\n    namespaces: []\n    roles: [kestra-admin]', 'line 3: namespaces is an empty list'],
    ['grants:\n  - match: { groups: [x] }\n    roles: [admin]', 'line 3: there is no role "admin"'],
    ['grants:\n  - match: { groups: [x] }\n    permissions: [kestra.flow.run]', 'line 3: there is no permission "kestra.flow.run"'],
    ['grants:\n  - match: { group: [x] }\n    roles: [kestra-admin]', 'line 2: match has no key "group"'],
    ['grants:\n  - match: { groups: [x] }\n    role: [kestra-admin]', 'line 3: a grant has no key "role"'],
    ['grants:\n  - match: { groups: x }\n    roles: [kestra-admin]', 'line 2: match.groups must be a list'],
    ['grants:\n  - match: { groups: [1] }\n    roles: [kestra-admin]', 'line 2: match.groups must hold texts'],
    ['grants:\n  - match: { groups: [x] }', 'line 2: a grant needs roles or permissions'],
    ['grants:\n  - match: { groups: [x] }\n    roles: [kestra-admin]\n    namespaces: ["acme.*"]', 'line 4: "acme.*" is not a namespace'],
    ['grants: []', 'grants must be a list with at least one grant'],
    ['', 'the policy must be a mapping'],
    ['grants:\n  - match: { groups: [x], groups: [y] }\n    roles: [kestra-admin]', 'line 2: it is not valid YAML'],
    ['grants: [', 'it is not valid YAML'],
  ])('%j', (text, why) => {
    expect(() => parsePolicy(text)).toThrow(why);
  });
});

describe('a policy file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'policy-'));
  const path = join(folder, 'policy.yaml');
  afterEach(() => rmSync(path, { force: true }));

  it('counts a change without a restart, and keeps the last good state of a bad edit', async () => {
    writeFileSync(path, dataTeam);
    const policy = openPolicyFile(path, createLog('error'), 20);
    const grants = () => policy.grantsOf({ ...person, groups: ['new-team'] });
    expect(grants()).toEqual([]);
    writeFileSync(path, dataTeam.replace('data-team', 'new-team'));
    await vi.waitFor(() => expect(grants()).toHaveLength(1));
    writeFileSync(path, 'grants:\n  - match: {}\n');
    await vi.waitFor(() => expect(policy.problem()).toContain('line 2'));
    expect(grants()).toHaveLength(1);
    rmSync(path);
    await vi.waitFor(() => expect(policy.problem()).toContain('can not be read'));
    expect(grants()).toHaveLength(1);
    writeFileSync(path, dataTeam);
    await vi.waitFor(() => expect(policy.problem()).toBeUndefined());
    expect(grants()).toEqual([]);
    policy.close();
  });

  it('stops the start if it is missing or wrong', () => {
    expect(() => openPolicyFile(join(folder, 'none.yaml'), createLog('error'))).toThrow('KESTRA_MCP_POLICY');
    writeFileSync(path, 'grants: {}');
    expect(() => openPolicyFile(path, createLog('error'))).toThrow('grants must be a list');
  });
});
