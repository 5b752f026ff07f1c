import { expect } from 'vitest';
import { executionsOf, reached } from '../harness/kestra.ts';
import type { Story } from './assistant.ts';

const report = { namespace: 'acme.data', flow_id: 'daily_sales_report', trigger_id: 'every_morning' };
const march = { ...report, start: '2026-03-01T00:00:00Z', end: '2026-03-06T23:59:59Z' };
const idOf = (rows: unknown): string => String((rows as { execution_id: string }[])[0]?.execution_id);

export const operations: readonly Story[] = [
  {
    task: 'When does the sales report run next?',
    play: async (assistant) => {
      (await assistant.call('search_triggers', { namespace: 'acme.data', flow_id: 'daily_sales_report' })).says(
        'every_morning',
        /T06:00:00Z/,
      );
    },
    calls: 1,
    tokens: 150,
  },
  {
    task: 'Do not run the report during the migration.',
    play: async (assistant) => {
      await assistant.find('switch off a schedule', 'disable_trigger');
      (await assistant.call('disable_trigger', report)).says('"disabled":true');
    },
    calls: 2,
    tokens: 900,
  },
  {
    task: 'The migration is over: run it again every morning.',
    play: async (assistant) => {
      (await assistant.call('enable_trigger', report)).says('"disabled":false');
    },
    calls: 1,
    tokens: 100,
  },
  {
    task: 'Backfill the first working week of March, but skip the weekend.',
    play: async (assistant, { kestra }) => {
      await assistant.find('backfill past days', 'create_backfill');
      // 1 March 2026 is a Sunday: the week is Monday to Friday.
      const week = { ...march, start: '2026-03-02T00:00:00Z' };
      (await assistant.call('create_backfill', week)).says('about 5 executions');
      (await assistant.call('create_backfill', { ...week, confirm: 'every_morning' })).says('"executions_expected":5');
      (await assistant.call('pause_backfill', report)).says('"paused":true');
      expect(kestra.state.triggers.get('acme.data/daily_sales_report/every_morning')?.backfill?.start).toBe('2026-03-02T00:00:00Z');
    },
    calls: 4,
    tokens: 1350,
  },
  {
    task: 'Stop that backfill.',
    play: async (assistant) => {
      (await assistant.call('delete_backfill', report)).says('"done":"ended"');
    },
    calls: 1,
    tokens: 100,
  },
  {
    task: 'Is anything waiting for approval? Approve release 4.2.',
    given: async ({ kestra }) => {
      const form = new FormData();
      form.append('release', '4.2');
      await fetch(`${kestra.url}/api/v1/main/executions/acme.ops/approve_release`, { method: 'POST', headers: kestra.headers, body: form });
      const [execution] = executionsOf(kestra, 'acme.ops', 'approve_release');
      await reached(kestra, execution?.id ?? '', 'PAUSED');
    },
    play: async (assistant) => {
      const found = await assistant.call('search_executions', { state: ['PAUSED'] });
      const id = idOf(found.facts.executions);
      const asks = await assistant.call('resume_execution', { execution_id: id });
      asks.says('approved');
      (await assistant.call('resume_execution', { execution_id: id, inputs: { approved: true } })).says(id);
      (await assistant.call('get_execution', { execution_id: id, wait: true })).says('"state":"SUCCESS"');
    },
    calls: 4,
    tokens: 450,
  },
  {
    task: 'Run the last report again, but for the US.',
    play: async (assistant, { kestra }) => {
      const found = await assistant.call('list_executions', {
        namespace: 'acme.data',
        flow_id: 'daily_sales_report',
        state: 'SUCCESS',
        size: 1,
      });
      const before = executionsOf(kestra, 'acme.data', 'daily_sales_report').length;
      (await assistant.call('replay_execution', { execution_id: idOf(found.facts.executions), inputs: { country: 'US' } })).says(
        /"execution_id":"\w+"/,
      );
      expect(executionsOf(kestra, 'acme.data', 'daily_sales_report').length).toBe(before + 1);
    },
    calls: 2,
    tokens: 250,
  },
  {
    task: 'Stop all schedules of the data team for tonight.',
    play: async (assistant) => {
      await assistant.find('disable all triggers of a namespace', 'disable_triggers');
      const asked = await assistant.call('disable_triggers', { namespace: 'acme', children: true });
      asked.says('every_morning', 'nothing yet');
      const confirm = /confirm: \\"([^\\]+)/.exec(asked.text)?.[1];
      (await assistant.call('disable_triggers', { namespace: 'acme', children: true, confirm })).says('disabled: 1');
    },
    calls: 3,
    tokens: 1050,
  },
  {
    task: 'Delete the failed executions of the cleanup that are older than three days.',
    play: async (assistant, { kestra }) => {
      await assistant.find('purge old executions', 'delete_executions');
      const old = {
        namespace: 'acme.ops',
        flow_id: 'cleanup_tmp',
        state: ['FAILED'],
        start_before: new Date(Date.now() - 3 * 86_400_000).toISOString(),
      };
      const asked = await assistant.call('delete_executions', old);
      asked.says('"matching":1', 'can not be had back');
      const confirm = /confirm: \\"([^\\]+)/.exec(asked.text)?.[1];
      (await assistant.call('delete_executions', { ...old, confirm })).says('deleted 1');
      expect(executionsOf(kestra, 'acme.ops', 'cleanup_tmp')).toHaveLength(2);
    },
    calls: 3,
    tokens: 1500,
  },
];
