import { execute, reached, saveFlows } from '../harness/kestra.ts';
import { current, enter, type StateName } from '../kestra/lifecycle.ts';
import { readApp } from '../kestra/routes/apps.ts';
import type { Kestra } from '../kestra/server.ts';
import type { Execution, TriggerState } from '../kestra/state.ts';
import { flow, hello } from '../tools/setting.ts';

/** Where things are, seen by somebody who may work in acme.data. */
export const places = {
  inside: 'acme.data',
  'in a child': 'acme.data.raw',
  'in its parent': 'acme',
  'in a sibling': 'acme.ops',
  'in one that only begins alike': 'acme.database',
  outside: 'other.team',
} as const;
export const namespaces: readonly string[] = Object.values(places);

const schedule = 'triggers:\n  - id: nightly\n    type: io.kestra.plugin.core.trigger.Schedule\n    cron: "0 3 * * *"\n';

export const app = (namespace: string, id = 'front', name = `App of ${namespace}`): string =>
  `id: ${id}\ntype: io.kestra.plugin.ee.apps.Execution\ndisplayName: ${name}\nnamespace: ${namespace}\nflowId: hello\naccess:\n  type: PRIVATE\nlayout:\n  - on: OPEN\n    blocks: []\n`;

export const suite = (namespace: string, id = 'greets'): string =>
  `id: ${id}\nnamespace: ${namespace}\nflowId: hello\ntestCases:\n  - id: says\n    type: io.kestra.core.tests.flow.UnitTest\n    assertions:\n      - value: x\n        equalTo: x\n`;

/** The flows of every namespace: what they do when they run is in their names. */
const flows = (namespace: string): string[] => [
  hello(namespace, 'hello') + schedule,
  hello(namespace, 'hello', 'description: changed\n') + schedule,
  hello(namespace, 'timed') + schedule,
  hello(namespace, 'reader', 'inputs:\n  - id: data\n    type: FILE\n'),
  flow(namespace, 'patient', 'flow.Pause'),
  flow(namespace, 'sleeper', 'flow.Sleep', 'duration: PT1H'),
  flow(namespace, 'failing', 'execution.Fail', 'errorMessage: it broke'),
  ...['marked', 'gone', 'again'].map((id) => hello(namespace, id)),
];

/**
 * The same in every namespace. Each function makes sure that there is such a thing, as it is wanted, and gives its id: what a refused call
 * has left alone serves for the next.
 */
export interface Company {
  /** A success that nothing changes, with a file, a metric and logs. */
  ended(namespace: string): string;
  fileOf(namespace: string): string;
  /** An execution of this flow that is in this state. */
  execution(namespace: string, flowId: string, state: StateName): Promise<string>;
  /** The trigger of the flow `timed`, idle but for `state`. */
  trigger(namespace: string, state?: Partial<TriggerState>): { namespace: string; flow_id: string; trigger_id: string };
  flow(namespace: string, id: string, more?: string): Promise<string>;
  key(namespace: string): string;
  file(namespace: string): string;
  app(namespace: string, disabled?: boolean): string;
  suite(namespace: string): string;
  /** A number that no other has got. */
  next(): number;
}

export const found = async (kestra: Kestra): Promise<Company> => {
  const { state } = kestra;
  const done = new Map<string, string>();
  const triggers = new Map<string, TriggerState>();
  let count = 0;
  const company: Company = {
    ended: (namespace) => done.get(namespace) ?? '',
    fileOf: (namespace) =>
      `kestra:///${namespace.replaceAll('.', '/')}/hello/executions/${company.ended(namespace)}/tasks/say/run/rows.csv`,
    execution: async (namespace, flowId, wanted) => {
      const known = [...state.executions.values()].find(
        (one) => one.namespace === namespace && one.flowId === flowId && current(one.life) === wanted && one.id !== done.get(namespace),
      );
      if (known) return known.id;
      const id = await execute(kestra, namespace, flowId);
      await reached(kestra, id, wanted === 'QUEUED' ? 'RUNNING' : wanted);
      if (wanted === 'QUEUED') enter((state.executions.get(id) as Execution).life, 'QUEUED');
      return id;
    },
    trigger: (namespace, change = {}) => {
      const key = `${namespace}/timed/nightly`;
      state.triggers.set(key, { ...structuredClone(triggers.get(key) as TriggerState), ...change });
      return { namespace, flow_id: 'timed', trigger_id: 'nightly' };
    },
    flow: async (namespace, id, more = '') => {
      const disabled = more.includes('disabled: true');
      if (state.flow(namespace, id)?.disabled !== disabled) await saveFlows(kestra, `${hello(namespace, id, more)}# ${company.next()}\n`);
      return id;
    },
    key: (namespace) => {
      const date = new Date().toISOString();
      state.keys.set(`${namespace}/color`, {
        namespace,
        key: 'color',
        value: 'red',
        type: 'STRING',
        revision: 1,
        created: date,
        updated: date,
      });
      return 'color';
    },
    file: (namespace) => {
      state.files.set(`${namespace}:/a.txt`, { content: Buffer.from('a file'), created: 1, modified: 1 });
      return '/a.txt';
    },
    app: (namespace, disabled = false) => {
      const uid = `app${namespace.replaceAll('.', '')}`;
      const date = new Date().toISOString();
      state.apps.set(uid, { uid, ...readApp(app(namespace)), disabled, created: date, updated: date });
      return uid;
    },
    suite: (namespace) => {
      const testCases = [{ id: 'says', type: 'io.kestra.core.tests.flow.UnitTest', assertions: [] }];
      state.suites.set(`${namespace}/greets`, { id: 'greets', namespace, flowId: 'hello', testCases, source: suite(namespace) });
      return 'greets';
    },
    next: () => count++,
  };
  for (const namespace of namespaces) {
    await saveFlows(kestra, ...flows(namespace));
    const id = await execute(kestra, namespace, 'hello');
    await reached(kestra, id, 'SUCCESS');
    done.set(namespace, id);
    const key = `${namespace}/timed/nightly`;
    triggers.set(key, structuredClone(state.triggers.get(key) as TriggerState));
    leave(kestra, state.executions.get(id) as Execution, company.fileOf(namespace));
    state.limits.push({ tenantId: 'main', namespace, flowId: 'hello', running: 1 });
    state.namespaces.set(namespace, { description: 'a team' });
    for (const make of [company.key, company.file, company.app, company.suite]) make(namespace);
    state.results.push({ id: `result${namespace.replaceAll('.', '')}`, namespace });
  }
  return company;
};

/** What an execution leaves behind: a file that an output names, and a metric. */
const leave = (kestra: Kestra, { id, namespace, flowId, taskRuns }: Execution, uri: string): void => {
  const [run] = taskRuns ?? [];
  if (run) run.outputs = { uri };
  kestra.state.storage.set(uri, Buffer.from('a,b\n1,2\n'));
  const of = { namespace, flowId, executionId: id, taskId: 'say', taskRunId: run?.id ?? '' };
  kestra.state.metrics.push({ ...of, type: 'counter', name: 'rows', value: 3, timestamp: new Date().toISOString(), tags: {} });
};
