import type { StateName } from '../kestra/lifecycle.ts';
import { type Arguments, anExecution, inNamespace, type Use } from './uses.ts';

const onEnded = (args: Arguments = {}): Use => ({
  on: (company, namespace) => ({ execution_id: company.ended(namespace), ...args }),
  looksUp: anExecution,
});

/** On an execution of its own, which is in this state. */
const onOne = (flowId: string, state: StateName, args: Arguments = {}): Use => ({
  on: async (company, namespace) => ({ execution_id: await company.execution(namespace, flowId, state), ...args }),
  looksUp: anExecution,
});

const confirmed = (flowId: string): Use => ({
  on: async (company, namespace) => {
    const id = await company.execution(namespace, flowId, 'SUCCESS');
    return { execution_id: id, confirm: id };
  },
  looksUp: anExecution,
});

const onFile: Use = {
  on: (company, namespace) => ({ execution_id: company.ended(namespace), uri: company.fileOf(namespace) }),
  looksUp: anExecution,
};

/** On all of a flow that are in this state, of which there is one. */
const onMany = (flow_id: string, state: StateName, args: Arguments = {}): Use => ({
  on: async (company, namespace) => {
    await company.execution(namespace, flow_id, state);
    return { namespace, flow_id, state: [state], ...args };
  },
});

export const usesOfExecutions: Readonly<Record<string, Use>> = {
  execute_flow: inNamespace({ flow_id: 'hello', run_key: 'once' }),
  get_execution: onEnded({ task_id: 'say' }),
  list_executions: inNamespace({ flow_id: 'hello' }),
  search_executions: inNamespace({ children: true }),
  diagnose_execution: onOne('failing', 'FAILED'),
  get_execution_logs: onEnded(),
  kill_execution: onOne('patient', 'PAUSED'),
  resume_execution: onOne('patient', 'PAUSED'),
  restart_execution: onOne('failing', 'FAILED'),
  replay_execution: onEnded(),
  execution_statistics: inNamespace({ children: true, by_day: true }),
  execution_timeline: onEnded(),
  pause_execution: onOne('sleeper', 'RUNNING'),
  set_execution_labels: onEnded({ labels: { checked: 'yes' } }),
  change_execution_state: onOne('marked', 'SUCCESS', { state: 'WARNING' }),
  change_task_run_state: onOne('failing', 'FAILED', { state: 'SUCCESS' }),
  force_run_execution: onOne('patient', 'PAUSED'),
  unqueue_execution: onOne('sleeper', 'QUEUED', { state: 'CANCELLED' }),
  delete_execution: confirmed('gone'),
  evaluate_expression: onEnded({ expression: '{{ flow.id }}' }),
  list_output_files: onEnded(),
  preview_output_file: onFile,
  read_output_file: onFile,
  execution_metrics: onEnded(),
  search_logs: inNamespace({ children: true, query: 'hello' }),
  delete_execution_logs: confirmed('marked'),
  kill_executions: onMany('patient', 'PAUSED'),
  pause_executions: onMany('sleeper', 'RUNNING'),
  resume_executions: onMany('patient', 'PAUSED'),
  restart_executions: onMany('failing', 'FAILED'),
  replay_executions: onMany('again', 'SUCCESS'),
  change_executions_state: onMany('marked', 'SUCCESS', { new_state: 'WARNING' }),
  force_run_executions: onMany('patient', 'PAUSED'),
  unqueue_executions: onMany('sleeper', 'QUEUED', { new_state: 'CANCELLED' }),
  delete_executions: onMany('gone', 'SUCCESS'),
};
