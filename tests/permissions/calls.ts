import { hello } from '../tools/setting.ts';
import { app, type Company } from './company.ts';

type Arguments = Record<string, unknown>;

/** How a tool is used on something in a namespace, and which request finds out where that is if the arguments do not say. */
interface Use {
  readonly on: (company: Company, namespace: string) => Arguments | Promise<Arguments>;
  readonly looksUp?: RegExp;
}

const execution = /^GET main\/executions\/\w+$/;

/** Every tool that concerns one namespace. */
export const uses: Readonly<Record<string, Use>> = {
  list_flows: { on: (_, namespace) => ({ namespace, children: true }) },
  get_flow: { on: (_, namespace) => ({ namespace, flow_id: 'hello' }) },
  create_or_update_flow: { on: (_, namespace) => ({ source: hello(namespace, 'saved') }) },
  execute_flow: { on: (_, namespace) => ({ namespace, flow_id: 'hello', run_key: 'once' }) },
  get_execution: { on: ({ ended }, namespace) => ({ execution_id: ended.get(namespace) }), looksUp: execution },
  list_executions: { on: (_, namespace) => ({ namespace, flow_id: 'hello' }) },
  kill_execution: { on: async (company, namespace) => ({ execution_id: await company.waiting(namespace) }), looksUp: execution },
  search_triggers: { on: (_, namespace) => ({ namespace, children: true }) },
  get_app: { on: ({ apps }, namespace) => ({ uid: apps.get(namespace) }), looksUp: /^GET main\/apps\/\w+$/ },
  create_app: { on: (_, namespace) => ({ app_data: app(namespace, 'made') }) },
};

/** Every tool that can be used without a namespace, and whether it can be limited to some. */
export const lists: Readonly<Record<string, 'limited' | 'only for all'>> = {
  search_namespaces: 'limited',
  search_triggers: 'limited',
  list_apps: 'only for all',
};

/** Those that concern the caller. */
export const ownAffairs: readonly string[] = ['auth_status', 'register_kestra_token'];

/** The least of the built-in roles that allows each tool; nothing for those that concern the caller. */
export const leastRole: Readonly<Record<string, string | undefined>> = {
  search_namespaces: 'kestra-viewer',
  list_flows: 'kestra-viewer',
  get_flow: 'kestra-viewer',
  create_or_update_flow: 'kestra-editor',
  execute_flow: 'kestra-operator',
  get_execution: 'kestra-viewer',
  list_executions: 'kestra-viewer',
  kill_execution: 'kestra-operator',
  search_triggers: 'kestra-viewer',
  list_apps: 'kestra-viewer',
  get_app: 'kestra-viewer',
  create_app: 'kestra-editor',
  auth_status: undefined,
  register_kestra_token: undefined,
};
