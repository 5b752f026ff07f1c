import { describe, expect, test } from 'vitest';
import { writes } from '../harness/kestra.ts';
import { current } from '../kestra/lifecycle.ts';
import { bulkAnywhere, uses } from './calls.ts';
import { namespaces } from './company.ts';
import { expectDone, expectUnknown, onEnterprise } from './setting.ts';

onEnterprise('A16 each grant counts alone', (at) => {
  describe('for who may look in one namespace and act in another', () => {
    test.each([
      ['get_flow', 'acme.data', true],
      ['get_flow', 'acme.ops', false],
      ['list_executions', 'acme.ops', false],
      ['execute_flow', 'acme.ops', true],
      ['execute_flow', 'acme.data', false],
      ['kill_execution', 'acme.ops', true],
      ['kill_execution', 'acme.data', false],
      ['restart_execution', 'acme.ops', true],
      ['restart_execution', 'acme.data', false],
      ['replay_execution', 'acme.ops', true],
      ['get_execution_logs', 'acme.ops', false],
      ['diagnose_execution', 'acme.ops', false],
    ])('%s in %s: %s', async (tool, namespace, may) => {
      const { result, requests } = await at.use('mixed', tool, namespace);
      expect(result.isError, result.text).toBe(!may);
      if (!may) expect(writes(requests)).toEqual([]);
    });

    // To find them takes reading, which is held elsewhere.
    test.each(bulkAnywhere)('there is no %s', async (tool) => {
      expectUnknown(await at.call('mixed', tool, await uses[tool]?.on(at.company, 'acme.ops')), tool);
    });

    test('what is missing in a namespace is not looked up in its stead', async () => {
      const { result, asked } = await at.call('mixed', 'execute_flow', { namespace: 'acme.ops', flow_id: 'none' });
      expect(result.structured.message).toContain('Your roles do not let you look whether there is a flow none in acme.ops');
      expect(asked).toEqual(['GET main/flows/acme.ops/none']);
    });
  });

  describe('for who may look everywhere and act in one namespace', () => {
    const mine = (namespace: string): boolean => namespace === 'acme.data' || namespace.startsWith('acme.data.');

    test.each(bulkAnywhere.filter((tool) => tool !== 'delete_executions'))('%s acts there alone', async (tool) => {
      for (const namespace of namespaces) await uses[tool]?.on(at.company, namespace);
      const { namespace, flow_id, ...args } = (await uses[tool]?.on(at.company, 'acme.data')) ?? {};
      const everywhere = { ...args, start_after: '2000-01-01T00:00:00Z' };
      const executions = [...at.kestra.state.executions.values()];
      const before = new Map(executions.map(({ id, life }) => [id, life.length]));
      const { result } = await at.call('watcher', tool, everywhere);
      expectDone({ result });
      const [, confirm] = /and confirm: "([^"]+)"/.exec(String(result.structured.next)) ?? [];
      const { result: acted, requests } = await at.call('watcher', tool, { ...everywhere, confirm });
      expectDone({ result: acted });
      const [post] = writes(requests);
      const touched = (JSON.parse(post?.text ?? '[]') as string[]).map((id) => at.kestra.state.executions.get(id)?.namespace ?? '');
      expect(touched.length).toBe(result.structured.matching);
      expect([...new Set(touched)].sort()).toEqual(['acme.data', 'acme.data.raw']);
      const moved = executions.filter(({ id, life }) => life.length !== before.get(id));
      expect(moved.filter(({ namespace, life }) => !mine(namespace) && current(life) !== 'SUCCESS')).toEqual([]);
    });

    test.each([...bulkAnywhere.filter((tool) => tool !== 'delete_executions'), 'disable_triggers', 'enable_triggers'])(
      '%s of another namespace, or of the one above with its children, is refused',
      async (tool) => {
        for (const of of [{ namespace: 'other.team' }, { namespace: 'acme', children: true }]) {
          const args = await uses[tool]?.on(at.company, of.namespace);
          const { result, asked } = await at.call('watcher', tool, { ...args, ...of, confirm: '1-00000000' });
          expect([result.structured.error, asked]).toEqual(['forbidden', []]);
        }
      },
    );

    test('they still see all', async () => {
      expectDone(await at.use('watcher', 'get_execution', 'other.team'));
      const { structured } = (await at.call('watcher', 'list_concurrency')).result;
      expect(structured.total).toBe(namespaces.length);
    });

    test('an expression, which reads everywhere, is evaluated where they may act', async () => {
      expectDone(await at.use('watcher', 'evaluate_expression', 'acme.data'));
      const { result, requests } = await at.use('watcher', 'evaluate_expression', 'other.team');
      expect([result.structured.error, writes(requests)]).toEqual(['not_found', []]);
    });
  });
});
