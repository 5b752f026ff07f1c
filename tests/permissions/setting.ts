import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { builtInRoles } from '../../src/access/permission.ts';
import { direct } from '../../src/tools/catalog.ts';
import { FakeIdp } from '../auth/fake-idp.ts';
import { during, expectInnocent } from '../harness/kestra.ts';
import { newFolder, type Outcome, Program, settings } from '../harness/program.ts';
import { type Kestra, type Recorded, startKestra } from '../kestra/server.ts';
import { versions } from '../tools/setting.ts';
import { leastRole, uses } from './calls.ts';
import { type Company, found } from './company.ts';
import type { Arguments } from './uses.ts';

/** Two who are limited; one who may look in one namespace and act in another, one who may look everywhere and act in one, one who lacks much. */
const policy = `grants:
  - match: { groups: [one] }
    roles: [kestra-admin]
    namespaces: [acme.data]
  - match: { groups: [two] }
    roles: [kestra-admin]
    namespaces: [acme.data, acme.ops]
  - match: { groups: [mixed] }
    roles: [kestra-viewer]
    namespaces: [acme.data]
  - match: { groups: [mixed] }
    permissions: [kestra.execution.write, kestra.flow.execute]
    namespaces: [acme.ops]
  - match: { groups: [runner] }
    permissions: [kestra.flow.execute, kestra.execution.read]
    namespaces: [acme.data]
  - match: { groups: [watcher] }
    roles: [kestra-viewer]
  - match: { groups: [watcher] }
    roles: [kestra-operator]
    namespaces: [acme.data]
`;
const groups = ['one', 'two', 'mixed', 'runner', 'watcher'];

export const isDirect = (tool: string): boolean => direct.some(({ name }) => name === tool);

export const allowed = (role: string, tool: string): boolean => {
  const least = leastRole[tool];
  const ranks: readonly string[] = ['nothing', ...builtInRoles];
  return least === undefined || ranks.indexOf(role) >= ranks.indexOf(least);
};

/** What one call came to, and what Kestra was asked. */
export interface Called {
  readonly result: Outcome;
  readonly requests: Recorded[];
  readonly asked: string[];
}

export interface Setting {
  readonly version: (typeof versions)[number];
  readonly kestra: Kestra;
  readonly idp: FakeIdp;
  readonly company: Company;
  readonly program: Program;
  as(who: string): string;
  /** Calls a tool as an assistant does: what is not listed by way of run_tool. */
  call(who: string, tool: string, args?: Arguments): Promise<Called>;
  /** Uses a tool on something in a namespace; what asks to be confirmed is. */
  use(who: string, tool: string, namespace: string): Promise<Called & { args: Arguments }>;
}

/** Kestra Enterprise of each line, in front of it the program with one credential for everybody, and people of all kinds. */
export const onEnterprise = (title: string, define: (at: Setting) => void): void => {
  describe.each(versions)(`${title}, on Kestra Enterprise %s`, (version) => {
    const idp = new FakeIdp();
    const tokens = new Map<string, string>();
    const parts: { kestra?: Kestra; company?: Company; program?: Program } = {};
    const started = <T>(part: T | undefined): T => {
      if (!part) throw new Error('not started yet');
      return part;
    };

    beforeAll(async () => {
      await idp.start();
      const kestra = await startKestra({ version, edition: 'EE', remember: 100_000 });
      parts.kestra = kestra;
      parts.company = await found(kestra);
      const file = join(newFolder(), 'policy.yaml');
      writeFileSync(file, policy);
      const env = {
        ...(await settings({ kestra, idp })),
        KESTRA_MCP_POLICY: file,
        KESTRA_CREDENTIALS: 'shared',
        KESTRA_API_TOKEN: 'kestra-admin-token',
        KESTRA_MCP_CALLS_PER_MINUTE: '100000',
      };
      const program = await Program.start(env, idp);
      parts.program = program;
      const clientId = await program.client.reg();
      const people = {
        nothing: { roles: ['editor'], groups: ['kestra-admin'] },
        ...Object.fromEntries(builtInRoles.map((role) => [role, { roles: [role] }])),
        ...Object.fromEntries(groups.map((group) => [group, { groups: [group] }])),
      };
      for (const [user, claims] of Object.entries(people)) {
        idp.users.set(user, { sub: `sub-${user}`, claims });
        tokens.set(user, (await program.client.signIn({ user, clientId })).tokens.access_token);
      }
    });
    afterAll(async () => {
      if (parts.kestra) await expectInnocent(parts.kestra);
      await parts.program?.stop();
      await parts.kestra?.close();
      await idp.stop();
    });

    const at: Setting = {
      version,
      idp,
      get kestra() {
        return started(parts.kestra);
      },
      get company() {
        return started(parts.company);
      },
      get program() {
        return started(parts.program);
      },
      as: (who) => tokens.get(who) ?? '',
      call: (who, tool, args = {}) => {
        const [name, given] = isDirect(tool) ? [tool, args] : ['run_tool', { name: tool, arguments: args }];
        return during(at.kestra, () => at.program.call(at.as(who), name, given));
      },
      use: async (who, tool, namespace) => {
        const args = (await uses[tool]?.on(at.company, namespace)) ?? {};
        const first = await at.call(who, tool, args);
        const [, confirm] = /and confirm: "([^"]+)"/.exec(String(first.result.structured.next)) ?? [];
        if (!confirm) return { ...first, args };
        const second = await at.call(who, tool, { ...args, confirm });
        return { ...second, requests: [...first.requests, ...second.requests], asked: [...first.asked, ...second.asked], args };
      },
    };
    define(at);
  });
};

/** The answer for a tool that there is none of, for this caller: Kestra is not asked. */
export const expectUnknown = ({ result, requests }: Called, tool: string): void => {
  if (isDirect(tool)) expect(result.error).toMatchObject({ code: -32602, message: expect.stringContaining(`Tool "${tool}" not found`) });
  else expect([result.error, result.structured], result.text).toEqual([undefined, { error: 'unknown_tool' }]);
  expect(requests).toEqual([]);
};

export const expectDone = ({ result }: Pick<Called, 'result'>): void => {
  expect(result, result.text).toMatchObject({ error: undefined, isError: false });
};
