import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tools } from '../../src/tools/catalog.ts';
import { during, writes } from '../harness/kestra.ts';
import { Program } from '../harness/program.ts';
import { namespaces } from './company.ts';
import { isDirect, onEnterprise } from './setting.ts';

interface Said {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

onEnterprise('A16, A37 what is no tool', (at) => {
  const ask = async (who: string, method: string, params: object = {}, { client }: Pick<Program, 'client'> = at.program): Promise<Said> => {
    const text = await (await client.mcp(at.as(who), method, params)).text();
    return JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text) as Said;
  };
  const read = (who: string, path: string) => during(at.kestra, () => ask(who, 'resources/read', { uri: `kestra-mcp://${path}` }));
  const complete = async (who: string, name: string, value = '', given: Record<string, string> = {}): Promise<string[]> => {
    const { result } = await ask(who, 'completion/complete', {
      ref: { type: 'ref/prompt', name: 'review_flow' },
      argument: { name, value },
      context: { arguments: given },
    });
    return (result as { completion: { values: string[] } }).completion.values;
  };

  test('resources: those of namespaces that may be seen', async () => {
    for (const [namespace, may] of [
      ['acme.data', true],
      ['acme.data.raw', true],
      ['acme', false],
      ['acme.database', false],
      ['other.team', false],
    ] as const) {
      const execution = at.company.ended(namespace);
      for (const path of [`flows/${namespace}/hello`, `executions/${execution}`, `executions/${execution}/logs`]) {
        const { result: said, requests } = await read('one', path);
        expect([said.result !== undefined, said.error !== undefined], path).toEqual([may, !may]);
        if (may) continue;
        expect(JSON.stringify(said)).not.toContain('hello\\n');
        expect(requests.map(({ path: asked }) => asked)).toEqual(path.startsWith('flows') ? [] : [`/api/v1/main/executions/${execution}`]);
      }
    }
  });

  test('resources: of an execution elsewhere the answer is that of one that does not exist', async () => {
    const execution = at.company.ended('other.team');
    const [elsewhere, none] = [await read('one', `executions/${execution}`), await read('one', 'executions/none')];
    expect(JSON.stringify(elsewhere.result).replaceAll(execution, 'none')).toBe(JSON.stringify(none.result));
  });

  test('resources, prompts and completions: none without a role', async () => {
    expect((await ask('nothing', 'resources/templates/list')).result).toMatchObject({ resourceTemplates: [] });
    expect((await ask('nothing', 'prompts/list')).result).toMatchObject({ prompts: [] });
    const { result, requests } = await during(at.kestra, async () => [
      await ask('nothing', 'resources/read', { uri: 'kestra-mcp://flows/acme.data/hello' }),
      await ask('nothing', 'prompts/get', { name: 'review_flow', arguments: { namespace: 'acme.data', flow_id: 'hello' } }),
    ]);
    expect(result.map(({ error }) => error?.code)).toEqual([-32602, -32602]);
    for (const name of ['namespace', 'flow_id', 'execution_id']) expect(await complete('nothing', name)).toEqual([]);
    expect(requests).toEqual([]);
  });

  test('resources: each part of what the roles show, by its own permission', async () => {
    const { resourceTemplates } = (await ask('runner', 'resources/templates/list')).result as { resourceTemplates: { name: string }[] };
    expect(resourceTemplates.map(({ name }) => name)).toEqual(['execution']);
    const { result, requests } = await read('runner', `executions/${at.company.ended('acme.data')}/logs`);
    expect([result.error?.code, requests]).toEqual([-32602, []]);
  });

  test('prompts: those that the roles allow, with the source of a flow that may be seen', async () => {
    const names = async (who: string) =>
      ((await ask(who, 'prompts/list')).result as { prompts: { name: string }[] }).prompts.map(({ name }) => name);
    expect(await names('one')).toEqual(['author_flow', 'diagnose_failure', 'migrate_flow', 'review_flow']);
    expect(await names('kestra-viewer')).not.toContain('author_flow');
    const review = (namespace: string) => ask('one', 'prompts/get', { name: 'review_flow', arguments: { namespace, flow_id: 'hello' } });
    expect(JSON.stringify((await review('acme.data')).result)).toContain('message: hello');
    for (const namespace of ['acme.database', 'other.team']) {
      const { result, requests } = await during(at.kestra, () => review(namespace));
      expect([result.error?.code, requests]).toEqual([-32602, []]);
    }
  });

  test('completion: names and ids of what may be seen', async () => {
    const seen = namespaces.filter((namespace) => namespace === 'acme.data' || namespace.startsWith('acme.data.'));
    expect(await complete('one', 'namespace')).toEqual(seen);
    expect(await complete('one', 'namespace', 'other')).toEqual([]);
    const mine = [...at.kestra.state.executions.values()].filter(({ namespace }) => seen.includes(namespace)).map(({ id }) => id);
    expect((await complete('one', 'execution_id')).sort()).toEqual(mine.sort());
    for (const [name, given] of [
      ['flow_id', { namespace: 'other.team' }],
      ['execution_id', { namespace: 'other.team' }],
      ['flow_id', { namespace: 'acme' }],
    ] as const) {
      const { result, requests } = await during(at.kestra, () => complete('one', name, '', given));
      expect([result, requests]).toEqual([[], []]);
    }
    expect((await complete('kestra-viewer', 'namespace', 'other')).sort()).toEqual(['other', 'other.team']);
  });

  describe('KESTRA_MCP_READ_ONLY, for an administrator', () => {
    let program: Program;
    beforeAll(async () => {
      // The same store and sign-ins, on the same address: the other one has to end.
      await at.program.stop();
      program = await Program.start({ ...at.program.env, KESTRA_MCP_READ_ONLY: 'true' }, at.idp);
    });
    afterAll(() => program.stop());
    const changing = tools
      .filter(({ effect, name }) => !['read', 'session'].includes(effect) && name !== 'run_tool')
      .map(({ name }) => name);

    test('lists and finds what reads, and nothing else', async () => {
      const listed = await program.list(at.as('kestra-admin'));
      expect(listed).toContain('get_flow');
      expect(listed.filter((name) => changing.includes(name))).toEqual([]);
      const { structured } = await program.call(at.as('kestra-admin'), 'search_tools');
      const found = Object.values(structured.tools as Record<string, string[]>).flat();
      expect(found).toContain('list_keys');
      expect(found.filter((name) => changing.includes(name))).toEqual([]);
      const status = (await program.call(at.as('kestra-admin'), 'auth_status')).structured as { tools: { allowed: string[] } };
      expect(status.tools.allowed.filter((name) => changing.includes(name))).toEqual([]);
    });

    test.each(changing)('there is no %s, by its name or by run_tool', async (tool) => {
      const args = { namespace: 'acme.data', flow_id: 'hello', key: 'color', confirm: 'color' };
      const { result, requests } = await during(at.kestra, async () => [
        await program.call(at.as('kestra-admin'), tool, args),
        await program.call(at.as('kestra-admin'), 'run_tool', { name: tool, arguments: args }),
      ]);
      expect(result[0]?.error).toMatchObject({ code: -32602, message: expect.stringContaining(`Tool "${tool}" not found`) });
      expect(result[1]?.structured).toEqual({ error: 'unknown_tool' });
      expect(writes(requests)).toEqual([]);
    });

    test('leads to no prompt that ends in a change', async () => {
      const { prompts } = (await ask('kestra-admin', 'prompts/list', {}, program)).result as { prompts: { name: string }[] };
      expect(prompts.map(({ name }) => name)).toEqual(['diagnose_failure', 'migrate_flow', 'review_flow']);
      expect((await ask('kestra-admin', 'prompts/get', { name: 'author_flow', arguments: { goal: 'x' } }, program)).error?.code).toBe(
        -32602,
      );
    });

    test('shows what reads as reading only, run_tool too', async () => {
      const { tools: listed } = (await ask('kestra-admin', 'tools/list', {}, program)).result as {
        tools: { name: string; annotations: { readOnlyHint?: boolean } }[];
      };
      const others = listed.filter(({ annotations }) => annotations.readOnlyHint !== true).map(({ name }) => name);
      expect(others).toEqual([]);
      expect(listed.every(({ name }) => isDirect(name))).toBe(true);
    });
  });
});
