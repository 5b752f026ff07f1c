import { expect, test } from 'vitest';
import { tools } from '../../src/tools/catalog.ts';
import { writes } from '../harness/kestra.ts';
import { ownAffairs } from './calls.ts';
import { onEnterprise } from './setting.ts';

onEnterprise('what is told of roles and limits', (at) => {
  test('A22 auth_status explains every denial: what is missing, and where', async () => {
    const status = async (who: string) => (await at.program.call(at.as(who), 'auth_status')).structured;
    expect(await status('nothing')).toMatchObject({
      roles: [],
      tools: {
        allowed: Object.keys(ownAffairs),
        not_allowed: { get_flow: 'needs kestra.flow.read', delete_key: 'needs kestra.kv.delete' },
      },
    });
    expect(await status('kestra-viewer')).toMatchObject({
      roles: [{ name: 'kestra-viewer', from: 'the ID token' }],
      namespaces: 'all',
      tools: {
        not_allowed: {
          execute_flow: 'needs kestra.flow.execute',
          create_app: 'needs kestra.app.write',
          kill_executions: 'needs kestra.execution.write',
        },
      },
    });
    expect(await status('two')).toMatchObject({
      roles: [{ name: 'kestra-admin', from: 'the policy, line 5 (groups)' }],
      namespaces: [{ namespaces: ['acme.data', 'acme.ops'] }],
      tools: {
        only_in: { 'acme.data, acme.ops': expect.arrayContaining(['get_flow', 'kill_execution', 'get_app', 'delete_executions']) },
        not_allowed: {
          list_apps: 'shows things of every namespace, and your roles are for some',
          evaluate_expression: 'needs kestra.kv.read, kestra.file.read for all namespaces',
        },
      },
    });
    expect(await status('mixed')).toMatchObject({
      tools: {
        only_in: {
          'acme.data': expect.arrayContaining(['get_flow']),
          'acme.ops': expect.arrayContaining(['execute_flow', 'kill_execution', 'restart_execution']),
        },
        not_allowed: { kill_executions: 'needs its permissions in one namespace' },
      },
    });
    const denied = await at.program.call(at.as('two'), 'get_flow', { namespace: 'other.team', flow_id: 'hello' });
    expect(denied.structured.message).toBe(
      'Your roles allow this in acme.data, acme.ops and below, not in other.team. auth_status shows why.',
    );
  });

  test('A22 every tool is said to be allowed or not, once', async () => {
    for (const who of ['nothing', 'kestra-operator', 'mixed', 'one']) {
      const { tools: told } = (await at.program.call(at.as(who), 'auth_status')).structured as {
        tools: { allowed: string[]; not_allowed?: Record<string, string> };
      };
      expect([...told.allowed, ...Object.keys(told.not_allowed ?? {})].sort()).toEqual(tools.map(({ name }) => name).sort());
    }
  });

  test('P17 each call is in the audit: who, with what, on what and how it was decided, never an argument', async () => {
    const before = at.program.stderr.length;
    const ended = at.company.ended('other.team');
    await at.program.call(at.as('one'), 'list_flows', { namespace: 'acme.data', query: 'CANARY-argument' });
    await at.program.call(at.as('one'), 'get_flow', { namespace: 'other.team', flow_id: 'CANARY-argument' });
    await at.program.call(at.as('one'), 'get_execution', { execution_id: ended });
    await at.program.call(at.as('nothing'), 'get_flow', { namespace: 'acme.data', flow_id: 'x' });
    await at.call('one', 'get_key', { namespace: 'acme.data', key: 'CANARY-key' });
    await at.call('one', 'kill_executions', { namespace: 'acme.ops' });
    const said = at.program.stderr.slice(before);
    const lines = said.split('\n').flatMap((line) => (line.includes('"audit"') ? [JSON.parse(line) as Record<string, unknown>] : []));
    const user = `${at.idp.url}|sub-one`;
    expect(lines).toEqual([
      expect.objectContaining({
        user,
        tool: 'list_flows',
        namespace: 'acme.data',
        decision: 'allowed',
        code: 'ok',
        upstream: expect.arrayContaining(['searchFlows 200']),
      }),
      expect.objectContaining({ user, tool: 'get_flow', namespace: 'other.team', decision: 'denied', code: 'forbidden', upstream: [] }),
      expect.objectContaining({ user, execution: ended, code: 'not_found', upstream: ['getExecution 200'] }),
      expect.objectContaining({
        user: `${at.idp.url}|sub-nothing`,
        tool: 'get_flow',
        decision: 'denied',
        code: 'unknown_tool',
        upstream: [],
      }),
      // What run_tool runs stands there by its own name.
      expect.objectContaining({ user, tool: 'get_key', namespace: 'acme.data', code: 'not_found', upstream: ['getKeyValue 404'] }),
      expect.objectContaining({
        user,
        tool: 'kill_executions',
        namespace: 'acme.ops',
        decision: 'denied',
        code: 'forbidden',
        upstream: [],
      }),
    ]);
    expect(said).not.toContain('CANARY');
  });

  test('a repeated run_key finds the first run, and starts nothing', async () => {
    const args = { namespace: 'acme.data', flow_id: 'hello', run_key: 'only-once' };
    const first = await at.program.call(at.as('one'), 'execute_flow', args);
    const { result, requests } = await at.call('one', 'execute_flow', args);
    expect(result.structured).toMatchObject({ execution_id: first.structured.execution_id, found: expect.any(String) });
    expect(writes(requests)).toEqual([]);
  });
});
