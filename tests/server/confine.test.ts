import { describe, expect, test } from 'vitest';
import type { Grant } from '../../src/access/grant.ts';
import { permissions } from '../../src/access/permission.ts';
import type { Invoke, OperationId } from '../../src/kestra/operation.ts';
import { confine } from '../../src/server/confine.ts';
import { tools } from '../../src/tools/catalog.ts';
import type { Target } from '../../src/tools/tool.ts';

const toolOf = (name: string) => {
  const found = tools.find((tool) => tool.name === name);
  if (!found) throw new Error(name);
  return found;
};
const namespaces = ['acme.data'];
/** May look everywhere, and act in one namespace. */
const watcher: Grant[] = [
  { permissions: new Set(permissions.filter((one) => one.endsWith('.read'))) },
  { permissions: new Set(permissions), namespaces },
];
const limited: Grant[] = [{ permissions: new Set(permissions), namespaces }];

/** A Kestra whose filters let through what begins alike. */
const lax: Invoke = async () =>
  ({
    total: 1,
    results: [{ id: 'x', namespace: 'acme.database', model: { namespace: 'acme.database' }, state: { namespace: 'acme.database' } }],
  }) as never;

describe('should Kestra list what it was not asked for, nothing of it is shown or acted on', () => {
  test.each<[string, OperationId, readonly Grant[], Target, object]>([
    ['kill_executions', 'searchExecutions', watcher, { namespace: 'acme.data' }, { filters: { namespace: { EQUALS: 'acme.data' } } }],
    ['kill_executions', 'searchExecutions', watcher, { namespace: 'acme.data' }, { filters: { namespace: { PREFIX: 'acme.data' } } }],
    ['kill_executions', 'searchExecutions', watcher, {}, { filters: {} }],
    ['delete_flows', 'searchFlows', watcher, { namespace: 'acme.data' }, { filters: { namespace: { PREFIX: 'acme.data' } } }],
    ['disable_triggers', 'searchTriggers', watcher, { namespace: 'acme.data' }, { filters: { namespace: { PREFIX: 'acme.data' } } }],
    ['search_flows', 'searchFlowsBySourceCode', limited, { namespace: 'acme.data' }, { namespace: 'acme.data', q: 'x' }],
    ['search_logs', 'searchLogs', limited, {}, {}],
    ['list_keys', 'listAllKeys', limited, { namespace: 'acme.data' }, { filters: { namespace: { PREFIX: 'acme.data' } } }],
    ['search_test_suites', 'searchTestSuites', limited, { namespace: 'acme.data' }, { namespace: 'acme.data' }],
    ['search_test_results', 'searchTestSuitesResults', limited, { namespace: 'acme.data' }, { namespace: 'acme.data' }],
  ])('%s: %s', async (tool, operation, grants, target, query) => {
    const invoke = await confine(lax, grants, toolOf(tool), target);
    await expect(invoke(operation, { query } as never)).rejects.toMatchObject({ code: 'internal' });
  });
});

test('for a caller of some namespaces every operation of a tool is limited, or concerns what was authorized, or is refused', async () => {
  const refused: string[] = [];
  const everything: Invoke = async () => ({ total: 0, results: [] }) as never;
  for (const tool of tools.filter(({ wide }) => !wide)) {
    const invoke = await confine(everything, limited, tool, { namespace: 'acme.data' });
    for (const id of tool.uses) {
      const query = { namespace: 'acme.data' };
      await invoke(id, { query } as never).catch(() => refused.push(`${tool.name} ${id}`));
    }
  }
  // Of these the caller's own affairs make use.
  expect(refused).toEqual([]);
});
