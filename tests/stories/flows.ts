import { expect } from 'vitest';
import type { Story } from './assistant.ts';

const rates = `id: exchange_rates
namespace: acme.data
inputs:
  - id: currency
    type: SELECT
    values: [EUR, CHF]
tasks:
  - id: fetch
    type: io.kestra.plugin.core.log.Log
    message: "Rates of {{ inputs.currency }}"
`;

export const flows: readonly Story[] = [
  {
    task: 'What do we have in Kestra?',
    play: async (assistant) => {
      (await assistant.call('search_namespaces', { query: 'acme' })).says('acme.data', 'acme.ops');
      (await assistant.call('list_flows', { namespace: 'acme', children: true })).says(
        'daily_sales_report',
        'orders_pipeline',
        'cleanup_tmp',
      );
    },
    calls: 2,
    tokens: 850,
  },
  {
    task: 'Which flow makes the sales report, and how do I run it for France?',
    play: async (assistant) => {
      (await assistant.call('search_flows', { query: 'sales' })).says('daily_sales_report');
      (await assistant.call('describe_inputs', { namespace: 'acme.data', flow_id: 'daily_sales_report' })).says('country', 'FR', 'limit');
    },
    calls: 2,
    tokens: 250,
  },
  {
    task: 'Run the sales report for France and tell me the summary.',
    play: async (assistant) => {
      const run = await assistant.call('execute_flow', {
        namespace: 'acme.data',
        flow_id: 'daily_sales_report',
        inputs: { country: 'FR', limit: 5 },
      });
      run.says('"state":"SUCCESS"', '5 rows of FR');
    },
    calls: 1,
    tokens: 250,
  },
  {
    task: 'Run it for Spain.',
    play: async (assistant) => {
      const refused = await assistant.call('execute_flow', {
        namespace: 'acme.data',
        flow_id: 'daily_sales_report',
        inputs: { country: 'ES' },
      });
      refused.says('one of DE, FR, US');
      expect(refused.failed).toBe(true);
    },
    calls: 1,
    tokens: 50,
  },
  {
    task: 'Write a flow that logs exchange rates, check it and save it.',
    play: async (assistant) => {
      (await assistant.call('get_plugin_schema', { type: 'io.kestra.plugin.core.log.Log' })).says('message');
      (await assistant.call('create_or_update_flow', { source: rates, dry_run: true })).says('"valid":true', '"would":"create"');
      (await assistant.call('create_or_update_flow', { source: rates })).says('"done":"created"', '"revision_after":1');
    },
    calls: 3,
    tokens: 600,
  },
  {
    task: 'My flow is refused: what is wrong with it?',
    play: async (assistant) => {
      const wrong = rates.replace('log.Log', 'log.Logg');
      (await assistant.call('validate_flow', { source: wrong })).says('io.kestra.plugin.core.log.Logg');
    },
    calls: 1,
    tokens: 150,
  },
  {
    task: 'Change the message of the exchange rates, and show me what changes.',
    play: async (assistant) => {
      const flow = await assistant.call('get_flow', { namespace: 'acme.data', flow_id: 'exchange_rates' });
      const changed = String(flow.facts.source).replace('Rates of', 'Today:');
      const dry = await assistant.call('create_or_update_flow', { source: changed, dry_run: true });
      dry.says('-    message: "Rates of', '+    message: "Today:');
      (await assistant.call('create_or_update_flow', { source: changed, expected_revision: 1 })).says('"revision_after":2');
    },
    calls: 3,
    tokens: 500,
  },
  {
    task: 'That was wrong: take the last change back.',
    play: async (assistant, { kestra }) => {
      await assistant.find('undo the last change of a flow', 'rollback_flow');
      const flow = { namespace: 'acme.data', flow_id: 'exchange_rates' };
      (await assistant.call('diff_flow_revisions', { ...flow, from_revision: 1 })).says('Today:');
      (await assistant.call('rollback_flow', { ...flow, to_revision: 1, expected_revision: 2 })).says('"revision_after":3');
      expect(kestra.state.flow('acme.data', 'exchange_rates')?.source).toBe(rates);
    },
    calls: 3,
    tokens: 1250,
  },
  {
    task: 'Where is the parquet path of the orders defined?',
    play: async (assistant) => {
      (await assistant.call('search_flows', { query: 's3://lake/orders', in_source: true })).says('ingest_orders');
    },
    calls: 1,
    tokens: 150,
  },
  {
    task: 'Draw me the orders pipeline.',
    play: async (assistant) => {
      await assistant.find('draw a flow as a diagram', 'flow_graph');
      (await assistant.call('flow_graph', { namespace: 'acme.data', flow_id: 'orders_pipeline' })).says(
        'flowchart TD',
        'ingest · Subflow',
        'orders_table',
        'subgraph',
      );
    },
    calls: 2,
    tokens: 1000,
  },
  {
    task: 'Nobody uses the retired job any more: delete it.',
    play: async (assistant, { kestra }) => {
      await assistant.find('delete a flow', 'delete_flow');
      const flow = { namespace: 'acme.ops', flow_id: 'retired_job' };
      const asked = await assistant.call('delete_flow', flow);
      asked.says('Flows that call it will fail', 'acme.ops.retired_job');
      expect(kestra.state.flow('acme.ops', 'retired_job')).toBeDefined();
      (await assistant.call('delete_flow', { ...flow, confirm: 'acme.ops.retired_job' })).says('"done":"deleted"');
    },
    calls: 3,
    tokens: 1250,
  },
];
