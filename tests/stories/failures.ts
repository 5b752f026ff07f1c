import { expect } from 'vitest';
import { ended, execute, reached, saveFlows } from '../harness/kestra.ts';
import type { Story } from './assistant.ts';

const failsOnce = (id: string, message: string) => `id: ${id}
namespace: acme.ops
tasks:
  - id: prepare
    type: io.kestra.plugin.core.log.Log
    message: preparing
  - id: load
    type: io.kestra.plugin.core.execution.Fail
    errorMessage: "${message}"
`;
const idOf = (rows: unknown): string => String((rows as { execution_id: string }[])[0]?.execution_id);

export const failures: readonly Story[] = [
  {
    task: 'Why did the last cleanup fail?',
    play: async (assistant) => {
      const found = await assistant.call('search_executions', {
        namespace: 'acme.ops',
        flow_id: 'cleanup_tmp',
        state: ['FAILED'],
        size: 1,
      });
      const why = await assistant.call('diagnose_execution', { execution_id: idOf(found.facts.executions) });
      why.says('No space left on device: /mnt/tmp', 'delete', 'FAILED');
    },
    calls: 2,
    tokens: 550,
  },
  {
    task: 'What failed last night?',
    play: async (assistant) => {
      const since = new Date(Date.now() - 24 * 3_600_000).toISOString();
      const found = await assistant.call('search_executions', { state: ['FAILED'], start_after: since });
      found.says('cleanup_tmp', 'acme.ops');
      expect(found.facts.total).toBe(2);
    },
    calls: 1,
    tokens: 250,
  },
  {
    task: 'Since when does the cleanup fail, and did it ever work?',
    play: async (assistant) => {
      await assistant.find('failure rate by day', 'execution_statistics');
      const numbers = await assistant.call('execution_statistics', { namespace: 'acme.ops', flow_id: 'cleanup_tmp', by_day: true });
      numbers.says('"FAILED":3', '"success_percent":0');
    },
    calls: 2,
    tokens: 1300,
  },
  {
    task: 'Which of our flows are unhealthy?',
    play: async (assistant) => {
      await assistant.find('last run of each flow', 'latest_executions');
      (await assistant.call('latest_executions', { namespace: 'acme', children: true })).says(
        /cleanup_tmp","state":"FAILED"/,
        /daily_sales_report","state":"SUCCESS"/,
        /long_backup","state":"never ran"/,
      );
    },
    calls: 2,
    tokens: 1550,
  },
  {
    task: 'Find every log line about a full disk.',
    play: async (assistant) => {
      await assistant.find('grep error message in logs', 'search_logs');
      (await assistant.call('search_logs', { query: 'No space left', min_level: 'ERROR', size: 5 })).says('acme.ops.cleanup_tmp', 'ERROR');
    },
    calls: 2,
    tokens: 1050,
  },
  {
    task: 'The disk is free again: restart what failed, all of it.',
    given: async ({ kestra }) => {
      await saveFlows(kestra, failsOnce('load_a', 'disk full'), failsOnce('load_b', 'disk full'));
      for (const id of ['load_a', 'load_b']) await ended(kestra, await execute(kestra, 'acme.ops', id));
    },
    play: async (assistant) => {
      await assistant.find('restart all failed executions', 'restart_executions');
      const asked = await assistant.call('restart_executions', { namespace: 'acme.ops', flow_id: 'load_a' });
      asked.says('"matching":1', 'nothing yet');
      const confirm = /confirm: \\"([^\\]+)/.exec(asked.text)?.[1];
      (await assistant.call('restart_executions', { namespace: 'acme.ops', flow_id: 'load_a', confirm })).says('restarted 1');
    },
    calls: 3,
    tokens: 1200,
  },
  {
    task: 'The load was done by hand: let the rest of the flow go on.',
    given: async ({ kestra }) => {
      await saveFlows(
        kestra,
        `${failsOnce('by_hand', 'no route')}  - id: after\n    type: io.kestra.plugin.core.log.Log\n    message: goes on\n`,
      );
      await ended(kestra, await execute(kestra, 'acme.ops', 'by_hand'));
    },
    play: async (assistant, { kestra }) => {
      const [execution] = [...kestra.state.executions.values()].filter(({ flowId }) => flowId === 'by_hand');
      const id = execution?.id ?? '';
      await assistant.find('mark the failed task as success and continue', 'change_task_run_state');
      (await assistant.call('change_task_run_state', { execution_id: id, state: 'SUCCESS' })).says('"task_id":"load"', 'goes on');
      (await assistant.call('get_execution', { execution_id: id, wait: true })).says('"state":"SUCCESS"');
    },
    calls: 3,
    tokens: 1350,
  },
  {
    task: 'Which task makes the report slow?',
    play: async (assistant) => {
      const found = await assistant.call('list_executions', { namespace: 'acme.data', flow_id: 'daily_sales_report', size: 1 });
      await assistant.find('slowest task of an execution', 'execution_timeline');
      (await assistant.call('execution_timeline', { execution_id: idOf(found.facts.executions) })).says('slowest', 'extract', 'gantt');
    },
    calls: 3,
    tokens: 1150,
  },
  {
    task: 'It works for one input and not for the other: what is different?',
    given: async ({ kestra }) => {
      const picky = `id: picky
namespace: acme.ops
inputs:
  - id: size
    type: INT
tasks:
  - id: check
    type: io.kestra.plugin.core.flow.If
    condition: "{{ inputs.size > 10 }}"
    then:
      - id: refuse
        type: io.kestra.plugin.core.execution.Fail
        errorMessage: too large
`;
      await saveFlows(kestra, picky);
      for (const size of ['1', '11']) await ended(kestra, await execute(kestra, 'acme.ops', 'picky', { size }));
    },
    play: async (assistant) => {
      const found = await assistant.call('list_executions', { namespace: 'acme.ops', flow_id: 'picky', state: 'FAILED' });
      (await assistant.call('diagnose_execution', { execution_id: idOf(found.facts.executions) })).says('too large', 'size');
    },
    calls: 2,
    tokens: 500,
  },
  {
    task: 'Something has been running for hours: stop it.',
    given: async ({ kestra }) => {
      await reached(kestra, await execute(kestra, 'acme.ops', 'long_backup'), 'RUNNING');
    },
    play: async (assistant) => {
      const found = await assistant.call('search_executions', { namespace: 'acme.ops', state: ['RUNNING'] });
      (await assistant.call('kill_execution', { execution_id: idOf(found.facts.executions) })).says('"state":"KILLED"');
    },
    calls: 2,
    tokens: 200,
  },
];
