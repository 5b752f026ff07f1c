import { hello } from '../tools/setting.ts';
import { suite } from './company.ts';
import { inNamespace, type Use } from './uses.ts';

const onHello = (args = {}): Use => inNamespace({ flow_id: 'hello', ...args });

export const usesOfFlows: Readonly<Record<string, Use>> = {
  list_flows: inNamespace({ children: true }),
  search_flows: inNamespace({ query: 'hello', in_source: true }),
  get_flow: onHello(),
  describe_inputs: inNamespace({ flow_id: 'reader' }),
  validate_flow: { on: (_, namespace) => ({ source: hello(namespace, 'valid') }) },
  create_or_update_flow: { on: (_, namespace) => ({ source: hello(namespace, 'saved') }) },
  list_flow_revisions: onHello(),
  diff_flow_revisions: onHello({ from_revision: 1 }),
  rollback_flow: inNamespace({ flow_id: 'hello', to_revision: 1 }),
  flow_graph: onHello(),
  flow_dependencies: onHello({ everything: true }),
  disable_flow: { on: async (company, namespace) => ({ namespace, flow_id: await company.flow(namespace, 'switched') }) },
  enable_flow: { on: async (company, namespace) => ({ namespace, flow_id: await company.flow(namespace, 'asleep', 'disabled: true\n') }) },
  delete_flow: {
    on: async (company, namespace) => ({ namespace, flow_id: await company.flow(namespace, 'doomed'), confirm: `${namespace}.doomed` }),
  },
  disable_flows: { on: async (company, namespace) => ({ namespace, query: await company.flow(namespace, 'switched') }) },
  enable_flows: { on: async (company, namespace) => ({ namespace, query: await company.flow(namespace, 'asleep', 'disabled: true\n') }) },
  delete_flows: { on: async (company, namespace) => ({ namespace, query: await company.flow(namespace, 'doomed') }) },
  latest_executions: inNamespace({ children: true }),
  flow_metrics: onHello({ metric: 'rows' }),
  describe_namespace: inNamespace(),
  namespace_dependencies: inNamespace(),
  create_namespace: { on: (company, namespace) => ({ namespace: `${namespace}.made${company.next()}` }) },
  update_namespace: { on: (company, namespace) => ({ namespace, description: `team ${company.next()}` }) },
  search_test_suites: inNamespace({ children: true }),
  get_test_suite: { on: (company, namespace) => ({ namespace, test_id: company.suite(namespace) }) },
  save_test_suite: { on: (_, namespace) => ({ source: suite(namespace) }) },
  run_test_suite: { on: (company, namespace) => ({ namespace, test_id: company.suite(namespace) }) },
  search_test_results: inNamespace(),
  delete_test_suite: { on: (company, namespace) => ({ namespace, test_id: company.suite(namespace), confirm: 'greets' }) },
};
