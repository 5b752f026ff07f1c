import type { Outcome } from '../harness/program.ts';
import type { Arguments, Use } from './uses.ts';
import { usesOfExecutions } from './uses-of-executions.ts';
import { usesOfFlows } from './uses-of-flows.ts';
import { usesOfTheRest } from './uses-of-the-rest.ts';

/** Every tool that concerns one namespace. */
export const uses: Readonly<Record<string, Use>> = { ...usesOfFlows, ...usesOfExecutions, ...usesOfTheRest };

type Row = Readonly<Record<string, unknown>>;

/** How a list is asked for without a namespace, and which namespace each row of it is of. */
export interface List {
  readonly args?: Arguments;
  readonly seen: (answer: Outcome) => string[];
  /** What it counts, where that is not its rows. */
  readonly counts?: true;
  readonly pages?: true;
}

const rows =
  (name: string) =>
  ({ structured }: Outcome): string[] =>
    (structured[name] as readonly Row[]).map(({ namespace }) => String(namespace));

/** Every tool that can be used without a namespace, and is then limited to the caller's. */
export const lists: Readonly<Record<string, List>> = {
  search_namespaces: { args: { size: 200 }, seen: ({ structured }) => structured.namespaces as string[], pages: true },
  search_flows: { args: { query: 'hello', size: 200 }, seen: rows('flows'), pages: true },
  search_executions: { args: { state: ['SUCCESS'], size: 200 }, seen: rows('executions'), pages: true },
  search_triggers: { args: { size: 200 }, seen: rows('triggers'), pages: true },
  search_logs: {
    args: { query: 'hello', size: 200 },
    seen: ({ structured }) => [...String(structured.logs).matchAll(/^\S+ \S+ (\S+)\.\w+ /gm)].map(([, namespace = '']) => namespace),
    pages: true,
  },
  list_keys: { args: { size: 200 }, seen: rows('keys'), pages: true },
  list_concurrency: { seen: rows('flows') },
};

/** Those that act on all that they find, without a namespace too: with a time, say. */
export const bulkAnywhere: readonly string[] = [
  'kill_executions',
  'pause_executions',
  'resume_executions',
  'restart_executions',
  'replay_executions',
  'change_executions_state',
  'force_run_executions',
  'unqueue_executions',
  'delete_executions',
];

/** Those that only callers with all namespaces have: what they reach can not be limited. */
export const onlyForAll: readonly string[] = ['list_apps', 'evaluate_expression'];

/** Those that show the same to everybody who may read it. */
export const forEverybody: Readonly<Record<string, Arguments>> = {
  search_plugins: { query: 'log' },
  get_plugin_schema: { type: 'io.kestra.plugin.core.log.Log' },
  search_blueprints: { query: 's3' },
  get_blueprint: { blueprint_id: 'hello' },
};

/** Those that concern the caller. */
export const ownAffairs: Readonly<Record<string, Arguments>> = {
  auth_status: {},
  register_kestra_token: {},
  search_tools: {},
  run_tool: { name: 'auth_status' },
};

/** Where nothing else is said: the least of the built-in roles that allows a tool. */
const byRole: Readonly<Record<string, string>> = {
  // Whatever only looks.
  'kestra-viewer': `search_namespaces list_flows search_flows get_flow describe_inputs search_plugins get_plugin_schema validate_flow
    get_execution list_executions search_executions diagnose_execution get_execution_logs search_triggers list_apps get_app
    list_flow_revisions diff_flow_revisions flow_graph flow_dependencies latest_executions execution_statistics execution_timeline
    list_output_files preview_output_file read_output_file execution_metrics flow_metrics list_concurrency search_logs list_keys get_key
    list_namespace_files read_namespace_file describe_namespace namespace_dependencies list_secrets search_blueprints get_blueprint
    search_test_suites get_test_suite search_test_results`,
  // Whatever runs flows, and acts on what runs; nothing of it stays in a flow or is lost.
  'kestra-operator': `execute_flow execute_app kill_execution resume_execution restart_execution replay_execution pause_execution
    set_execution_labels change_execution_state change_task_run_state force_run_execution unqueue_execution evaluate_expression
    disable_trigger enable_trigger unlock_trigger restart_trigger create_backfill pause_backfill resume_backfill delete_backfill
    kill_executions pause_executions resume_executions restart_executions replay_executions change_executions_state
    force_run_executions unqueue_executions disable_triggers enable_triggers run_test_suite`,
  // Whatever changes flows and what they use, and can be changed back.
  'kestra-editor': `create_or_update_flow rollback_flow disable_flow enable_flow disable_flows enable_flows set_key
    write_namespace_file move_namespace_file create_app update_app enable_app disable_app`,
  // Whatever is lost for good, and what is everybody's.
  'kestra-admin': `delete_flow delete_flows delete_execution delete_executions delete_execution_logs delete_trigger delete_key
    delete_namespace_file delete_app save_test_suite delete_test_suite create_namespace update_namespace`,
};

/** The least of the built-in roles that allows each tool; nothing for those that concern the caller. */
export const leastRole: Readonly<Record<string, string | undefined>> = {
  ...Object.fromEntries(Object.entries(byRole).flatMap(([role, names]) => names.split(/\s+/).map((name) => [name, role]))),
  ...Object.fromEntries(Object.keys(ownAffairs).map((name) => [name, undefined])),
};
