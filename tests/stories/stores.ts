import { expect } from 'vitest';
import type { Story } from './assistant.ts';

export const stores: readonly Story[] = [
  {
    task: 'What is the batch size, and raise it to 800.',
    play: async (assistant, { kestra }) => {
      await assistant.find('key value store', 'get_key');
      (await assistant.call('get_key', { namespace: 'acme.data', key: 'batch_size' })).says('"type":"NUMBER"', '500');
      (await assistant.call('set_key', { namespace: 'acme.data', key: 'batch_size', value: 800, overwrite: true })).says('replaced');
      expect(kestra.state.keys.get('acme.data/batch_size')?.value).toBe(800);
    },
    calls: 3,
    tokens: 1000,
  },
  {
    task: 'Who is on call?',
    play: async (assistant) => {
      (await assistant.call('list_keys', { query: 'on_call' })).says('acme.ops');
      (await assistant.call('get_key', { namespace: 'acme.ops', key: 'on_call' })).says('grace');
    },
    calls: 2,
    tokens: 150,
  },
  {
    task: 'Put this query next to the flows of the data team.',
    play: async (assistant) => {
      await assistant.find('upload a sql script', 'write_namespace_file');
      (
        await assistant.call('write_namespace_file', { namespace: 'acme.data', path: 'sql/orders.sql', content: 'select * from orders\n' })
      ).says('created');
      (await assistant.call('read_namespace_file', { namespace: 'acme.data', path: 'sql/orders.sql' })).says('select * from orders');
    },
    calls: 3,
    tokens: 650,
  },
  {
    task: 'Which secrets can I use in the ops flows?',
    play: async (assistant) => {
      await assistant.find('names of secrets', 'list_secrets');
      const { text } = await assistant.call('list_secrets', { namespace: 'acme.ops' });
      expect(text).toContain('DEMO');
      expect(text).not.toContain('"demo"');
    },
    calls: 2,
    tokens: 550,
  },
  {
    task: 'What does {{ outputs.extract.value }} give in the last report?',
    play: async (assistant) => {
      const found = await assistant.call('list_executions', {
        namespace: 'acme.data',
        flow_id: 'daily_sales_report',
        state: 'SUCCESS',
        size: 1,
      });
      const id = String((found.facts.executions as { execution_id: string }[])[0]?.execution_id);
      await assistant.find('evaluate an expression', 'evaluate_expression');
      (await assistant.call('evaluate_expression', { execution_id: id, expression: '{{ outputs.extract.value }}' })).says(
        /rows of (US|FR|DE)/,
      );
    },
    calls: 3,
    tokens: 400,
  },
  {
    task: 'Who am I here, and what may I do?',
    play: async (assistant) => {
      (await assistant.call('auth_status')).says('accepted by Kestra', 'kestra-');
    },
    calls: 1,
    tokens: 650,
  },
];
