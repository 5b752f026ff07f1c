import { execute, reached, saveFlows } from '../harness/kestra.ts';
import { readApp } from '../kestra/routes/apps.ts';
import type { Kestra } from '../kestra/server.ts';
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
export const app = (namespace: string, id = 'front'): string =>
  `id: ${id}\ntype: io.kestra.plugin.ee.apps.Execution\ndisplayName: App of ${namespace}\nnamespace: ${namespace}\nflowId: hello\naccess:\n  type: PRIVATE\nlayout:\n  - on: OPEN\n    blocks: []\n`;

/** In every namespace the same: a flow with a trigger, one that waits, one that takes a file, an execution that has ended, an app. */
export interface Company {
  /** By namespace. */
  readonly ended: ReadonlyMap<string, string>;
  readonly apps: ReadonlyMap<string, string>;
  /** A new execution that waits. */
  waiting(namespace: string): Promise<string>;
}

export const found = async (kestra: Kestra): Promise<Company> => {
  const [ended, apps] = [new Map<string, string>(), new Map<string, string>()];
  const date = new Date().toISOString();
  for (const namespace of namespaces) {
    await saveFlows(
      kestra,
      hello(namespace, 'hello') + schedule,
      flow(namespace, 'patient', 'flow.Pause'),
      hello(namespace, 'reader', 'inputs:\n  - id: data\n    type: FILE\n'),
    );
    const id = await execute(kestra, namespace, 'hello');
    await reached(kestra, id, 'SUCCESS');
    ended.set(namespace, id);
    const uid = `app${namespace.replaceAll('.', '')}`;
    kestra.state.apps.set(uid, { uid, ...readApp(app(namespace)), created: date, updated: date });
    apps.set(namespace, uid);
  }
  return {
    ended,
    apps,
    waiting: async (namespace) => {
      const id = await execute(kestra, namespace, 'patient');
      await reached(kestra, id, 'PAUSED');
      return id;
    },
  };
};
